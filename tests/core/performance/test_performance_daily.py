"""Curves by FX day: growth over the measured span, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from played_by_hand import daily as daily_candles
from played_by_hand import hourly, series, weekdays

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.performance.daily import daily, last_rows
from fxgpt_core.performance.ratios import RATIO_LIMIT, deviation


def test_a_day_opens_with_what_the_day_before_closed_with():
    found = daily(np.arange(101.0, 149.0), 100.0, hourly(48))
    assert found.opening.tolist() == [100.0, 124.0]
    assert found.closing.tolist() == [124.0, 148.0]
    assert found.returns == pytest.approx([0.24, 24 / 124])
    assert np.diff(found.day).tolist() == [1]


def test_growth_over_a_week_is_taken_for_a_year_by_the_weekdays_of_both():
    week = weekdays(5, "2018-01-08")
    found = daily(np.array([100.0, 100.0, 100.0, 100.0, 101.0]), 100.0, week)
    assert found.years == pytest.approx(7 / 365.25)
    assert found.growth == pytest.approx(1.01 ** (365.25 / 7) - 1.0)


def test_days_without_candles_count_as_time():
    year = weekdays(261)
    every_second_day = series(year.open_time_us[::2], Timeframe.D1)
    found = daily(np.full(131, 110.0), 100.0, every_second_day)
    assert found.years == pytest.approx(261 * 7 / 5 / 365.25)
    assert found.periods_a_year == pytest.approx(131 / (261 * 7 / 5 / 365.25))


@pytest.mark.parametrize(
    ("last", "growth"), [(0.0, -1.0), (-50.0, -1.0), (100.0, 0.0), (1e300, RATIO_LIMIT), (110.0, RATIO_LIMIT)]
)
def test_growth_of_one_day_is_defined_whatever_happened(last, growth):
    assert daily(np.array([last]), 100.0, daily_candles(1)).growth == growth


def test_growth_of_no_day_is_zero():
    found = daily(np.empty(0), 100.0, daily_candles(0))
    assert (found.growth, found.years, len(found.returns)) == (0.0, 0.0, 0)


def test_a_curve_of_other_candles_is_refused():
    with pytest.raises(BadInputError, match="the equity has 2 points for 3 candles"):
        daily(np.ones(2), 1.0, daily_candles(3))


@given(st.lists(st.integers(0, 4), max_size=20))
def test_the_last_rows_are_those_before_a_change(numbers):
    ascending = np.sort(np.array(numbers, dtype=np.int64))
    assert last_rows(ascending).tolist() == [int(np.flatnonzero(ascending == value)[-1]) for value in np.unique(ascending)]


@pytest.mark.parametrize("values", [[], [0.1], [0.1] * 7])
def test_equal_values_have_no_deviation_at_all(values):
    assert deviation(np.array(values)) == 0.0
