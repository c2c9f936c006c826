"""What a search finds in years of real candles, and what becomes of it in a year that nothing has touched.

    python -m benchmarks.untouched_year DATA_ROOT
    python -m benchmarks.untouched_year DATA_ROOT --untouched 2021-07-01 --symbols EURUSD --trials 500 --json

DATA_ROOT is a data root in which candles of the symbols were imported and the assets up to calibration_quantiles materialized
(regimes, pattern_autoencoder and allocation too, if they are to decide). Of the candles behind training and calibration, those
before `--untouched` are searched: folds of a year, tested on the next thirteen weeks, then a search of the last year. Its choice,
and the default parameters, are played once on what lies behind. Trials are kept in a ledger of their own, gone at the end.

DSR and PBO are those of the gate board, on the stitched test windows and on the sets tried.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from fxgpt_core.cli.countdown import Countdown
from fxgpt_core.cli.stored import parts_named, stored_problem
from fxgpt_core.errors import FxgptError
from fxgpt_core.optimization.luck_of_search import TrialsEver, luck_of_search
from fxgpt_core.optimization.plan import SearchParameters, planned
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.study import optimize
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import metadata
from fxgpt_core.registry.trials import TrialStore
from fxgpt_core.settings import read_settings
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.regime_sets import Strategy
from fxgpt_core.validation.folds import FoldParameters, Window

SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD")
FOLDS = FoldParameters(train_days=364.0, test_days=91.0, step_days=91.0)


@dataclass(frozen=True)
class Row:
    """One symbol: annual Sharpe ratios, percent of return and fall, and closed trades of each play."""

    symbol: str
    searched: str
    untouched: str
    trials: int
    folds: int
    default_in: float
    chosen_in: float
    walked: float
    default_out: float
    chosen_out: float
    chosen_return_pct: float
    chosen_fall_pct: float
    chosen_trades: int
    dsr: float
    pbo: float
    passes_luck: bool


def row(name: str, root: Path, untouched_us: int, trials: int, without: tuple[str, ...]) -> Row:
    """One symbol. Raises what is missing in the data root."""
    problem = stored_problem(read_settings({"FXGPT_DATA_ROOT": str(root)}), name, "1h", without=without).problem
    known_at = problem.bands.known_at_us
    share = (int(known_at[-1]) - untouched_us) / (int(known_at[-1]) - int(known_at[0]))
    search = SearchParameters(n_trials=trials, n_final_trials=trials, max_folds=99, vault_share=share, folds=FOLDS)
    vault = Window(untouched_us, int(known_at[-1]) + 1)
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(f"sqlite:///{folder}/ledger.db")
        metadata.create_all(ledger.engine)
        store = TrialStore(ledger)
        tell = Countdown(lambda line: print(line, file=sys.stderr, flush=True), f"trials of {name}")
        outcome = optimize(problem, search, store, progress=lambda each: tell(each.done, each.total))
        ever = TrialsEver(store.n_trials_ever(name, "1h"), store.sharpe_variance(name, "1h"))
        found = luck_of_search(problem, outcome, ever, np.random.default_rng(7)).luck
        ledger.close()
    own, default = planned(problem, search)[-1].window, StrategyParameters.default().replace(**problem.components.fitted)
    chosen = problem.evaluate(outcome.strategy, vault).metrics
    return Row(
        symbol=name,
        searched=str(outcome.span),
        untouched=str(vault),
        trials=outcome.n_trials,
        folds=len(outcome.folds),
        default_in=_sharpe(problem, default, own),
        chosen_in=_sharpe(problem, outcome.strategy, own),
        walked=outcome.out_of_sample.metrics.sharpe_ratio,
        default_out=_sharpe(problem, default, vault),
        chosen_out=chosen.sharpe_ratio,
        chosen_return_pct=chosen.total_return_pct,
        chosen_fall_pct=chosen.max_drawdown_pct,
        chosen_trades=chosen.total_trades,
        dsr=found.dsr,
        pbo=found.pbo,
        passes_luck=found.passed,
    )


def _sharpe(problem: Problem, strategy: Strategy, window: Window) -> float:
    return problem.evaluate(strategy, window).metrics.sharpe_ratio


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", metavar="DATA_ROOT", type=Path)
    parser.add_argument("--untouched", default="2021-07-01", help="first day that nothing may touch")
    parser.add_argument("--symbols", nargs="+", default=list(SYMBOLS))
    parser.add_argument("--trials", type=int, default=1_000, help="of each search")
    parser.add_argument("--without", help="components that do not decide, with commas")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    untouched_us = int(datetime.fromisoformat(asked.untouched).replace(tzinfo=UTC).timestamp()) * 1_000_000
    rows = []
    for name in asked.symbols:
        try:
            rows.append(row(name, asked.root, untouched_us, asked.trials, parts_named(asked.without)))
        except FxgptError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
    if asked.json:
        print(json.dumps([asdict(each) for each in rows]))
        return 0
    print(
        "        trials folds | in sample: default  chosen |walked | untouched: default  chosen return%  fall% trades |  DSR  PBO"
    )
    for each in rows:
        seen = f"{each.default_in:18.2f} {each.chosen_in:7.2f} | {each.walked:6.2f}"
        unseen = f"{each.default_out:18.2f} {each.chosen_out:7.2f} {each.chosen_return_pct:7.1f} {each.chosen_fall_pct:6.1f}"
        luck = f"{each.dsr:5.3f} {each.pbo:5.3f} {'passes' if each.passes_luck else 'refused'}"
        print(f"{each.symbol} {each.trials:7d} {each.folds:5d} | {seen} | {unseen} {each.chosen_trades:6d} | {luck}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
