"""Hypothesis strategies for whole backtests: candles on a coarse grid of prices, wishes, rules, costs, accounts.

The grid is a power of two, so that levels are touched exactly and often, and sums of prices are exact in both backtests.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from fxgpt_core.backtest.engine import BacktestAccount, Execution, ExecutionParameters, backtest
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe
from fxgpt_core.strategy.decision import Decisions

WEDNESDAY_US = 1_515_535_200_000_000 + 12 * HOUR_US  # 2018-01-10 10:00 UTC: two days before a weekend
LONGEST = 40
LOWEST_TICKS = 40
CANDLE_TICKS = (st.integers(-6, 6), st.integers(0, 6), st.integers(0, 6), st.integers(-6, 6))


@dataclass(frozen=True)
class Played:
    """One call of `backtest`."""

    candles: CandleArrays
    decisions: Decisions
    execution: Execution
    costs: Costs | FxCosts
    account: BacktestAccount
    finer: CandleArrays | None = None

    def result(self):
        return backtest(self.candles, self.decisions, self.execution, self.costs, self.account, finer=self.finer)

    def but(self, **parts):
        return replace(self, **parts)


@st.composite
def runs(draw, fx=None, min_candles=3, most_sets=1):
    """A whole backtest, of FX or PARITY, or of either; half of them with finer candles. Of several sets, each wish is of one."""
    n, tick = draw(st.integers(min_candles, LONGEST)), draw(st.sampled_from([2.0**-2, 2.0**-14]))
    ticks = draw_ticks(draw, n)
    times = expected_open_times(WEDNESDAY_US, WEDNESDAY_US + 14 * DAY_US, Timeframe.H4)[:n]
    candles = candles_of(times, ticks * tick, Timeframe.H4)
    splits = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)) if draw(st.booleans()) else None
    is_fx = draw(st.booleans()) if fx is None else fx
    decisions, execution = draw(wishes(candles.known_at_us, tick)), draw(executions(tick))
    if most_sets > 1:
        execution = (execution, *draw(st.lists(executions(tick), max_size=most_sets - 1)))
        told = np.array(draw(st.lists(st.integers(0, len(execution) - 1), min_size=n, max_size=n)), dtype=np.float64)
        decisions = replace(decisions, numbers={**decisions.numbers, "parameter_set": told})
    return Played(
        candles,
        decisions,
        execution,
        draw(fx_costs(n, tick) if is_fx else flat_costs()),
        draw(accounts()),
        None if splits is None else finer_of(candles, splits),
    )


def draw_ticks(draw, n):
    """int64[N,4]: open, high, low, close in ticks; opens that jump, candles without range, prices that come back."""
    rows, close = [], draw(st.integers(100, 400))
    for jump, up, down, body in draw(st.lists(st.tuples(*CANDLE_TICKS), min_size=n, max_size=n)):
        opened = max(close + jump * (abs(jump) > 3), LOWEST_TICKS)
        close = max(opened + body, LOWEST_TICKS)
        rows.append((opened, max(opened, close) + up, max(min(opened, close) - down, LOWEST_TICKS), close))
    return np.array(rows, dtype=np.int64)


def candles_of(times, prices, timeframe):
    columns = (np.ascontiguousarray(column, dtype=np.float64) for column in prices.T)
    return CandleArrays(np.asarray(times, np.int64), *columns, np.ones(len(times)), timeframe)


def finer_of(candles, splits):
    """Hourly candles inside those of four hours: none (0), the high (1, 3) or the low (2, 4) first, without jumps or with."""
    times, rows = [], []
    for i, split in enumerate(splits):
        if split == 0:
            continue
        opened, high, low, close = (column[i] for column in (candles.open, candles.high, candles.low, candles.close))
        points = [opened, opened, *((high, low) if split in (1, 3) else (low, high)), close]
        for k in range(4):
            begins = points[k] if split < 3 else points[k + 1]
            times.append(candles.open_time_us[i] + k * HOUR_US)
            rows.append((begins, max(begins, points[k + 1]), min(begins, points[k + 1]), points[k + 1]))
    return candles_of(times, np.array(rows).reshape(-1, 4), Timeframe.H1)


@st.composite
def wishes(draw, known_at_us, tick):
    n = len(known_at_us)

    def column(values):
        return np.array(draw(st.lists(st.sampled_from(values), min_size=n, max_size=n)))

    offsets = tick * column([0, 0, 0, 1, 2, 4, -1, -2, -4]) if draw(st.booleans()) else np.zeros(n)
    return Decisions(
        known_at_us,
        column([0, 1, -1]).astype(np.int8),
        tick * column([1.0, 2.0, 4.0, 7.0, 12.0]),
        tick * column([1.0, 2.0, 4.0, 7.0, 12.0, 25.0]),
        column([0.0051, 0.0203, 0.31, 1.03]),
        np.zeros(n, np.int8),
        {"entry_offset": offsets, "atr": tick * column([1.0, 3.5]), "pattern_led": column([0.0, 1.0])},
    )


@st.composite
def executions(draw, tick):
    def one(*values):
        return draw(st.sampled_from(values))

    def plan():
        triggers = one(math.inf, 0.003, 0.02), one(math.inf, 0.0, 0.01)
        return ExitPlan(*triggers, one(0.0, 0.0031, 0.011), one(0.0, 0.0041), one(0.0, tick))

    return ExecutionParameters(
        plan(),
        max_candles=one(0, 0, 1, 3, 8),
        daily_loss_limit=one(1.0, 1.0, 0.011, 0.053),
        max_margin_fraction=one(0.0507, 0.21, 1.0),
        signal_exit=one(0, 1, 2, 3),
        wait_candles=one(1, 2, 5),
        trailing_atr=one(0.0, 0.0, 0.53),
        pattern_plan=plan() if draw(st.booleans()) else None,
    )


@st.composite
def fx_costs(draw, n, tick):
    def one(*values):
        return draw(st.sampled_from(values))

    def column(*values):
        length = one(1, n)
        return np.array(draw(st.lists(st.sampled_from(values), min_size=length, max_size=length)))

    return FxCosts(
        spread=tick * column(0.0, 0.5, 1.0, 3.0),
        swap_long=tick * column(0.0, 0.031, -0.017),
        swap_short=tick * column(0.0, 0.023, -0.041),
        conversion=one(1.0, 0.0091, 1.27) * column(1.0, 1.0, 1.013, 0.97),
        commission=one(0.0, 0.0, 0.00002, 0.003),
        unit_commission=tick * one(0.0, 0.0, 0.0007, 0.11),
        slippage=one(0.0, 0.5, 1.3),
        impact=one(0.0, 0.0, 0.7),
        depth=one(1e10, 1e12),  # so that the largest order moves the price by less than the price
        stop_out=one(0.0, 0.5, 1.0),
    )


def accounts():
    return st.builds(BacktestAccount, st.sampled_from([30.03, 1000.7, 123_456.78]), st.sampled_from([1.0, 2.0, 7.0, 30.0, 50.0]))


def flat_costs():
    return st.builds(Costs, st.sampled_from([0.0, 0.0011, 0.011]), st.sampled_from([0.0, 0.00002, 0.003]))
