"""Returns by month and year, as FX days count them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from played_by_hand import result_of, series, weekdays

from fxgpt_core.market.timeframes import HOUR_US, Timeframe
from fxgpt_core.performance.monthly import monthly_returns, yearly_returns


def test_two_months_across_a_new_year_by_hand():
    candles = weekdays(4, "2018-12-28")  # 28 and 31 December, 1 and 2 January
    run = result_of([], [90.0, 99.0, 110.0, 110.0])
    assert monthly_returns(run, candles) == pytest.approx({"2018-12": -0.01, "2019-01": 11.0 / 99.0})
    assert yearly_returns(run, candles) == pytest.approx({"2018": -0.01, "2019": 11.0 / 99.0})


def test_a_month_ends_at_seventeen_new_york():
    before_17 = int(np.datetime64("2019-01-31T21:00", "us").astype(np.int64))
    candles = series(before_17 + np.array([0, 1], dtype=np.int64) * HOUR_US, Timeframe.H1)
    assert monthly_returns(result_of([], [110.0, 121.0]), candles) == pytest.approx({"2019-01": 0.1, "2019-02": 0.1})


def test_a_month_without_candles_is_not_in_the_table():
    times = np.array(["2018-01-10T12", "2018-03-07T12"], dtype="datetime64[us]").astype(np.int64)
    candles = series(times, Timeframe.D1)
    assert monthly_returns(result_of([], [100.0, 150.0]), candles) == {"2018-01": 0.0, "2018-03": 0.5}


def test_after_everything_is_lost_months_return_nothing():
    assert list(monthly_returns(result_of([-100.0], [50.0] + [0.0] * 49), weekdays(50)).values()) == [-1.0, 0.0, 0.0]


def test_without_candles_the_table_is_empty():
    assert monthly_returns(result_of([], []), weekdays(0)) == yearly_returns(result_of([], []), weekdays(0)) == {}


@given(st.lists(st.floats(1.0, 1000.0), min_size=1, max_size=400), st.sampled_from(["2017-11-13", "2020-02-28"]))
@settings(deadline=None)
def test_months_and_years_compound_to_the_total(equity, first):
    run, candles = result_of([], equity), weekdays(len(equity), first)
    for table in (monthly_returns(run, candles), yearly_returns(run, candles)):
        assert np.prod([1.0 + value for value in table.values()]) == pytest.approx(equity[-1] / 100.0)
        assert list(table) == sorted(table)
