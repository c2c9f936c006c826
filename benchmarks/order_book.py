"""How much faster the compiled order book is than backtesting.py, on the same candles and instructions, in one run.

    python -m benchmarks.order_book
    python -m benchmarks.order_book --lengths 5000 --json

It takes the hourly EURUSD candles that the package backtesting ships, and for longer series puts random stretches of them
together. Both engines play the same seeded stream of market, limit, stop and stop-limit orders with stop losses and take profits,
of moved stops, closed halves and cancelled entries. Nothing is timed before their trades and equity are equal, and the order book
is compiled before the clock starts. A run of backtesting.py includes the statistics it always computes; a run of the order book
includes its checks and its records. The same stream is played under FX quotes too, which backtesting.py does not know.
"""

import argparse
import json
import math
import statistics
import sys
from dataclasses import fields
from typing import Any

import numpy as np

from benchmarks.backtest_timing import seconds
from fxgpt_core.backtest.instructions import Instruction, Instructions, instructions
from fxgpt_core.backtest.order_stream import ANY_TAG, BUY, CANCEL, CLOSE, MOVE_STOP, SELL
from fxgpt_core.backtest.order_terms import OrderTerms
from fxgpt_core.backtest.orders import OrderBacktest, OrderTrades, play_orders
from fxgpt_core.backtest.reference_orders import reference_orders
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.errors import FxgptError
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.timeframes import Timeframe

TERMS = OrderTerms(Costs(spread=0.00007, commission=0.00002))
FX_TERMS = OrderTerms(FxCosts(np.array([0.00008]), commission=0.00002, slippage=0.25, impact=0.5, depth=5e6), hedging=True)
STRETCH = 120
DISTANCE = 0.004


def measure(candles: CandleArrays, seed: int, repeats: int) -> dict[str, Any]:
    """Median milliseconds of both engines over `repeats` runs, and their ratio; and of the order book under FX quotes.

    Raises `AssertionError` when the engines differ in one trade or in one point of the equity curve.
    """
    asked = seeded_instructions(candles, seed)
    mine = play_orders(candles, asked, TERMS)
    require_equal(mine, reference_orders(candles, asked, TERMS))
    play_orders(candles, asked, FX_TERMS)
    ours, under_fx, theirs = [], [], []
    for _ in range(repeats):
        # Side by side, so that whatever else the machine does falls on both.
        ours.append(seconds(lambda: play_orders(candles, asked, TERMS)))
        under_fx.append(seconds(lambda: play_orders(candles, asked, FX_TERMS)))
        theirs.append(seconds(lambda: reference_orders(candles, asked, TERMS)))
    order_book, reference = statistics.median(ours), statistics.median(theirs)
    return {
        "candles": len(candles),
        "instructions": len(asked),
        "trades": len(mine.trades),
        "seed": seed,
        "repeats": repeats,
        "order_book_ms": 1e3 * order_book,
        "order_book_fx_ms": 1e3 * statistics.median(under_fx),
        "backtesting_py_ms": 1e3 * reference,
        "ratio": reference / order_book,
    }


def stretched(candles: CandleArrays, n: int, seed: int) -> CandleArrays:
    """`n` candles: the first of the series, or if there are fewer, random stretches of it, joined at their closes."""
    if n <= len(candles):
        return candles.slice(0, n)
    rng = np.random.default_rng(seed)
    starts = rng.integers(1, len(candles) - STRETCH, math.ceil(n / STRETCH))
    rows = (starts[:, np.newaxis] + np.arange(STRETCH)).ravel()[:n]
    joins = candles.close[starts[:-1] + STRETCH - 1] / candles.close[starts[1:] - 1]
    scale = np.repeat(np.cumprod(np.concatenate(([1.0], joins))), STRETCH)[:n]
    times = candles.open_time_us[0] + np.arange(n, dtype=np.int64) * candles.timeframe.us
    return CandleArrays(
        open_time_us=times,
        open=candles.open[rows] * scale,
        high=candles.high[rows] * scale,
        low=candles.low[rows] * scale,
        close=candles.close[rows] * scale,
        volume=candles.volume[rows],
        timeframe=candles.timeframe,
    )


def seeded_instructions(candles: CandleArrays, seed: int) -> Instructions:
    """An order on every twentieth candle or so; on as many a half closed, a stop moved or all entries cancelled.

    Prices are about 0.4 % away.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for i in np.flatnonzero(rng.random(len(candles)) < 0.1):
        if i > 0:
            order = _order if rng.random() < 0.5 else _change
            rows.append(order(int(i), float(candles.close[i]), rng))
    return instructions(rows)


def _order(i: int, close: float, rng: np.random.Generator) -> Instruction:
    side = int(rng.choice([1, -1]))
    limit, stop, lower, upper = close * DISTANCE * rng.uniform(0.1, 1.0, 4)
    with_limit, with_stop = rng.random(2) < 0.3
    entry = close + side * stop if with_stop else close - side * limit if with_limit else close
    return Instruction(
        candle=i,
        action=BUY if side > 0 else SELL,
        size=10_000.0,
        limit=entry if with_limit else math.nan,
        stop=entry - side * lower / 2 if with_limit and with_stop else entry if with_stop else math.nan,
        stop_loss=entry - side * lower,
        take_profit=entry + side * upper,
    )


def _change(i: int, close: float, rng: np.random.Generator) -> Instruction:
    action = rng.choice([CLOSE, CANCEL, MOVE_STOP])
    if action == CLOSE:
        return Instruction(i, CLOSE, ANY_TAG, size=0.5)
    if action == CANCEL:
        return Instruction(i, CANCEL, ANY_TAG)
    return Instruction(i, MOVE_STOP, ANY_TAG, stop_loss=close * (1.0 + DISTANCE * rng.choice([1, -1])))


def require_equal(mine: OrderBacktest, theirs: OrderBacktest) -> None:
    """Equal trades and equity, under `==`: two engines that do different work must not be compared."""
    for field in fields(OrderTrades):
        assert np.array_equal(getattr(mine.trades, field.name), getattr(theirs.trades, field.name)), field.name
    assert np.array_equal(mine.equity, theirs.equity)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", type=int, nargs="+", default=[5_000, 150_000])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        sample = candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1)
        found = [measure(stretched(sample, n, asked.seed), asked.seed, asked.repeats) for n in asked.lengths]
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if asked.json:
        print(json.dumps(found))
        return 0
    for row in found:
        print(f"{row['candles']} candles, {row['instructions']} instructions, {row['trades']} trades, equal in both engines")
        print(f"order book      {row['order_book_ms']:10.3f} ms")
        print(f"under FX quotes {row['order_book_fx_ms']:10.3f} ms")
        print(f"backtesting.py  {row['backtesting_py_ms']:10.3f} ms")
        print(f"ratio           {row['ratio']:10.0f} times")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
