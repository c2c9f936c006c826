"""The table of drawdowns against hand numbers and against a plain walk along the curve."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from played_by_hand import MONDAY_17_NEW_YORK_US, daily, hourly, result_of

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import DAY_US, HOUR_US
from fxgpt_core.performance.drawdowns import drawdowns
from fxgpt_core.performance.measures import max_drawdown

CURVES = st.lists(st.one_of(st.just(100.0), st.integers(1, 200).map(float)), min_size=1, max_size=40)


def closed(row):
    return MONDAY_17_NEW_YORK_US + (row + 1) * HOUR_US


def test_three_falls_by_hand():
    run = result_of([], [90.0, 80.0, 100.0, 120.0, 114.0, 120.0, 120.0, 60.0, 60.0, 66.0])
    found = drawdowns(run, hourly(10))
    first, second, third = found.table
    # From the cash, at the first candle's open.
    assert (first.started_us, first.bottom_us, first.recovered_us) == (MONDAY_17_NEW_YORK_US, closed(1), closed(2))
    assert (first.depth, first.depth_fraction, first.days, first.candles) == (20.0, 0.2, 3 / 24, 2)
    assert (second.started_us, second.bottom_us, second.recovered_us) == (closed(3), closed(4), closed(5))
    assert (second.depth, second.depth_fraction, second.days, second.candles) == (6.0, 0.05, 2 / 24, 1)
    # From the last close at the peak; the first of two lowest; not over yet.
    assert (third.started_us, third.bottom_us, third.recovered_us) == (closed(6), closed(7), None)
    assert (third.depth, third.depth_fraction, third.days, third.candles) == (60.0, 0.5, 3 / 24, 3)
    assert (found.longest_days, found.mean_days) == (3 / 24, pytest.approx(8 / 3 / 24))
    assert found.time_under_water == 0.6
    assert found.ulcer_index == pytest.approx(math.sqrt((0.1**2 + 0.2**2 + 0.05**2 + 2 * 0.5**2 + 0.45**2) / 10))
    assert found.recovery_factor == pytest.approx(-34.0 / 60.0)
    assert found.deepest(2) == (third, first)


def test_the_record_tells_times_in_utc_and_what_is_not_over():
    (fall,) = drawdowns(result_of([], [90.0]), hourly(1)).to_json()["table"]
    assert (fall["started"], fall["bottom"], fall["recovered"]) == (
        "2018-01-08T22:00:00+00:00",
        "2018-01-08T23:00:00+00:00",
        None,
    )


@pytest.mark.parametrize("equity", [[], [100.0], [100.0, 101.0, 101.0]])
def test_an_equity_that_never_fell_has_no_drawdown(equity):
    found = drawdowns(result_of([], equity), daily(len(equity)))
    assert (found.table, found.longest_days, found.mean_days, found.time_under_water, found.ulcer_index) == ((), 0, 0, 0, 0)


def test_a_lost_account_is_one_fall_of_everything():
    found = drawdowns(result_of([-100.0], [110.0, 0.0, 0.0]), daily(3))
    assert [(fall.depth, fall.depth_fraction, fall.recovered_us) for fall in found.table] == [(110.0, 1.0, None)]
    assert found.recovery_factor == pytest.approx(-100.0 / 110.0)


def test_an_equity_of_other_candles_is_refused():
    with pytest.raises(BadInputError, match="1 points for 2 candles"):
        drawdowns(result_of([], [100.0]), daily(2))


@given(CURVES)
@settings(deadline=None)
def test_the_table_holds_every_close_below_the_peak_once(equity):
    found = drawdowns(result_of([], equity), daily(len(equity)))
    path = [100.0, *equity]
    below = [value < max(path[: i + 1]) for i, value in enumerate(path)][1:]
    assert sum(fall.candles for fall in found.table) == sum(below)
    assert found.time_under_water == pytest.approx(np.mean(below))
    start = MONDAY_17_NEW_YORK_US
    marked = [False] * len(equity)
    for fall in found.table:
        after = len(equity) if fall.recovered_us is None else (fall.recovered_us - start) // DAY_US - 1
        for row in range((fall.started_us - start) // DAY_US, after):
            marked[row] = True
    assert marked == below


@given(CURVES)
@settings(deadline=None)
def test_the_deepest_fall_is_the_maximum_drawdown(equity):
    run = result_of([], equity)
    found = drawdowns(run, daily(len(equity)))
    money, fraction = max_drawdown(run)
    assert max((fall.depth for fall in found.table), default=0.0) == money
    assert max((fall.depth_fraction for fall in found.deepest(1)), default=0.0) == pytest.approx(fraction)
