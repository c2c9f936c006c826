"""Shocks by hand numbers, and what none of them may ever do to a candle."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.backtest.conditions import Conditions
from fxgpt_core.backtest.shocks import daily_range, flash_crash, frozen, jump, missing, wide_spread, wilder
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe

MONDAY_US = 1_515_369_600_000_000  # 2018-01-08 00:00 UTC
PRICES = ("open", "high", "low", "close")
TENTH_DOWN = math.log(0.9)
FREE = Costs(0.0, 0.0)


def hourly(rows, costs=FREE, in_base=False):
    table = np.array(rows, dtype=np.float64)
    times = MONDAY_US + np.arange(len(table), dtype=np.int64) * HOUR_US
    columns = (np.ascontiguousarray(table[:, i]) for i in range(4))
    return Conditions(CandleArrays(times, *columns, np.full(len(table), 7.0), Timeframe.H1), costs, in_base)


def flat(n):
    return [(100.0, 101.0, 99.0, 100.0)] * n


def row_of(conditions, i):
    return [float(getattr(conditions.candles, name)[i]) for name in PRICES]


def test_a_jump_moves_the_open_and_all_that_follows():
    shocked = jump(hourly(flat(4)), 2, TENTH_DOWN)
    assert row_of(shocked, 1) == [100.0, 101.0, 99.0, 100.0]
    assert row_of(shocked, 2) == pytest.approx([90.0, 90.9, 89.1, 90.0])
    assert row_of(shocked, 3) == pytest.approx([90.0, 90.9, 89.1, 90.0])


def test_a_flash_crash_of_two_candles_falls_in_one_and_comes_back_in_the_next():
    shocked = flash_crash(hourly(flat(5)), 1, TENTH_DOWN, 2)
    assert row_of(shocked, 1) == pytest.approx([100.0, 101.0, 89.1, 90.0])
    assert row_of(shocked, 2) == pytest.approx([90.0, 101.0, 89.1, 100.0])
    assert row_of(shocked, 3) == row_of(shocked, 0) == [100.0, 101.0, 99.0, 100.0]


@pytest.mark.parametrize(("length", "turn"), [(1, 1), (3, 2)])
def test_an_odd_flash_crash_turns_inside_its_middle_candle(length, turn):
    shocked = flash_crash(hourly(flat(6)), 1, TENTH_DOWN, length)
    assert shocked.candles.low[turn] == pytest.approx(89.1)
    assert shocked.candles.low.min() == shocked.candles.low[turn]
    assert (shocked.candles.open[1], shocked.candles.close[length]) == (100.0, pytest.approx(100.0))


def test_a_flash_crash_upwards_mirrors_one_downwards():
    shocked = flash_crash(hourly(flat(5)), 1, -TENTH_DOWN, 2)
    assert row_of(shocked, 1) == pytest.approx([100.0, 101.0 / 0.9, 99.0, 100.0 / 0.9])


def test_wilder_candles_square_each_ratio_and_the_rest_is_joined_on():
    rows = [*flat(1), (100.0, 102.0, 99.0, 101.0), (102.0, 103.0, 101.0, 102.0), (102.0, 104.0, 101.0, 103.0), *flat(1)]
    shocked = wilder(hourly(rows), 1, 2.0, 2)
    assert row_of(shocked, 1) == pytest.approx([100.0, 104.04, 98.01, 102.01])
    assert row_of(shocked, 2) == pytest.approx([104.04, 106.09, 102.01, 104.04])
    assert row_of(shocked, 3) == pytest.approx([x * 1.02 for x in (102.0, 104.0, 101.0, 103.0)])


def test_a_frozen_feed_repeats_the_last_close_and_then_tells_the_truth():
    rows = [(100.0, 101.0, 99.0, 100.5), *flat(4)]
    shocked = frozen(hourly(rows), 1, 2)
    assert row_of(shocked, 1) == row_of(shocked, 2) == [100.5] * 4
    assert shocked.candles.volume.tolist() == [7.0, 0.0, 0.0, 7.0, 7.0]
    assert row_of(shocked, 3) == [100.0, 101.0, 99.0, 100.0]


def test_the_swap_of_missing_candles_is_paid_at_the_next_one():
    swap = np.array([0.0, 1.0, 2.0, 4.0, 8.0, 16.0])
    costs = FxCosts(np.arange(6.0), swap_long=swap, swap_short=-swap, open_spread=np.arange(10.0, 16.0))
    told = hourly(flat(6), costs)
    told = replace(told, candles=replace(told.candles, spread=np.arange(20.0, 26.0)))
    shocked = missing(told, 1, 2)
    assert ((shocked.candles.open_time_us - MONDAY_US) // HOUR_US).tolist() == [0, 3, 4, 5]
    assert shocked.costs.swap_long.tolist() == [0.0, 7.0, 8.0, 16.0]
    assert shocked.costs.swap_short.tolist() == [0.0, -7.0, -8.0, -16.0]
    assert shocked.costs.spread.tolist() == [0.0, 3.0, 4.0, 5.0]
    assert shocked.costs.open_spread.tolist() == [10.0, 13.0, 14.0, 15.0]
    assert shocked.candles.spread.tolist() == [20.0, 23.0, 24.0, 25.0]


def test_the_spread_is_wide_in_its_candles_only():
    shocked = wide_spread(hourly(flat(5), FxCosts(np.array([0.5]))), 1, 4.0, 2)
    assert shocked.costs.spread.tolist() == [0.5, 2.0, 2.0, 0.5, 0.5]
    assert len(shocked.costs.open_spread) == 0
    at_open = FxCosts(np.array([0.5]), open_spread=np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    shocked = wide_spread(hourly(flat(5), at_open), 1, 4.0, 2)
    assert shocked.costs.open_spread.tolist() == [1.0, 8.0, 12.0, 4.0, 5.0]
    with pytest.raises(BadInputError, match="flat costs have one spread"):
        wide_spread(hourly(flat(5)), 1, 4.0, 2)


def test_in_an_account_of_the_base_currency_the_conversion_moves_with_the_price():
    costs = FxCosts(np.zeros(1), conversion=np.full(4, 0.01))
    assert jump(hourly(flat(4), costs, in_base=True), 2, TENTH_DOWN).costs.conversion == pytest.approx(
        [0.01, 0.01, 0.01 / 0.9, 0.01 / 0.9]
    )
    assert jump(hourly(flat(4), costs), 2, TENTH_DOWN).costs.conversion.tolist() == [0.01] * 4


def test_the_daily_range_is_of_complete_fx_days_before():
    # An FX day ends at 22:00 UTC in winter: 22 candles of Monday, 24 of Tuesday, then Wednesday's.
    rows = [*[(100.0, 101.0, 100.0, 100.0)] * 22, *[(100.0, 104.0, 100.0, 100.0)] * 24, *[(100.0, 150.0, 50.0, 100.0)] * 3]
    candles = hourly(rows).candles
    assert daily_range(candles, 48, days=2) == pytest.approx((math.log(1.01) + math.log(1.04)) / 2)
    assert daily_range(candles, 48, days=1) == pytest.approx(math.log(1.04))
    with pytest.raises(BadInputError, match="2 complete FX days lie before row 48, 3 are needed"):
        daily_range(candles, 48, days=3)


def test_the_daily_range_sees_nothing_from_its_row_on():
    rows = [*flat(50), *[(100.0, 900.0, 1.0, 100.0)] * 10]
    assert daily_range(hourly(rows).candles, 50, days=2) == pytest.approx(math.log(101.0 / 99.0))


@pytest.mark.parametrize("row_and_length", [(0, 1), (3, 2), (4, 1), (1, 0), (-1, 2)])
def test_a_shock_needs_a_candle_before_and_behind_it(row_and_length):
    with pytest.raises(BadInputError, match="with a candle before the first and one behind the last"):
        frozen(hourly(flat(5)), *row_and_length)


@pytest.mark.parametrize("move", [math.nan, math.inf])
def test_a_move_that_is_none_is_refused(move):
    with pytest.raises(BadInputError, match="must be finite"):
        jump(hourly(flat(5)), 1, move)
    with pytest.raises(BadInputError, match="must be finite and above 0"):
        wilder(hourly(flat(5)), 1, -1.0, 2)


@pytest.mark.parametrize("move", [-800.0, 800.0])
def test_a_shock_beyond_all_prices_is_refused(move):
    with pytest.raises(BadInputError, match="no longer positive and finite"):
        jump(hourly(flat(5)), 1, move)


@st.composite
def shocked(draw):
    """Conditions of some weeks, one shock on them, its row, and whether it leaves candles out."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    times = expected_open_times(MONDAY_US, MONDAY_US + 20 * DAY_US, Timeframe.H1)
    n = len(times)
    close = draw(st.sampled_from([1e-3, 1.1, 150.0, 2_000.0])) * np.exp(np.cumsum(rng.normal(0.0, 0.002, n)))
    opened = np.concatenate([[close[0]], close[:-1]]) * np.exp(rng.normal(0.0, 0.001, n) * (rng.random(n) < 0.1))
    # Many candles touch their open or close with high and low, or miss it by the last bit.
    wick = np.exp(np.abs(rng.normal(0.0, 0.001, (2, n))) * (rng.random((2, n)) < 0.5)) + 2e-16 * (rng.random((2, n)) < 0.5)
    candles = CandleArrays(
        times, opened, np.maximum(opened, close) * wick[0], np.minimum(opened, close) / wick[1], close, np.ones(n), Timeframe.H1
    )
    before = Conditions(candles, FxCosts(np.full(n, 0.0001), swap_long=rng.normal(0.0, 1e-5, n), conversion=np.ones(n)), True)
    row, length = draw(st.integers(1, n - 2)), draw(st.integers(1, 60))
    length = min(length, n - 1 - row)
    move = draw(st.floats(-2.0, 2.0))
    name = draw(st.sampled_from(["jump", "flash_crash", "wilder", "frozen", "missing", "wide_spread"]))
    times_ = draw(st.floats(0.1, 8.0))
    after = {
        "jump": lambda: jump(before, row, move),
        "flash_crash": lambda: flash_crash(before, row, move, length),
        "wilder": lambda: wilder(before, row, times_, length),
        "frozen": lambda: frozen(before, row, length),
        "missing": lambda: missing(before, row, length),
        "wide_spread": lambda: wide_spread(before, row, times_, length),
    }[name]()
    return name, before, after, row, length


@settings(max_examples=150, deadline=None)
@given(shocked())
def test_a_shocked_candle_is_still_a_candle_and_the_past_stays(case):
    name, before, after, row, length = case
    ours, theirs = after.candles, before.candles
    assert (ours.low > 0.0).all()
    assert (ours.high >= np.maximum(ours.open, ours.close)).all()
    assert (ours.low <= np.minimum(ours.open, ours.close)).all()
    gone = length if name == "missing" else 0
    assert np.array_equal(ours.open_time_us, np.delete(theirs.open_time_us, slice(row, row + gone)))
    for column in (*PRICES, "volume"):
        assert np.array_equal(getattr(ours, column)[:row], getattr(theirs, column)[:row])
    assert len(after.costs.spread) == len(after.costs.conversion) == len(ours)
    assert after.costs.swap_long.sum() == pytest.approx(before.costs.swap_long.sum(), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(shocked())
def test_behind_a_shock_every_move_is_what_it_was(case):
    name, before, after, row, length = case
    reach = row + (1 if name == "jump" else length)
    tail = len(before.candles) - reach
    for column in PRICES:
        ours, theirs = (np.log(getattr(c.candles, column)[-tail:]) for c in (after, before))
        assert np.diff(ours) == pytest.approx(np.diff(theirs), abs=1e-9)
    if name in ("flash_crash", "frozen", "missing", "wide_spread"):
        assert np.array_equal(after.candles.close[-tail:], before.candles.close[-tail:])
