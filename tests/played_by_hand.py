"""Backtests written down by hand, for the tests of measures: candles, trades with every cost, and an equity curve."""

import dataclasses

import numpy as np

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe

MONDAY_17_NEW_YORK_US = 1_515_448_800_000_000  # 2018-01-08 22:00 UTC, the start of Tuesday's FX day


@dataclasses.dataclass(frozen=True)
class HandTrades:
    entry_index: np.ndarray
    exit_index: np.ndarray
    entry_time_us: np.ndarray
    exit_time_us: np.ndarray
    side: np.ndarray
    units: np.ndarray
    entry_price: np.ndarray
    exit_price: np.ndarray
    reason: np.ndarray
    profit: np.ndarray
    commission: np.ndarray
    spread_cost: np.ndarray
    slippage: np.ndarray
    impact: np.ndarray
    swap: np.ndarray


@dataclasses.dataclass(frozen=True)
class HandResult:
    trades: HandTrades
    equity: np.ndarray
    cash: float


def daily(n, close=None):
    """One candle for each of n FX days from a Tuesday; only the first four are in one week."""
    return series(MONDAY_17_NEW_YORK_US + np.arange(n, dtype=np.int64) * DAY_US, Timeframe.D1, close)


def hourly(n, close=None):
    """n candles of an hour from the start of a Tuesday's FX day."""
    return series(MONDAY_17_NEW_YORK_US + np.arange(n, dtype=np.int64) * HOUR_US, Timeframe.H1, close)


def weekdays(n, first="2018-01-09", close=None):
    """One candle for each of n FX days, Monday to Friday, that close on the dates from `first` on."""
    dates = np.busday_offset(first, np.arange(n)).astype("datetime64[us]").astype(np.int64)
    # Noon in UTC lies within the FX day of its date.
    return series(dates + DAY_US // 2, Timeframe.D1, close)


def series(open_time_us, timeframe, close=None):
    """Candles at these times that open at the close before, the first at 1."""
    price = np.ones(len(open_time_us)) if close is None else np.asarray(close, dtype=float)
    opened = np.concatenate([[1.0], price])[: len(price)]
    return CandleArrays(
        open_time_us, opened, np.maximum(opened, price), np.minimum(opened, price), price, np.ones(len(price)), timeframe
    )


def trades_of(profits, **columns):
    """Trades of one unit at price 1, an hour apart and three hours long; every cost is 0. `columns` replace columns."""
    n = len(profits)
    entry = MONDAY_17_NEW_YORK_US + np.arange(n, dtype=np.int64) * HOUR_US
    index = np.arange(n, dtype=np.int64)
    usual = {
        "entry_index": index,
        "exit_index": index,
        "entry_time_us": entry,
        "exit_time_us": entry + 3 * HOUR_US,
        "side": np.ones(n, np.int8),
        "units": np.ones(n, np.int64),
        "entry_price": np.ones(n),
        "exit_price": np.ones(n),
        "reason": np.ones(n, np.int8),
        "profit": np.array(profits, dtype=float),
    }
    free = {name: np.zeros(n) for name in ("commission", "spread_cost", "slippage", "impact", "swap")}
    given = {name: np.broadcast_to(np.asarray(column), n) for name, column in columns.items()}
    return HandTrades(**(usual | free | given))


def result_of(profits, equity, cash=100.0, **columns):
    """A run with these profits, equity at each close, and `columns` of trades."""
    return HandResult(trades_of(profits, **columns), np.array(equity, dtype=float), cash)


def seeded_run(seed, n=600, n_trades=80):
    """An hourly run over some weeks: trades one after the other at the candles' prices, all costs, equity at closes."""
    rng = np.random.default_rng(seed)
    close = 1.1 * np.exp(np.cumsum(rng.normal(0.0, 0.001, n)))
    until_us = MONDAY_17_NEW_YORK_US + 2 * n * HOUR_US
    candles = series(expected_open_times(MONDAY_17_NEW_YORK_US, until_us, Timeframe.H1)[:n], Timeframe.H1, close)
    at = np.sort(rng.choice(n, 2 * n_trades, replace=False)).reshape(-1, 2)
    side, units = rng.choice([1, -1], n_trades).astype(np.int8), rng.integers(1, 50_000, n_trades)
    costs = {name: rng.uniform(0.0, 3.0, n_trades) for name in ("commission", "spread_cost", "slippage", "impact")}
    costs["swap"] = rng.normal(0.0, 1.0, n_trades)
    entry, exit_ = candles.open[at[:, 0]], candles.close[at[:, 1]]
    profit = side * units * (exit_ - entry) - sum(costs.values())
    rows = np.arange(n)
    open_ = [
        (s * u * (candles.close - p)) * ((rows >= a) & (rows < b)) for s, u, p, (a, b) in zip(side, units, entry, at, strict=True)
    ]
    closed = np.zeros(n)
    np.add.at(closed, at[:, 1], profit)
    columns = {
        "entry_index": at[:, 0],
        "exit_index": at[:, 1],
        "entry_time_us": candles.open_time_us[at[:, 0]],
        "exit_time_us": candles.open_time_us[at[:, 1]],
        "side": side,
        "units": units,
        "entry_price": entry,
        "exit_price": exit_,
        "reason": rng.integers(1, 7, n_trades).astype(np.int8),
    }
    return result_of(profit, 10_000.0 + np.cumsum(closed) + np.sum(open_, axis=0), 10_000.0, **columns, **costs), candles
