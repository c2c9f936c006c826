"""One small backtest with FX quotes, and its trades as they are told in the tests that count by hand."""

import math

import numpy as np

from fxgpt_core.backtest.engine import ExecutionParameters, backtest
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.costs import FxCosts
from fxgpt_core.market.fills import REASON_NAMES, ExitPlan
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.strategy.decision import Decisions

MONDAY_US = 1_515_369_600_000_000  # 2018-01-08 00:00 UTC; the FX day ends at 22:00 UTC, with candle 21
OFF = ExecutionParameters(ExitPlan(math.inf, math.inf, 0.01), max_candles=0, daily_loss_limit=1.0, max_margin_fraction=1.0)
FLAT = (100.0, 101.0, 99.0, 100.0)


def candles_of(rows, times=None, timeframe=Timeframe.H1):
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    times = MONDAY_US + np.arange(len(table), dtype=np.int64) * timeframe.us if times is None else times
    return CandleArrays(times, *(np.ascontiguousarray(column) for column in table.T), np.ones(len(table)), timeframe)


def fx(spread=0.0, **costs):
    return FxCosts(np.atleast_1d(spread), **costs)


def play(rows, side=1, costs=None, *, execution=OFF, account=None, finer=None, at=1, times=None, **wished):
    """A wish at the close of candle 1 (stop and target 5 away, 1 % of 100,000 risked: 200 units), or wishes at others."""
    candles = candles_of(rows, times)
    n, sides = len(candles), np.zeros(len(candles), np.int8)
    sides[at] = side
    number = {"stop": 5.0, "target": 5.0, "risk": 0.01, "offset": 0.0, "led": 0.0} | wished
    stop, target, risk, offset, led = (np.full(n, number[name]) for name in ("stop", "target", "risk", "offset", "led"))
    numbers = {"entry_offset": offset, "pattern_led": led}
    decisions = Decisions(candles.known_at_us, sides, stop, target, risk, np.zeros(n, np.int8), numbers)
    return backtest(candles, decisions, execution, costs or fx(), account, finer=finer)


def told(result):
    """Entry and exit of each trade: candle, price, and why it ended."""
    trades = result.trades
    entries, exits = (trades.entry_index, trades.entry_price), (trades.exit_index, trades.exit_price)
    rows = zip(*entries, *exits, trades.reason, strict=True)
    return [(int(a), float(p), int(b), float(q), REASON_NAMES[reason]) for a, p, b, q, reason in rows]
