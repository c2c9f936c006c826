"""How fast a search evaluates: trials a second, beside backtesting.py 0.6.6 playing the same decisions of the same sets.

    python -m benchmarks.optimization
    python -m benchmarks.optimization --candles eurusd.csv --json
    python -m benchmarks.optimization --sets 60 --compared 2 --rounds 3

A trial is one parameter set, all components on, played and measured on every train and test window of a walk forward of 30, 7
and 7 days over two years of five-minute candles (see `benchmarks.optimization_material`), or over your own. Sets are drawn from
the whole ranges of all searched parameters, so that no two are alike: a search, whose sets resemble each other, finds more in the
memory of stages. Nothing is timed before equity and trades are those of backtesting.py.

backtesting.py plays `--windows` of the windows; its time is scaled to the candles of all windows. It is told three ways:
its fills alone, the decisions given to it as arrays, which is its best case; with the decisions of the set, made once by
`Problem.decisions` without any memory, as who has no search like this one would make them; and running the strategy itself, whose
`next()` decides at each candle what is known then, of a view that was made before (`--candles-decided` of them are timed).
Beside these the kernel alone, its decisions given too, and trials of a new memory, which make all stages. A time is the median of
`--rounds`.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.backtest_speed import require_equal, shown
from benchmarks.backtest_timing import THREADS, side_by_side
from benchmarks.optimization_material import drawn_parameters, problem_of, two_years
from benchmarks.search_engines import reached
from benchmarks.search_loop import Field
from fxgpt_core.backtest.engine import execution_parameters, rules_rows, tape_of, terms_of, wishes_of
from fxgpt_core.backtest.reference import reference_backtest, reference_run
from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.files import checked_candle_file
from fxgpt_core.errors import BadInputError, FxgptError
from fxgpt_core.market.timeframes import timeframe
from fxgpt_core.optimization.convergence import NEVER
from fxgpt_core.optimization.engines.named import EngineName, EngineParameters
from fxgpt_core.optimization.evaluator import Evaluator, measured_of
from fxgpt_core.optimization.plan import SearchParameters
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.study import optimize
from fxgpt_core.optimization.windows import measured_windows, windows_of
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import metadata
from fxgpt_core.registry.trials import TrialStore
from fxgpt_core.strategy.decision import decide
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.view import market_view
from fxgpt_core.validation.folds import FoldParameters, Window, latest_train, walk_forward


@dataclass(frozen=True)
class Plan:
    """How much is measured: sets of ours, sets that backtesting.py plays too, windows of each, rounds, the seed of the draw,
    and folds of a whole run."""

    sets: int
    compared: int
    windows: int
    rounds: int
    seed: int
    folds: int = 8
    candles_decided: int = 400


def trials(problem: Problem, plan: Plan) -> dict[str, Any]:
    """Trials over all windows: ours by two threads, by one and by a new memory, the plain way, and backtesting.py."""
    windows, known = walk_forward_windows(problem), problem.candles.known_at_us
    span = Window(windows[0].start_us, windows[-1].stop_us)
    sets = drawn_parameters(np.random.default_rng(plan.seed), plan.sets)
    compared, part = sets[: plan.compared], [windows[i] for i in np.linspace(0, len(windows) - 1, plan.windows).astype(int)]
    calls: dict[str, Callable[[], object]] = {
        "fills": _all([theirs(problem, each, window) for each in compared for window in part])
    }
    evaluators = {n: Evaluator(problem, threads=n) for n in (1, THREADS)}
    calls |= {f"ours {n}": partial(evaluator.on_windows, sets, windows) for n, evaluator in evaluators.items()}
    calls["ours anew"] = lambda: Evaluator(problem, threads=THREADS).on_windows(sets, windows)
    calls["playing"] = _all([_played(problem, each, windows) for each in sets])
    calls["deciding"] = lambda: [problem.decisions(each, span) for each in compared]
    calls["deciding in next"] = _all([_decided_one_by_one(problem, each, plan) for each in compared])
    taken, candles = side_by_side(calls, plan.rounds), lengths(windows, known)
    fills = taken["fills"] / plan.compared * candles / lengths(part, known)
    deciding, ours = taken["deciding"] / plan.compared, taken[f"ours {THREADS}"] / plan.sets
    in_next = taken["deciding in next"] / plan.compared * candles / plan.candles_decided
    measured = evaluators[1].on_windows(sets, [span])
    return {
        "candles": len(problem.candles),
        "windows": len(windows),
        "candles_of_all_windows": candles,
        "trades_a_set": float(np.mean([measured_of(each[0]).metrics.total_trades for each in measured])),
        "trial_ms": 1e3 * ours,
        "trial_ms_one_thread": 1e3 * taken["ours 1"] / plan.sets,
        "trial_ms_of_a_new_memory": 1e3 * taken["ours anew"] / plan.sets,
        "playing_ms_one_thread": 1e3 * taken["playing"] / plan.sets,
        "trials_per_second": 1.0 / ours,
        "backtesting_py_fills_s": fills,
        "plain_decisions_s": deciding,
        "decisions_in_next_s": in_next,
        "ratio_fills_alone": fills / ours,
        "ratio_trial": (fills + deciding) / ours,
        "ratio_running_the_strategy": (fills + in_next) / ours,
    }


def evaluations(problem: Problem, plan: Plan) -> dict[str, Any]:
    """What a search asks for: one train window of 30 days, ours and the plain way."""
    window = latest_train(problem.candles.known_at_us, FoldParameters())
    sets = drawn_parameters(np.random.default_rng(plan.seed + 1), plan.sets)
    evaluator = Evaluator(problem.around(window), threads=THREADS)
    found = [each.metrics for each in evaluator.measured(sets, window)]
    for mine, each in zip(found, sets, strict=True):
        assert mine == problem.evaluate(each, window).metrics, "an evaluation differs from the plain one"
    calls: dict[str, Callable[[], object]] = {
        "ours": lambda: evaluator.measured(sets, window),
        "plain": lambda: [problem.evaluate(each, window) for each in sets],
    }
    taken = side_by_side(calls, plan.rounds)
    return {
        "evaluation_ms": 1e3 * taken["ours"] / plan.sets,
        "evaluation_ms_plain": 1e3 * taken["plain"] / plan.sets,
        "evaluations_per_second": plan.sets / taken["ours"],
        "ratio_plain": taken["plain"] / taken["ours"],
    }


def runs(problem: Problem, plan: Plan) -> dict[str, Any]:
    """Searches as the specification asks for them: 100 trials of TPE, and 50 generations of 50 sets of NSGA-II.

    Of the last train window each, where the engine's own share is told; and whole runs, of as many folds and the last window.
    """
    field = Field(problem, latest_train(problem.candles.known_at_us, FoldParameters()))
    told: dict[str, Any] = {"folds": plan.folds}
    for name, n in ((EngineName.TPE, 100), (EngineName.NSGA2, 2_500)):
        reached(field, name, 20, plan.seed)  # imports and compiles
        one = reached(field, name, n, plan.seed)
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            ledger = Ledger(f"sqlite:///{folder}/ledger.db")
            metadata.create_all(ledger.engine)
            search = SearchParameters(
                n_trials=n, n_final_trials=n, max_folds=plan.folds, engine=EngineParameters(name), convergence=NEVER
            )
            outcome = optimize(problem, search, TrialStore(ledger))
            ledger.close()
        seconds = time.perf_counter() - began
        told |= {
            f"{name}_search_s": one.engine_s + one.played_s,
            f"{name}_engine_share": one.engine_s / (one.engine_s + one.played_s),
            f"{name}_engine_ms_a_trial": 1e3 * one.engine_s / n,
            f"{name}_run_s": seconds,
            f"{name}_run_trials": outcome.n_trials,
            f"{name}_run_ms_a_trial": 1e3 * seconds / outcome.n_trials,
        }
    return told


def walk_forward_windows(problem: Problem) -> list[Window]:
    """The train and test windows of 30, 7 and 7 days."""
    folds = walk_forward(problem.candles.known_at_us, FoldParameters(purge_candles=288))
    return [window for fold in folds for window in (fold.train, fold.test)]


def lengths(windows: Sequence[Window], known_at_us: "np.ndarray[Any, Any]") -> int:
    """How many candles the windows have together."""
    rows = [window.slice(known_at_us) for window in windows]
    return sum(row.stop - row.start for row in rows)


def theirs(problem: Problem, parameters: StrategyParameters, window: Window) -> Callable[[], Any]:
    """A run of backtesting.py, ready to be called. Raises `AssertionError` if it is not ours, trade by trade."""
    played = problem.evaluate(parameters, window)
    decisions, rules = problem.decisions(parameters, window), execution_parameters(parameters, played.candles.timeframe)
    asked = (played.candles, decisions, rules, problem.costs, problem.account)
    require_equal(played.result, reference_backtest(*asked))
    return reference_run(*asked)


def _decided_one_by_one(problem: Problem, parameters: StrategyParameters, plan: Plan) -> Callable[[], object]:
    """What `next()` of the strategy does at some candles: `decide` of the one row that is known then, of a view made before."""
    view = market_view(problem.candles, problem.bands, parameters, problem.components)
    rows = np.linspace(0, len(view) - 1, plan.candles_decided).astype(int)
    alone = [view.slice(row, row + 1) for row in rows.tolist()]
    return lambda: [decide(each, parameters, problem.costs) for each in alone]


def _played(problem: Problem, parameters: StrategyParameters, windows: Sequence[Window]) -> Callable[[], object]:
    """The kernel on all windows, with its measures, of decisions that are known."""
    known = problem.candles.known_at_us
    wished = wishes_of(problem.decisions(parameters, Window(int(known[0]), int(known[-1]) + 1)))
    spans = windows_of(problem.candles, windows)
    tape, terms = tape_of(problem.candles, problem.costs), terms_of(problem.costs, problem.account)
    rules = rules_rows(execution_parameters(parameters, problem.candles.timeframe))
    return lambda: measured_windows(tape, wished, rules, terms, spans)


def _all(calls: Sequence[Callable[[], Any]]) -> Callable[[], object]:
    return lambda: [call() for call in calls]


SECTIONS: dict[str, Callable[[Problem, Plan], dict[str, Any]]] = {"trials": trials, "evaluations": evaluations, "runs": runs}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="How fast a search evaluates, beside backtesting.py.")
    parser.add_argument("--candles", help="a file of candles instead of two years that are made")
    parser.add_argument("--timeframe", default="5m", help="of that file")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--sets", type=int, default=40)
    parser.add_argument("--compared", type=int, default=3, help="sets that backtesting.py plays too")
    parser.add_argument("--windows", type=int, default=8, help="windows that backtesting.py plays")
    parser.add_argument(
        "--candles-decided", type=int, choices=range(1, 10_001), metavar="N", default=400, help="candles that next() is timed at"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folds", type=int, default=8, help="of a whole run")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    plan = Plan(asked.sets, asked.compared, asked.windows, asked.rounds, asked.seed, asked.folds, asked.candles_decided)
    try:
        if (
            min(plan.sets, plan.compared, plan.windows, plan.rounds, plan.folds, plan.candles_decided) < 1
            or plan.compared > plan.sets
        ):
            raise BadInputError(f"{plan}: each must be at least 1, and no more sets compared than drawn")
        length = timeframe(asked.timeframe)
        candles = candle_arrays(checked_candle_file(asked.candles, length), length) if asked.candles else two_years(plan.seed)
        problem = problem_of(candles, plan.seed)
        found: dict[str, Any] = {"load_average": os.getloadavg()[0], "seed": plan.seed, "rounds": plan.rounds}
        for name in asked.sections:
            found |= SECTIONS[name](problem, plan)
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(found) if asked.json else shown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
