"""How fast the backtest is beside backtesting.py 0.6.6 and vectorbt 1.2: one set, a thousand sets, and a walk-forward.

    python -m benchmarks.backtest_speed
    python -m benchmarks.backtest_speed --candles eurusd.csv --timeframe 5m --json
    python -m benchmarks.backtest_speed --parts one_set batch --rounds 3 --sets 200

Candles: 5,000 hourly ones of the sample, and five-minute ones made of them, `--lengths` of them (see
`benchmarks.backtest_material`), or your own. The first five-minute series is played by batch, vectorbt and walk-forward.
All engines get the same decisions, made once and not timed. Nothing is timed before every trade and every point of the equity are
those of backtesting.py, under `==`. A time is the median of `--rounds` in which each engine has its turn. A run of
backtesting.py is its `Backtest.run`, which includes its statistics; one of vectorbt is `Portfolio.from_signals`, which does not;
ours includes the table of trades, or the sums of a run where thousands are played.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.backtest_first_call import first_calls
from benchmarks.backtest_material import (
    ACCOUNT,
    COSTS,
    Crossing,
    crossings,
    drawn_sets,
    execution,
    resampled,
    sample,
    walk_forward_windows,
)
from benchmarks.backtest_timing import THREADS, side_by_side
from fxgpt_core.backtest.engine import (
    BacktestResult,
    Execution,
    Trades,
    backtest,
    rules_rows,
    tape_of,
    terms_of,
    wishes_of,
)
from fxgpt_core.backtest.kernel import play
from fxgpt_core.backtest.reference import reference_backtest, reference_run
from fxgpt_core.backtest.sets import ParameterSet, Replay, play_sets
from fxgpt_core.backtest.tape import TRADE, Log, Sums
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.files import checked_candle_file
from fxgpt_core.errors import BadInputError, FxgptError
from fxgpt_core.market.timeframes import timeframe
from fxgpt_core.performance.summed import measures_of_sums
from fxgpt_core.strategy.decision import Decisions

PARTS = ("one_set", "batch", "vectorbt", "walk_forward", "first_call")
RULES = 20
SETS_COMPARED = 3
FOLDS_COMPARED = 6


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds of each time, drawn sets, columns of vectorbt, the seed of all that is drawn."""

    rounds: int
    sets: int
    columns: int
    seed: int


@dataclass(frozen=True, eq=False)
class Case:
    """One set on one series."""

    candles: CandleArrays
    decisions: Decisions
    execution: Execution

    def ours(self) -> BacktestResult:
        """A run of the kernel, with its trades."""
        return backtest(self.candles, self.decisions, self.execution, COSTS, ACCOUNT)

    def loop(self) -> Callable[[], None]:
        """The compiled loop alone, ready to be called: neither preparation nor trades nor equity, only what is summed."""
        tape, wishes = tape_of(self.candles, COSTS), wishes_of(self.decisions)
        rules, terms, window = rules_rows(self.execution), terms_of(COSTS, ACCOUNT), (0, len(self.candles))
        log = Log(np.empty(len(Sums._fields)), np.empty(0, TRADE), np.empty(0), np.empty(0))
        return lambda: play(tape, wishes, rules, terms, window, log)

    def theirs(self) -> Callable[[], Any]:
        """A run of backtesting.py, ready to be called. Raises `AssertionError` if it is not ours, trade by trade."""
        require_equal(self.ours(), reference_backtest(self.candles, self.decisions, self.execution, COSTS, ACCOUNT))
        return reference_run(self.candles, self.decisions, self.execution, COSTS, ACCOUNT)

    def window(self, start: int, stop: int) -> "Case":
        """The same set on the candles [start, stop)."""
        return Case(self.candles.slice(start, stop), self.decisions.slice(start, stop), self.execution)


def usual_case(candles: CandleArrays) -> Case:
    """The usual crossing, run in the usual way."""
    return Case(candles, crossings(candles, Crossing()), execution(candles))


def require_equal(ours: BacktestResult, theirs: BacktestResult) -> None:
    """Equal trades and equity, under `==`: engines that do different work must not be compared."""
    for field in fields(Trades):
        assert np.array_equal(getattr(ours.trades, field.name), getattr(theirs.trades, field.name)), f"{field.name} differs"
    assert np.array_equal(ours.equity, theirs.equity), "equity differs"


def one_set(series: Sequence[CandleArrays], plan: Plan) -> dict[str, Any]:
    """One set with its list of trades, on each series; the headline figures are those of the first five-minute series."""
    rows = [_one_set(usual_case(candles), plan.rounds) for candles in series]
    headline = rows[min(1, len(rows) - 1)]
    return {
        "one_set": rows,
        "identical_trades": sum(row["trades"] for row in rows),
        "ratio_backtesting_py": headline["ratio"],
        "bars_per_second": headline["bars_per_second"],
        "ns_per_candle": {str(row["candles"]): row["ns_per_candle"] for row in rows},
        "loop_ns_per_candle": {str(row["candles"]): row["loop_ns_per_candle"] for row in rows},
    }


def _one_set(case: Case, rounds: int) -> dict[str, Any]:
    taken = side_by_side({"ours": case.ours, "loop": case.loop(), "theirs": case.theirs()}, rounds)
    trades, n = case.ours().trades, len(case.candles)
    return {
        "candles": n,
        "trades": len(trades),
        "in_position": float((trades.exit_index - trades.entry_index + 1).sum()) / n,
        "ours_s": taken["ours"],
        "backtesting_py_s": taken["theirs"],
        "ratio": taken["theirs"] / taken["ours"],
        "bars_per_second": n / taken["ours"],
        "ns_per_candle": 1e9 * taken["ours"] / n,
        "loop_ns_per_candle": 1e9 * taken["loop"] / n,
    }


def batch(candles: CandleArrays, plan: Plan) -> dict[str, Any]:
    """Many drawn sets on one series by one and two threads; backtesting.py plays the first three of them."""
    decisions, sets = drawn_sets(candles, plan.sets, RULES, plan.seed)
    replay = Replay(candles, COSTS, ACCOUNT)
    cases = [Case(candles, decisions[each.decisions], each.execution) for each in sets[:SETS_COMPARED]]
    calls: dict[str, Callable[[], Any]] = {str(k): case.theirs() for k, case in enumerate(cases)}
    played = play_sets(replay, decisions, sets)
    require_same_sums([case.ours() for case in cases], played.of("final_equity")[:, 0], played.of("trades")[:, 0])
    for n in (1, THREADS):
        calls[f"{n} threads"] = lambda n=n: play_sets(replay, decisions, sets, threads=n)  # type: ignore[misc]
    taken = side_by_side(calls, plan.rounds)
    theirs = sum(taken[str(k)] for k in range(len(cases))) / len(cases)
    a_set = taken[f"{THREADS} threads"] / len(sets)
    return {
        "sets": len(sets),
        "set_ms": 1e3 * a_set,
        "set_ms_one_thread": 1e3 * taken["1 threads"] / len(sets),
        "trades_a_set": float(played.of("trades").mean()),
        "sets_per_second": 1.0 / a_set,
        "ratio_batch_backtesting_py": theirs / a_set,
    }


def require_same_sums(runs: Sequence[BacktestResult], final_equity: np.ndarray, trades: np.ndarray) -> None:
    """The sums of a batch are those of single runs, under `==`."""
    for run, equity, n in zip(runs, final_equity.tolist(), trades.tolist(), strict=False):
        assert (run.final_equity, len(run.trades)) == (equity, n)


def walk_forward(candles: CandleArrays, plan: Plan) -> dict[str, Any]:
    """Train and test windows of 30, 7 and 7 days, with the measures of each; backtesting.py plays six folds, times all of them.

    Its folds lie evenly over the series.
    """
    windows, case, replay = walk_forward_windows(candles), usual_case(candles), Replay(candles, COSTS, ACCOUNT)
    folds = np.unique(np.linspace(0, len(windows) // 2 - 1, FOLDS_COMPARED).astype(int))
    compared = np.sort(np.concatenate((2 * folds, 2 * folds + 1)))
    cases = [case.window(start, stop) for start, stop in windows[compared].tolist()]
    theirs = [each.theirs() for each in cases]
    decisions, sets = drawn_sets(candles, plan.sets, RULES, plan.seed)

    def of_sets(decisions: list[Decisions], sets: list[ParameterSet]) -> Any:
        played = play_sets(replay, decisions, sets, windows, threads=THREADS)
        return played, measures_of_sums(played, candles, windows)

    one = [case.decisions], [ParameterSet(0, case.execution)]
    played, _ = of_sets(*one)
    require_same_sums([each.ours() for each in cases], played.of("final_equity")[0, compared], played.of("trades")[0, compared])
    taken = side_by_side(
        {"one": lambda: of_sets(*one), "many": lambda: of_sets(decisions, sets), "theirs": lambda: [run() for run in theirs]},
        plan.rounds,
    )
    scaled = taken["theirs"] * len(windows) / len(compared)
    return {
        "windows": len(windows),
        "windows_of_backtesting_py": len(compared),
        "walk_forward_one_set_ms": 1e3 * taken["one"],
        "walk_forward_backtesting_py_s": scaled,
        "ratio_walk_forward": scaled / taken["one"],
        "ratio_walk_forward_of_many": scaled / taken["many"] * len(sets),
        f"walk_forward_{len(sets)}_sets_seconds": taken["many"],
    }


def measure(series: Sequence[CandleArrays], plan: Plan, parts: Sequence[str]) -> dict[str, Any]:
    """The parts asked for; `series` are the sample and the five-minute candles."""
    main_series = series[min(1, len(series) - 1)]
    found: dict[str, Any] = {"load_average": os.getloadavg()[0], "seed": plan.seed, "rounds": plan.rounds}
    if "one_set" in parts:
        found |= one_set(series, plan)
    if "batch" in parts:
        found |= batch(main_series, plan)
    if "vectorbt" in parts:
        # Its import compiles for seconds.
        from benchmarks.backtest_vectorbt_speed import with_vectorbt

        found |= with_vectorbt(main_series, plan.columns, plan.rounds, plan.seed)
    if "walk_forward" in parts:
        found |= walk_forward(main_series, plan)
    if "first_call" in parts:
        found |= first_calls()
    return found


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candles", type=Path, help="CSV or Parquet of candles (columns: see README), in place of made ones")
    parser.add_argument("--timeframe", default="5m", help="of --candles")
    parser.add_argument("--lengths", type=int, nargs="+", default=[150_000, 500_000], help="of the five-minute candles made")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--columns", type=int, default=100, help="of vectorbt")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    plan = Plan(asked.rounds, asked.sets, asked.columns, asked.seed)
    try:
        if min(plan.rounds, plan.sets, plan.columns, *asked.lengths) < 1:
            raise BadInputError(f"{plan}, lengths {asked.lengths}: each must be at least 1")
        hourly = sample()
        if asked.candles:
            length = timeframe(asked.timeframe)
            series = [hourly, candle_arrays(checked_candle_file(asked.candles, length), length)]
        else:
            series = [hourly, *(resampled(hourly, n, plan.seed) for n in asked.lengths)]
        found = measure(series, plan, asked.parts)
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(found) if asked.json else shown(found))
    return 0


def shown(found: dict[str, Any]) -> str:
    """A line for each figure."""
    lines = []
    for name, value in found.items():
        rows = value if isinstance(value, list) else [value]
        lines += [f"{name:<32} {_text(row)}" for row in rows]
    return "\n".join(lines)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items())
    return f"{value:,.4g}" if isinstance(value, float) else f"{value}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
