"""Whether parameter sets survive stress: every stress of a problem, and what of it the gate board judges."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from fxgpt_core.backtest.conditions import Conditions, Play
from fxgpt_core.backtest.engine import BacktestResult
from fxgpt_core.backtest.stress import StressKind, StressResult, stress
from fxgpt_core.backtest.stress_parameters import StressParameters
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.costs import FxCosts
from fxgpt_core.market.symbols import symbol
from fxgpt_core.optimization.outcome import OptimizationOutcome
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.stressed import stress_play
from fxgpt_core.registry.gate_evidence import StressEvidence
from fxgpt_core.strategy.regime_sets import Strategy
from fxgpt_core.validation.folds import Window

SEED = 7


@dataclass(frozen=True)
class StressPlan:
    """How to stress: `seed` draws the places of the shocks, None leaves shocks out.

    `progress` is given the name of the work and makes what is told how many plays are done, of how many at most.
    """

    seed: int | None = SEED
    parameters: StressParameters = field(default_factory=StressParameters)
    progress: Callable[[str], Callable[[int, int], None]] | None = None


def stressed(
    problem: Problem, choices: Sequence[tuple[Strategy, Window]], plan: StressPlan | None = None
) -> tuple[StressResult, ...]:
    """Every stress of parameter sets on successive windows, with one account; raises as `stress` and `backtest` do."""
    plan = plan or StressPlan()
    costs = problem.costs if problem.paid is None else problem.paid
    play = stress_play(problem, choices)
    if plan.progress is not None:
        most = plan.parameters.most_plays(problem.candles.timeframe)
        play = _counted(play, most, plan.progress("plays at most under stress"))
    rng = None if plan.seed is None else np.random.default_rng(plan.seed)
    # An account in the base currency is one whose conversion is one over the price, so that a shock moves it too.
    in_base = isinstance(costs, FxCosts) and np.array_equal(costs.conversion, 1.0 / problem.candles.close)
    return stress(play, Conditions(problem.candles, costs, in_base), symbol(problem.symbol), rng, plan.parameters)


@dataclass(frozen=True)
class Survival:
    """The stresses of a search's outcome: of the folds' choices on their test windows, and of the proposed set on all of them.

    The proposed set has seen the candles, the folds' choices had not.
    """

    folds: tuple[StressResult, ...]
    proposed: tuple[StressResult, ...]

    @property
    def evidence(self) -> StressEvidence:
        """What the gate board judges: shocks to the proposed set, which is what will trade; and crises, met by either.

        The least that was kept through any of them, and how many shocks were judged, each once however many its places.
        """
        shocks = [row for row in self.proposed if row.kind is StressKind.SHOCK and row.survived is not None]
        plays = {"the folds' choices": _crises(self.folds), "the proposed set": [*shocks, *_crises(self.proposed)]}
        kept = [(row.numbers.kept_pct, f"{row.label}, of {who}") for who, rows in plays.items() for row in rows if row.numbers]
        return StressEvidence(len({row.name for row in shocks}), *min(kept)) if kept else StressEvidence()

    def to_json(self) -> dict[str, list[dict[str, object]]]:
        """The stresses of both plays."""
        return {"folds": [row.to_json() for row in self.folds], "proposed": [row.to_json() for row in self.proposed]}


def survival(problem: Problem, outcome: OptimizationOutcome, plan: StressPlan | None = None) -> Survival:
    """Both plays of an outcome under every stress; the proposed set is played over all that the searches see."""
    return Survival(
        folds=stressed(problem, [(fold.parameters, fold.fold.test) for fold in outcome.folds], plan),
        proposed=stressed(problem, [(outcome.strategy, outcome.span)], plan),
    )


def _crises(rows: Sequence[StressResult]) -> list[StressResult]:
    return [row for row in rows if row.kind is StressKind.CRISIS and row.survived is not None]


def _counted(play: Play, most: int, progress: Callable[[int, int], None]) -> Play:
    done = 0

    def counted(conditions: Conditions) -> tuple[CandleArrays, BacktestResult]:
        nonlocal done
        played = play(conditions)
        done += 1
        progress(done, most)
        return played

    return counted
