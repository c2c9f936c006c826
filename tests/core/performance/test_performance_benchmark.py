"""Beside a benchmark: hand numbers, exact cases, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from played_by_hand import daily, hourly, result_of, weekdays

from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.benchmark import beside_benchmark, beta_and_correlation, buy_and_hold
from fxgpt_core.performance.measures import periods_a_year


def equity_of(returns):
    return 100.0 * np.cumprod(1.0 + np.asarray(returns))


def test_four_days_beside_a_benchmark_by_hand():
    candles = daily(4)
    run = result_of([], equity_of([0.03, -0.01, 0.02, 0.0]))
    found = beside_benchmark(run, candles, np.array([0.01, -0.01, 0.02, -0.02]))
    a_year = periods_a_year(candles)
    # Deviations from the means 0.01 and 0: (2, -2, 1, -1) and (1, -1, 2, -2) hundredths.
    assert found.beta == pytest.approx((2 * 1 + 2 * 1 + 1 * 2 + 1 * 2) / (1 + 1 + 4 + 4))
    assert found.correlation == pytest.approx(8 / math.sqrt(10 * 10))
    assert found.alpha == pytest.approx(0.01 * a_year)
    differences = np.array([0.02, 0.0, 0.0, 0.02])
    assert found.information_ratio == pytest.approx(0.01 / differences.std(ddof=1) * math.sqrt(a_year))
    assert found.benchmark_return == pytest.approx(1.01 * 0.99 * 1.02 * 0.98 - 1.0)


def test_holding_the_symbol_is_a_beta_of_one_and_no_alpha():
    close = np.array([1.1, 1.05, 1.2, 1.15, 1.3])
    candles = weekdays(5, close=close)
    found = beside_benchmark(result_of([], 100.0 * close), candles)
    assert (found.beta, found.correlation) == (pytest.approx(1.0), pytest.approx(1.0))
    assert found.alpha == pytest.approx(0.0, abs=1e-12)
    assert found.benchmark_return == pytest.approx(0.3)


def test_holding_begins_at_the_first_open_and_counts_fx_days():
    close = np.linspace(1.0, 1.5, 48)
    assert buy_and_hold(hourly(48, close)) == pytest.approx([close[23] - 1.0, 1.5 / close[23] - 1.0])


@given(st.floats(-3.0, 3.0), st.floats(-0.01, 0.01), st.floats(0.0, 0.1))
@settings(deadline=None)
def test_alpha_and_beta_of_a_line_are_the_line(beta, alpha, risk_free_rate):
    theirs, candles = np.array([0.01, -0.03, 0.02, 0.005, -0.01]), weekdays(5)
    a_year = periods_a_year(candles)
    free = risk_free_rate / a_year
    run = result_of([], equity_of(alpha + free + beta * (theirs - free)))
    found = beside_benchmark(run, candles, theirs, risk_free_rate=risk_free_rate)
    assert found.beta == pytest.approx(beta, abs=1e-9)
    assert found.alpha == pytest.approx(alpha * a_year, abs=1e-7)


@pytest.mark.parametrize(("ours", "theirs"), [([0.0, 0.0, 0.0], [0.1, 0.0, -0.1]), ([0.1, 0.0, -0.1], [0.1, 0.1, 0.1])])
def test_what_never_varies_has_no_beta(ours, theirs):
    assert beta_and_correlation(np.array(ours), np.array(theirs)) == (0.0, 0.0)


def test_equal_returns_have_an_information_ratio_of_zero():
    theirs = np.array([0.5, -0.5, 0.25])
    assert beside_benchmark(result_of([], equity_of(theirs)), daily(3), theirs).information_ratio == 0.0


def test_without_candles_everything_is_zero():
    assert set(beside_benchmark(result_of([], []), daily(0)).to_json().values()) == {0.0}


@pytest.mark.parametrize(("theirs", "found"), [([0.1], "1 returns, 1 of them"), ([0.1, np.nan, 0.1], "3 returns, 2 of them")])
def test_a_benchmark_of_other_days_is_refused(theirs, found):
    with pytest.raises(BadInputError, match=f"{found} finite, for 3 FX days"):
        beside_benchmark(result_of([], [100.0] * 3), daily(3), np.array(theirs))
