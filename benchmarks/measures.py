"""How long measuring a backtest takes: the 20 result columns and the whole report, beside the statistics of backtesting.py.

    python -m benchmarks.measures
    python -m benchmarks.measures --candles 500000 --trades 10000 --json

All measure one seeded run: five-minute candles of the FX week, trades one after the other, and the equity they make. Nothing is
timed before the numbers that both define alike are equal; the compiled part is compiled before the clock starts.
"""

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from backtesting._stats import compute_stats

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import MINUTE_US, Timeframe
from fxgpt_core.performance.measures import metrics
from fxgpt_core.performance.report import report

FIRST_US = 1_515_448_800_000_000  # 2018-01-08 22:00 UTC
CASH = 100_000.0


def measure(n_candles: int, n_trades: int, seed: int, repeats: int) -> dict[str, Any]:
    """Median milliseconds of all three over `repeats` calls, side by side.

    Raises `AssertionError` when a number that backtesting.py defines as we do differs.
    """
    run, candles = seeded_run(n_candles, n_trades, seed)
    table, prices = tables(run, candles)
    require_equal(run, candles, compute_stats(table, run.equity, prices, None))
    calls: dict[str, Callable[[], object]] = {
        "columns_ms": lambda: metrics(run, candles),
        "report_ms": lambda: report(run, candles),
        "backtesting_py_ms": lambda: compute_stats(table, run.equity, prices, None),
    }
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            taken[name].append(milliseconds(call))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    return {"candles": n_candles, "trades": n_trades, "seed": seed, "repeats": repeats, **medians}


def seeded_run(n_candles: int, n_trades: int, seed: int) -> tuple[Any, CandleArrays]:
    """A random walk and trades of 10,000 units at random candles, none at the same time; equity moves when a trade ends."""
    rng = np.random.default_rng(seed)
    times = expected_open_times(FIRST_US, FIRST_US + 8 * MINUTE_US * n_candles, Timeframe.M5)[:n_candles]
    price = 1.1 * np.exp(np.cumsum(rng.normal(0.0, 2e-4, n_candles)))
    candles = CandleArrays(times, price, price, price, price, np.ones(n_candles), Timeframe.M5)
    # The account starts flat, as the statistics of backtesting.py take for granted.
    entry, exit_ = np.sort(rng.choice(np.arange(1, n_candles), 2 * n_trades, replace=False)).reshape(-1, 2).T
    side, units = rng.choice([1, -1], n_trades).astype(np.int8), np.full(n_trades, 10_000)
    commission, spread_cost = 0.2 * np.ones(n_trades), 0.7 * np.ones(n_trades)
    profit = side * units * (price[exit_] - price[entry]) - commission - spread_cost
    equity = np.full(n_candles, CASH)
    equity += np.cumsum(np.bincount(exit_, profit, n_candles))
    trades = SimpleNamespace(
        entry_index=entry, exit_index=exit_, entry_time_us=times[entry], exit_time_us=times[exit_], side=side, units=units,
        entry_price=price[entry], exit_price=price[exit_], reason=rng.integers(1, 7, n_trades).astype(np.int8), profit=profit,
        commission=commission, spread_cost=spread_cost,
    )  # fmt: skip
    return SimpleNamespace(trades=trades, equity=equity, cash=CASH), candles


def tables(run: Any, candles: CandleArrays) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The trades and the candles as backtesting.py has them."""
    trades = run.trades
    entry, exit_ = (pd.DatetimeIndex(times.astype("datetime64[us]")) for times in (trades.entry_time_us, trades.exit_time_us))
    table = pd.DataFrame({
        "EntryBar": trades.entry_index, "ExitBar": trades.exit_index, "PnL": trades.profit,
        "ReturnPct": trades.profit / (trades.units * trades.entry_price), "Duration": exit_ - entry,
    })  # fmt: skip
    return table, pd.DataFrame({"Close": candles.close}, index=pd.DatetimeIndex(candles.open_time_us.astype("datetime64[us]")))


def require_equal(run: Any, candles: CandleArrays, theirs: Any) -> None:
    """Equal numbers, to rounding: measures that measure something else must not be compared."""
    found = report(run, candles)
    pairs = {
        "SQN": found.trades.sqn,
        "Kelly Criterion": found.trades.kelly_fraction,
        "Exposure Time [%]": 100.0 * found.exposure.exposure,
        "Max. Drawdown [%]": -found.metrics.max_drawdown_pct,
        "Win Rate [%]": 100.0 * found.metrics.win_rate,
        "Return [%]": found.metrics.total_return_pct,
    }
    for name, ours in pairs.items():
        assert np.isclose(theirs[name], ours, rtol=1e-9, atol=0.0), (name, theirs[name], ours)


def milliseconds(call: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    began = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - began)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candles", type=int, default=150_000)
    parser.add_argument("--trades", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    # The statistics of backtesting.py use a name that pandas renamed.
    warnings.filterwarnings("ignore", message="DatetimeIndex.dayofweek is deprecated", category=DeprecationWarning)
    found = measure(asked.candles, asked.trades, asked.seed, asked.repeats)
    if asked.json:
        print(json.dumps(found))
        return 0
    print(f"{found['candles']} candles, {found['trades']} trades, equal numbers")
    print(f"20 columns      {found['columns_ms']:10.2f} ms")
    print(f"whole report    {found['report_ms']:10.2f} ms")
    print(f"backtesting.py  {found['backtesting_py_ms']:10.2f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
