"""Candles and streams of instructions for the tests of the order book."""

import dataclasses
import math

import numpy as np
from hypothesis import strategies as st

from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.backtest.instructions import Instruction, Instructions, instructions
from fxgpt_core.backtest.order_stream import ANY_TAG, BUY, CANCEL, CLOSE, MOVE_STOP, MOVE_TARGET, SELL
from fxgpt_core.backtest.order_terms import OrderTerms
from fxgpt_core.backtest.orders import OrderBacktest, OrderTrades
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.timeframes import HOUR_US, Timeframe

NONE = math.nan
SIZES = (1.0, 2.0, 5.0, 10.0, 100.0, 0.1, 0.3, 0.5, 0.999)
PARTS = ("spread_cost", "slippage", "impact", "swap")
ACTIONS = (BUY, BUY, BUY, SELL, SELL, SELL, CLOSE, CANCEL, MOVE_STOP, MOVE_TARGET)
START_US = 1_500_000_000_000_000 // HOUR_US * HOUR_US


def candles_of(*rows: tuple[float, float, float, float]) -> CandleArrays:
    """Hourly candles of (open, high, low, close)."""
    prices = np.array(rows, dtype=np.float64)
    times = START_US + np.arange(len(rows), dtype=np.int64) * HOUR_US
    columns = (np.ascontiguousarray(prices[:, column]) for column in range(4))
    return CandleArrays(times, *columns, np.ones(len(rows)), Timeframe.H1)


def flat(price: float) -> tuple[float, float, float, float]:
    return (price, price, price, price)


def differences(mine: OrderBacktest, theirs: OrderBacktest) -> list[str]:
    """What is not equal under `==`: columns of the trades, the equity, refusals and the rest; in costs by part: not nearly."""
    columns = [field.name for field in dataclasses.fields(OrderTrades) if field.name not in PARTS]
    pairs = {name: (getattr(mine.trades, name), getattr(theirs.trades, name)) for name in columns}
    pairs |= {
        name: (getattr(mine, name), getattr(theirs, name)) for name in ("equity", "refused", "without_margin", "still_open")
    }
    unequal = [name for name, (ours, reference) in pairs.items() if not np.array_equal(ours, reference)]
    pairs |= {name: (getattr(mine.trades, name), getattr(theirs.trades, name)) for name in PARTS}
    unequal += [name for name in PARTS if not nearly_equal(*pairs[name])]
    return [f"{name}: {pairs[name][0]} and {pairs[name][1]}" for name in unequal]


def nearly_equal(ours: np.ndarray, reference: np.ndarray) -> bool:
    return ours.shape == reference.shape and np.allclose(ours, reference, rtol=1e-9, atol=1e-9)


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


@st.composite
def coarse_instructions(draw: st.DrawFn, closes: list[int], scale: float) -> Instruction:
    """One instruction at any candle but the first; its prices are on the grid of the candles, and touched exactly at times."""
    candle, action = draw(st.integers(1, len(closes) - 1)), draw(st.sampled_from(ACTIONS))
    tag, here = draw(st.integers(0, 2)), closes[candle]
    near = st.one_of(st.just(None), st.integers(max(1, here - 3), here + 3))
    if action in (BUY, SELL):
        limit, stop, side = draw(near), draw(near), 1 if action == BUY else -1
        entry = limit or stop or here
        # A distance of 0 is on the wrong side, and refused.
        lower, upper = (draw(st.one_of(st.just(None), st.integers(0, 4))) for _ in range(2))
        stop_loss = None if lower is None else max(1, entry - side * lower)
        take_profit = None if upper is None else max(1, entry + side * upper)
        prices = [NONE if price is None else price / scale for price in (limit, stop, stop_loss, take_profit)]
        return Instruction(candle, action, tag, draw(st.sampled_from(SIZES)), *prices)
    price = draw(near)
    moved = NONE if price is None else price / scale
    return Instruction(
        candle,
        action,
        draw(st.sampled_from([ANY_TAG, tag])),
        size=draw(st.sampled_from([1.0, 0.5, 0.3, 0.1])) if action == CLOSE else NONE,
        stop_loss=moved if action == MOVE_STOP else NONE,
        take_profit=moved if action == MOVE_TARGET else NONE,
    )


@st.composite
def coarse_runs(draw: st.DrawFn) -> tuple[CandleArrays, Instructions, OrderTerms, BacktestAccount]:
    """Few candles on a coarse grid (gaps, equal prices, zero ranges, touches), instructions, terms and an account."""
    scale, n = draw(st.sampled_from([8.0, 7.3])), draw(st.integers(1, 12))
    prices = draw(st.lists(st.tuples(*[st.integers(4, 12)] * 4), min_size=n, max_size=n))
    candles = candles_of(*((row[0] / scale, max(row) / scale, min(row) / scale, row[3] / scale) for row in prices))
    m = draw(st.integers(0, 12)) if n > 1 else 0
    rows = draw(st.lists(coarse_instructions([row[3] for row in prices], scale), min_size=m, max_size=m))
    terms = OrderTerms(
        Costs(draw(st.sampled_from([0.0, 0.01, 0.0003])), draw(st.sampled_from([0.0, 0.02, 0.001]))),
        draw(st.sampled_from([0.0, 1.5])),
        *(draw(st.booleans()) for _ in range(4)),
    )
    account = BacktestAccount(draw(st.sampled_from([10.0, 100.0, 10_000.0])), draw(st.sampled_from([1.0, 2.0, 30.0])))
    return candles, instructions(sorted(rows, key=lambda row: row.candle)), terms, account
