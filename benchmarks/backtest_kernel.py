"""How much faster the compiled kernel is than backtesting.py, on the same candles and decisions, in one run.

    python -m benchmarks.backtest_kernel
    python -m benchmarks.backtest_kernel --candles eurusd.csv --timeframe 1h --json

Without `--candles` it takes the hourly EURUSD candles that the package backtesting ships. Both engines run the same seeded
decisions; nothing is timed before their trades and equity are equal, and the kernel is compiled before the clock starts.
A run of backtesting.py includes the statistics it always computes at its end; a run of the kernel includes its trade table.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from fxgpt_core.backtest.engine import BacktestResult, ExecutionParameters, Trades, backtest
from fxgpt_core.backtest.reference import reference_backtest
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.files import FilesProvider
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.errors import FxgptError
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.timeframes import timeframe
from fxgpt_core.strategy.decision import Decisions

COSTS = Costs(spread=0.00007, commission=0.00002)
EXECUTION = ExecutionParameters(
    plan=ExitPlan(breakeven_trigger=0.001, trailing_activation=0.002, trailing_distance=0.002),
    max_candles=48,
    daily_loss_limit=0.03,
    max_margin_fraction=0.5,
)
KERNEL_RUNS = 50


def measure(candles: CandleArrays, seed: int, repeats: int) -> dict[str, Any]:
    """Median seconds of both engines over `repeats` runs (a run of the kernel is the mean of 50), and their ratio.

    Raises `AssertionError` when the engines differ in one trade or in one point of the equity curve.
    """
    decisions = seeded_decisions(candles, seed)
    kernel = backtest(candles, decisions, EXECUTION, COSTS)
    require_equal(kernel, reference_backtest(candles, decisions, EXECUTION, COSTS))
    mine, theirs = [], []
    for _ in range(repeats):
        # Side by side, so that whatever else the machine does falls on both.
        mine.append(seconds(lambda: backtest(candles, decisions, EXECUTION, COSTS), KERNEL_RUNS))
        theirs.append(seconds(lambda: reference_backtest(candles, decisions, EXECUTION, COSTS), 1))
    ours, reference = statistics.median(mine), statistics.median(theirs)
    return {
        "candles": len(candles),
        "trades": len(kernel.trades),
        "seed": seed,
        "repeats": repeats,
        "kernel_ms": 1e3 * ours,
        "backtesting_py_ms": 1e3 * reference,
        "ratio": reference / ours,
    }


def seeded_decisions(candles: CandleArrays, seed: int) -> Decisions:
    """An entry on every third candle or so, either side, stop and target a third to two times 0.4 % away."""
    rng = np.random.default_rng(seed)
    n = len(candles)
    side = np.where(rng.random(n) < 0.3, rng.choice([1, -1], n), 0).astype(np.int8)
    stop, target = (0.004 * candles.close * rng.uniform(0.3, 2.0, n) for _ in range(2))
    return Decisions(candles.known_at_us, side, stop, target, np.full(n, 0.01), np.zeros(n, np.int8))


def require_equal(kernel: BacktestResult, reference: BacktestResult) -> None:
    """Equal trades and equity, under `==`: two engines that do different work must not be compared."""
    for field in fields(Trades):
        assert np.array_equal(getattr(kernel.trades, field.name), getattr(reference.trades, field.name)), field.name
    assert np.array_equal(kernel.equity, reference.equity)


def seconds(work: Callable[[], object], times: int) -> float:
    """Seconds of one call, as the mean of `times`."""
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candles", type=Path, help="CSV or Parquet of candles (columns: see README)")
    parser.add_argument("--timeframe", default="1h")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        length = timeframe(asked.timeframe)
        provider = SampleProvider() if asked.candles is None else FilesProvider({("EURUSD", length): asked.candles})
        found = measure(candle_arrays(provider.candles("EURUSD", length), length), asked.seed, asked.repeats)
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if asked.json:
        print(json.dumps(found))
        return 0
    print(f"{found['candles']} candles, {found['trades']} trades, equal in both engines")
    print(f"kernel          {found['kernel_ms']:10.3f} ms")
    print(f"backtesting.py  {found['backtesting_py_ms']:10.3f} ms")
    print(f"ratio           {found['ratio']:10.0f} times")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
