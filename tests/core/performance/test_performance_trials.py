"""What many trials show by luck: published lengths, correlations of known size, and the variance that luck alone gives."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from purgedcv import minimum_backtest_length as their_minimum_backtest_length

from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.bootstrap import sharpe_ratios
from fxgpt_core.performance.significance import SharpeMoments, deflated_sharpe, expected_max_sharpe, probabilistic_sharpe
from fxgpt_core.performance.trials import (
    Trials,
    effective_trials,
    luck_variance,
    lucky_sharpe,
    minimum_backtest_length,
    minimum_backtest_length_bound,
)


def correlated(seed, periods, trials, by):
    rng = np.random.default_rng(seed)
    return by**0.5 * rng.standard_normal((periods, 1)) + (1 - by) ** 0.5 * rng.standard_normal((periods, trials))


@pytest.mark.parametrize(("n_trials", "years"), [(10, 2.479), (45, 4.998), (100, 6.404), (1000, 10.596)])
def test_the_minimum_backtest_length_of_an_annual_sharpe_of_one(n_trials, years):
    assert minimum_backtest_length(n_trials) == pytest.approx(years, abs=5e-4)
    assert minimum_backtest_length(n_trials, 2.0) == pytest.approx(years / 4, abs=2e-4)
    assert minimum_backtest_length(n_trials, 0.7) == pytest.approx(their_minimum_backtest_length(n_trials, 0.7))


def test_two_years_carry_seven_independent_trials():
    assert minimum_backtest_length(7) <= 2.0 < minimum_backtest_length(8)


@given(st.integers(2, 10**9), st.floats(0.01, 10.0))
def test_the_bound_is_above_the_length_it_bounds(n_trials, sharpe):
    assert minimum_backtest_length(n_trials, sharpe) < minimum_backtest_length_bound(n_trials, sharpe)


def test_one_trial_needs_no_length():
    assert (minimum_backtest_length(1), minimum_backtest_length_bound(1)) == (0.0, 0.0)


def test_the_bound_by_hand():
    assert minimum_backtest_length_bound(100, 2.0) == pytest.approx(2 * math.log(100) / 4)


@pytest.mark.parametrize("sharpe", [0.0, -1.0, math.nan, math.inf])
def test_a_length_for_no_sharpe_ratio_is_refused(sharpe):
    for length in (minimum_backtest_length, minimum_backtest_length_bound):
        with pytest.raises(BadInputError, match="annual Sharpe ratio is"):
            length(10, sharpe)
    with pytest.raises(BadInputError, match="0 trials"):
        minimum_backtest_length_bound(0)


def test_the_same_trial_many_times_is_one_and_orthogonal_ones_are_all():
    column = np.random.default_rng(1).standard_normal((100, 1))
    assert effective_trials(np.tile(column, (1, 30))) == pytest.approx(1.0)
    orthogonal = np.linalg.qr(np.column_stack((np.ones(100), np.random.default_rng(2).standard_normal((100, 9)))))[0][:, 1:]
    assert effective_trials(orthogonal) == pytest.approx(9.0)


def test_the_effective_trials_are_those_of_the_mean_of_all_correlations():
    returns = correlated(3, 60, 8, 0.4)
    matrix = np.corrcoef(returns.T)
    mean = (matrix.sum() - 8) / 56
    assert effective_trials(returns) == pytest.approx(mean + (1 - mean) * 8)
    assert effective_trials(returns * 1e-7 + 5.0) == pytest.approx(effective_trials(returns))


def test_opposite_and_idle_trials_are_never_more_than_there_are_nor_fewer_than_one():
    column = np.random.default_rng(1).standard_normal((100, 1))
    assert effective_trials(np.column_stack((column, -column))) == 2.0
    assert effective_trials(np.zeros((100, 5))) == 5.0
    assert effective_trials(column) == 1.0


def test_worthless_trials_have_the_variance_of_luck():
    returns = correlated(4, 1000, 400, 0.0)
    assert luck_variance(returns, 1.0) == pytest.approx(1 / 1000)
    assert luck_variance(returns, 1.0) == pytest.approx(sharpe_ratios(returns.T).var(), rel=0.15)


def test_edges_and_costs_are_no_luck():
    returns = correlated(4, 1000, 400, 0.0)
    differing = returns + np.linspace(-0.2, 0.2, 400)
    assert luck_variance(differing, 5.0) == pytest.approx(luck_variance(returns, 5.0))
    assert sharpe_ratios(differing.T).var() > 10 * luck_variance(differing, 5.0)


def test_persistent_trials_are_luckier():
    returns = correlated(5, 2000, 100, 0.0)
    for i in range(1, len(returns)):
        returns[i] += 0.5 * returns[i - 1]
    # (1 + φ) / (1 − φ) = 3, of which blocks of 30 days miss a little.
    assert luck_variance(returns, 30.0) * 2000 == pytest.approx(2.85, rel=0.1)
    assert luck_variance(np.zeros((50, 3)), 4.0) == 1 / 50


def test_the_luck_of_trials_is_brought_to_the_length_that_is_judged():
    trials = Trials(100, 1 / 50, 100.0)
    assert lucky_sharpe(trials, 400) == pytest.approx(expected_max_sharpe(100, 2 / 400))
    assert lucky_sharpe(Trials(1, 1.0, 100.0), 400) == 0.0


def test_idle_trials_do_not_lower_the_bar_below_pure_luck():
    assert lucky_sharpe(Trials(100, 0.0, 100.0), 400) == pytest.approx(expected_max_sharpe(100, 1 / 400))


@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(0.0, 0.1), st.integers(2, 3000), st.floats(-0.5, 0.5))
def test_more_trials_never_make_a_strategy_better(n, more, variance, periods, sharpe):
    few, many = (lucky_sharpe(Trials(count, variance, 250.0), periods) for count in (n, n + more))
    assert few <= many
    moments = SharpeMoments(periods, sharpe)
    assert probabilistic_sharpe(moments, many) <= probabilistic_sharpe(moments, few) <= deflated_sharpe(moments, 1, variance)


@pytest.mark.parametrize("returns", [np.zeros(5), np.zeros((1, 3)), np.zeros((5, 0)), np.full((5, 2), np.nan)])
def test_what_is_no_matrix_of_trials_is_refused(returns):
    for count in (effective_trials, lambda matrix: luck_variance(matrix, 2.0)):
        with pytest.raises(BadInputError, match="needed are finite ones"):
            count(returns)
