"""What a search of thousands of trials finds where there is nothing to find, and what of it the tests of luck believe.

    python -m benchmarks.true_null
    python -m benchmarks.true_null --evaluations 2000 --seeds 3 --json

Candles are of an i.i.d. random walk, bands know nothing of it, and trading is free. NSGA-II searches the first half with so many
evaluations and no limits but a number of trades; the set with the best Sharpe ratio there is played on the second half. Told are
both annual Sharpe ratios, and of the first half: the probability that the Sharpe ratio is above 0 as if there had been one trial
(PSR), the same deflated by all evaluations (DSR), once with the variance of all of them, once with that of the first generation
alone (a trap: it is smaller than what was chosen from), and the probability of overfitting (PBO): of a spread of 200 sets (a trap
too: they were bred on all of these days, so that the best of one half is among the best of the other), and of the first
generation, which nothing had chosen. At the end, whether the tests of luck as the gate board uses them, on the unseen half, let
the set pass.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass, replace
from typing import Final

import numpy as np

from benchmarks.search_loop import Field, searched
from benchmarks.search_material import COSTS, made_up
from fxgpt_core.market.costs import Costs
from fxgpt_core.optimization.engines.genetic import GeneticParameters
from fxgpt_core.optimization.engines.named import EngineName, EngineParameters
from fxgpt_core.optimization.limits import TrialLimits
from fxgpt_core.optimization.searched import daily_returns
from fxgpt_core.optimization.space import decoded
from fxgpt_core.performance.bootstrap import block_length
from fxgpt_core.performance.luck import LuckParameters, luck
from fxgpt_core.performance.measures import period_returns
from fxgpt_core.performance.overfitting import backtest_overfitting
from fxgpt_core.performance.significance import deflated_sharpe, probabilistic_sharpe, sharpe_moments
from fxgpt_core.performance.trials import Trials, luck_variance
from fxgpt_core.validation.folds import Window

CANDLES: Final = 24 * 520
LEAST_TRADES: Final = 30
SPREAD: Final = 200
BLOCKS: Final = 12
FREE: Final = Costs(0.0, 0.0)


@dataclass(frozen=True)
class Null:
    """One search of nothing; Sharpe ratios are annual."""

    seed: int
    evaluations: int
    in_sample: float
    out_of_sample: float
    psr: float
    dsr: float
    dsr_of_first_generation: float
    pbo: float
    pbo_of_first_generation: float
    gate_passed: bool


def null(evaluations: int, population: int, seed: int, costs: Costs) -> Null:
    """One search and its verdicts."""
    problem = replace(made_up(CANDLES, 0.0, seed), costs=costs)
    half = int(problem.candles.known_at_us[CANDLES // 2])
    seen = Window(int(problem.candles.known_at_us[0]), half)
    unseen = Window(half, int(problem.candles.known_at_us[-1]) + 1)
    field = Field(problem, seen, TrialLimits(None, None, None, None, LEAST_TRADES))
    found = searched(field, EngineParameters(EngineName.NSGA2, GeneticParameters(population)), evaluations, seed)
    told, sharpes = found.told, found.sharpe_per_period
    feasible = np.where(told.violation == 0.0, told.objectives[:, 0], -np.inf)
    best = decoded(told.genomes[int(np.argmax(feasible))])
    inside, outside = problem.evaluate(best, seen), problem.evaluate(best, unseen)
    moments = sharpe_moments(period_returns(inside.result, inside.candles))
    # With the best one: what was chosen must be among what it was chosen from.
    rows = np.unique([*np.linspace(0, len(told) - 1, SPREAD - 1).astype(int), int(np.argmax(feasible))])
    tried = daily_returns(problem, [decoded(told.genomes[row]) for row in rows], seen)
    first = daily_returns(problem, [decoded(genome) for genome in told.genomes[:population]], seen)
    returns = period_returns(outside.result, outside.candles)
    trials = Trials(len(told), luck_variance(tried, block_length(returns)), len(tried))
    verdict = luck(returns, trials, tried, LuckParameters(), np.random.default_rng(seed))
    return Null(
        seed=seed,
        evaluations=len(told),
        in_sample=inside.metrics.sharpe_ratio,
        out_of_sample=outside.metrics.sharpe_ratio,
        psr=probabilistic_sharpe(moments),
        dsr=deflated_sharpe(moments, len(told), float(np.var(sharpes, ddof=1))),
        dsr_of_first_generation=deflated_sharpe(moments, len(told), float(np.var(sharpes[:population], ddof=1))),
        pbo=backtest_overfitting(tried, BLOCKS).pbo,
        pbo_of_first_generation=backtest_overfitting(first, BLOCKS).pbo,
        gate_passed=verdict.passed,
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluations", type=int, default=20_000)
    parser.add_argument("--population", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--costs", action="store_true", help="trading costs something, so that who trades less does better")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    found = [
        null(asked.evaluations, asked.population, seed, COSTS if asked.costs else FREE) for seed in range(1, asked.seeds + 1)
    ]
    if asked.json:
        print(json.dumps([asdict(each) for each in found]))
    else:
        print("seed evaluations  in sample  out of sample    PSR  DSR (of generation 0)  PBO (of generation 0)  passes")
        for each in found:
            dsr = f"{each.dsr:.4f} ({each.dsr_of_first_generation:.4f})"
            pbo = f"{each.pbo:.3f} ({each.pbo_of_first_generation:.3f})"
            sharpes = f"{each.in_sample:10.2f} {each.out_of_sample:14.2f} {each.psr:6.3f}"
            print(f"{each.seed:4d} {each.evaluations:11d} {sharpes} {dsr:>22} {pbo:>22}  {'YES' if each.gate_passed else 'no'}")
    return 1 if any(each.gate_passed for each in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
