"""Candles and streams of instructions for the tests of the order book."""

import dataclasses
import math

import numpy as np

from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.backtest.instructions import Instruction, Instructions, instructions
from fxgpt_core.backtest.order_stream import ANY_TAG, BUY, CANCEL, CLOSE, MOVE_STOP, MOVE_TARGET, SELL
from fxgpt_core.backtest.order_terms import OrderTerms
from fxgpt_core.backtest.orders import OrderBacktest, OrderTrades
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.timeframes import HOUR_US, Timeframe

NONE = math.nan
START_US = 1_500_000_000_000_000 // HOUR_US * HOUR_US


def candles_of(*rows: tuple[float, float, float, float]) -> CandleArrays:
    """Hourly candles of (open, high, low, close)."""
    prices = np.array(rows, dtype=np.float64)
    times = START_US + np.arange(len(rows), dtype=np.int64) * HOUR_US
    columns = (np.ascontiguousarray(prices[:, column]) for column in range(4))
    return CandleArrays(times, *columns, np.ones(len(rows)), Timeframe.H1)


def flat(price: float) -> tuple[float, float, float, float]:
    return (price, price, price, price)


def assert_equal(mine: OrderBacktest, theirs: OrderBacktest) -> None:
    """Equal trades, equity, refusals and rest, under `==`."""
    for field in dataclasses.fields(OrderTrades):
        ours, reference = getattr(mine.trades, field.name), getattr(theirs.trades, field.name)
        assert np.array_equal(ours, reference), (field.name, ours, reference)
    assert np.array_equal(mine.equity, theirs.equity), (mine.equity, theirs.equity)
    assert np.array_equal(mine.refused, theirs.refused)
    assert (mine.without_margin, mine.still_open) == (theirs.without_margin, theirs.still_open)


def random_stream(candles: CandleArrays, rng: np.random.Generator, n: int, distance: float) -> Instructions:
    """`n` instructions of every kind at random candles; prices are about `distance` (a fraction) from the close.

    A tenth of the stops and targets is on the wrong side, and refused.
    """
    sizes = (1.0, 1000.0, 20_000.0, 300_000.0, 0.02, 0.3, 0.9)
    rows = []
    for i in np.sort(rng.integers(1, len(candles), n)):
        close = float(candles.close[i])
        action = int(rng.choice([BUY, SELL, CLOSE, CANCEL, MOVE_STOP, MOVE_TARGET], p=[0.35, 0.35, 0.1, 0.05, 0.1, 0.05]))
        tag = int(rng.integers(0, 4))
        if action in (BUY, SELL):
            side = 1.0 if action == BUY else -1.0
            away = close * distance * rng.uniform(-0.2, 2.0, 4)
            limit = close - side * away[0] if rng.random() < 0.3 else NONE
            stop = close + side * away[1] if rng.random() < 0.3 else NONE
            entry = limit if not math.isnan(limit) else stop if not math.isnan(stop) else close
            stop_loss = entry - side * away[2] if rng.random() < 0.7 else NONE
            take_profit = entry + side * away[3] if rng.random() < 0.7 else NONE
            rows.append(Instruction(int(i), action, tag, float(rng.choice(sizes)), limit, stop, stop_loss, take_profit))
            continue
        tag = ANY_TAG if rng.random() < 0.5 else tag
        moved = close * (1.0 + distance * rng.uniform(-2.0, 2.0)) if rng.random() < 0.8 else NONE
        rows.append(
            Instruction(
                int(i),
                action,
                tag,
                size=float(rng.choice([0.1, 0.5, 1.0])) if action == CLOSE else NONE,
                stop_loss=moved if action == MOVE_STOP else NONE,
                take_profit=moved if action == MOVE_TARGET else NONE,
            )
        )
    return instructions(rows)


def random_terms(rng: np.random.Generator) -> OrderTerms:
    """Every switch and every cost on or off by chance."""
    on = rng.random(4) < (0.4, 0.2, 0.3, 0.7)
    costs = Costs(spread=float(rng.choice([0.0, 0.00007, 0.002])), commission=float(rng.choice([0.0, 0.00002, 0.001])))
    return OrderTerms(costs, float(rng.choice([0.0, 0.0, 3.0])), *map(bool, on))


def random_account(rng: np.random.Generator) -> BacktestAccount:
    return BacktestAccount(cash=float(rng.choice([1_000.0, 100_000.0])), leverage=float(rng.choice([1.0, 30.0, 50.0])))
