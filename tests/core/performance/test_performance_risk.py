"""Growth, volatility and tails against hand numbers and against scipy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from played_by_hand import daily, result_of, seeded_run
from scipy import stats

from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.measures import period_returns, periods_a_year
from fxgpt_core.performance.risk import conditional_value_at_risk, risk, value_at_risk

RETURNS = st.lists(st.one_of(st.just(0.0), st.floats(-0.5, 0.5)), min_size=1, max_size=60).map(np.array)
LEVELS = st.floats(0.01, 0.999)


def test_the_tails_of_a_hundred_known_days():
    returns = np.arange(1, 101) / 100.0 - 0.5  # -0.49, -0.48 … 0.5
    assert value_at_risk(returns, 0.99) == pytest.approx(0.4801)
    assert conditional_value_at_risk(returns, 0.99) == pytest.approx(0.49)
    assert value_at_risk(returns, 0.95) == pytest.approx(0.4405)
    assert conditional_value_at_risk(returns, 0.95) == pytest.approx(0.47)


def test_the_return_at_the_edge_of_the_tail_counts_in_part():
    returns = np.array([-0.3, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    # A fifth of eight days is 1.6 days.
    assert conditional_value_at_risk(returns, 0.8) == pytest.approx((0.3 + 0.6 * 0.1) / 1.6)


def test_of_too_few_days_the_worst_one_is_the_tail():
    assert conditional_value_at_risk(np.array([0.1, -0.2, 0.3]), 0.99) == pytest.approx(0.2)


def test_days_that_all_earned_have_a_negative_loss():
    assert value_at_risk(np.array([0.01, 0.01]), 0.95) == pytest.approx(-0.01)
    assert conditional_value_at_risk(np.array([0.01, 0.01]), 0.95) == pytest.approx(-0.01)


def test_the_expected_shortfall_of_normal_returns_is_the_known_one():
    returns = np.random.default_rng(5).standard_normal(400_000)
    for level in (0.95, 0.99):
        quantile = stats.norm.ppf(level)
        assert value_at_risk(returns, level) == pytest.approx(quantile, rel=0.01)
        assert conditional_value_at_risk(returns, level) == pytest.approx(stats.norm.pdf(quantile) / (1.0 - level), rel=0.01)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, math.nan])
@pytest.mark.parametrize("measure", [value_at_risk, conditional_value_at_risk])
def test_a_level_in_percent_is_refused(measure, level):
    with pytest.raises(BadInputError, match=f"the level is {level}"):
        measure(np.zeros(3), level)


@given(RETURNS, LEVELS)
def test_the_mean_of_the_tail_is_never_a_smaller_loss_than_its_edge(returns, level):
    assert conditional_value_at_risk(returns, level) >= value_at_risk(returns, level) - 1e-12


@given(RETURNS, RETURNS, LEVELS)
def test_two_portfolios_together_are_no_riskier_than_apart(first, second, level):
    n = min(len(first), len(second))
    together, a, b = (conditional_value_at_risk(r, level) for r in (first[:n] + second[:n], first[:n], second[:n]))
    assert together <= a + b + 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_moments_and_volatility_equal_those_of_scipy(seed):
    run, candles = seeded_run(seed, n=2000)
    returns, found = period_returns(run, candles), risk(run, candles)
    assert found.skewness == pytest.approx(stats.skew(returns))
    assert found.kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False))
    assert found.annual_volatility == pytest.approx(stats.tstd(returns) * math.sqrt(periods_a_year(candles)))
    assert (found.best_day, found.worst_day) == (max(returns), min(returns))


def test_an_account_that_never_moved_has_no_risk():
    found = risk(result_of([], [100.0] * 4), daily(4)).to_json()
    assert found.pop("kurtosis") == 3.0
    assert set(found.values()) == {0.0}
    assert "-" not in str(found)
    assert set(risk(result_of([], []), daily(0)).to_json().values()) == {0.0, 3.0}


def test_a_lost_account_has_lost_everything_a_year():
    assert risk(result_of([-100.0], [50.0, 0.0, 0.0]), daily(3)).cagr == -1.0
