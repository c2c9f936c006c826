"""The stationary bootstrap: how it draws, what its intervals cover, ranks, and the statistics of rows."""

import math

import numpy as np
import pytest
from arch.bootstrap import SPA, optimal_block_length
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.bootstrap import (
    Resampling,
    block_length,
    bootstrap_interval,
    cluster_length,
    deepest_drawdowns,
    long_run_variance,
    mean_returns,
    rank_p_value,
    resampled,
    sharpe_ratios,
    stationary_indices,
)
from fxgpt_core.performance.measures import sharpe_of


def rng(seed=7):
    return np.random.default_rng(seed)


def autocorrelated(seed, n, by):
    returns = rng(seed).standard_normal(n)
    for i in range(1, n):
        returns[i] += by * returns[i - 1]
    return returns


def test_a_block_goes_on_row_by_row_and_begins_anew_as_often_as_its_length_says():
    drawn = stationary_indices(50, Resampling(8.0, 4000), rng())
    assert drawn.shape == (4000, 50)
    goes_on = (drawn[:, 1:] - drawn[:, :-1]) % 50 == 1
    # A new block begins at the very next row once in 50 times.
    assert goes_on.mean() == pytest.approx(1 - (1 / 8) * (49 / 50), abs=0.004)
    # Whether a block goes on does not depend on how long it already is: its length is geometric.
    twice = goes_on[:, 1:][goes_on[:, :-1]]
    assert twice.mean() == pytest.approx(goes_on.mean(), abs=0.004)


def test_every_row_is_drawn_alike_often():
    drawn = stationary_indices(20, Resampling(5.0, 20_000), rng())
    for column in (0, 10, 19):
        assert np.bincount(drawn[:, column], minlength=20) == pytest.approx(1000, abs=5 * math.sqrt(1000))


def test_blocks_without_end_are_the_series_from_another_start():
    drawn = stationary_indices(12, Resampling(1e12, 30), rng())
    assert ((drawn - drawn[:, :1]) % 12).tolist() == [list(range(12))] * 30
    assert len(set(drawn[:, 0].tolist())) > 5


def test_the_same_seed_draws_the_same():
    first, again = (stationary_indices(30, Resampling(4.0, 20), rng()) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, stationary_indices(30, Resampling(4.0, 20), rng(8)))


def test_the_long_run_variance_is_the_sum_that_the_paper_writes():
    returns, q = autocorrelated(1, 40, 0.5)[:, np.newaxis], 1 / 6
    centred = returns[:, 0] - returns[:, 0].mean()
    expected = centred @ centred / 40
    for i in range(1, 40):
        weight = (1 - i / 40) * (1 - q) ** i + (i / 40) * (1 - q) ** (40 - i)
        expected += 2 * weight * (centred[:-i] @ centred[i:]) / 40
    assert long_run_variance(returns, 6.0) == pytest.approx([expected], rel=1e-12)


def test_the_long_run_variance_equals_that_of_arch_and_that_of_drawn_means():
    returns = np.column_stack([autocorrelated(seed, 200, by) for seed, by in ((1, 0.0), (2, 0.6), (3, -0.5))])
    test = SPA(np.zeros(200), -returns, block_size=7, reps=10, seed=1)
    test.compute()
    found = long_run_variance(returns, 7.0)
    assert found == pytest.approx(test._loss_diff_var, rel=1e-9)
    drawn = stationary_indices(200, Resampling(7.0, 20_000), rng())
    simulated = [200 * column[drawn].mean(axis=1).var() for column in returns.T]
    assert found == pytest.approx(simulated, rel=0.05)


def test_what_does_not_vary_has_no_long_run_variance():
    assert long_run_variance(np.full((50, 1), 0.1), 5.0).tolist() == [0.0]


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says():
    samples = rng(3).normal(1.0, 2.0, (300, 100))
    found = [bootstrap_interval(row, mean_returns, Resampling(1.0, 300), rng(i), 0.9) for i, row in enumerate(samples)]
    assert np.mean([interval.low <= 1.0 <= interval.high for interval in found]) == pytest.approx(0.9, abs=0.06)
    assert [interval.estimate for interval in found] == pytest.approx(samples.mean(axis=1).tolist())


def test_without_blocks_the_interval_of_persistent_returns_is_too_narrow():
    returns = autocorrelated(1, 1000, 0.6)
    single, blocks = (bootstrap_interval(returns, mean_returns, Resampling(length), rng()) for length in (1.0, 25.0))
    # The mean of an AR(1) varies (1 + φ) / (1 − φ) = 4 times as much as its values say.
    assert (blocks.high - blocks.low) / (single.high - single.low) == pytest.approx(2.0, abs=0.35)


def test_an_interval_of_the_sharpe_ratio_has_the_width_of_its_known_error():
    returns = rng(2).normal(0.05, 1.0, 1000)
    found = bootstrap_interval(returns, sharpe_ratios, Resampling(1.0, 4000), rng())
    assert found.estimate == pytest.approx(sharpe_of(returns))
    assert found.high - found.low == pytest.approx(2 * 1.96 / math.sqrt(1000), rel=0.08)


def test_portions_draw_as_many_series_as_were_asked_for():
    assert resampled(np.zeros(300_000), mean_returns, Resampling(9.0, 7), rng()).tolist() == [0.0] * 7


@pytest.mark.parametrize("by", [0.0, 0.3, 0.8])
def test_the_block_length_is_that_of_arch_in_any_unit(by):
    returns = autocorrelated(4, 2000, by)
    theirs = max(1.0, float(optimal_block_length(returns)["stationary"].iloc[0]))
    assert block_length(returns) == pytest.approx(theirs)
    assert block_length(1e-9 * returns) == pytest.approx(theirs)


def test_clusters_of_volatility_ask_for_blocks_that_the_mean_does_not_need():
    returns = rng(5).standard_normal(2000) * np.repeat(rng(6).choice([0.3, 2.0], 40), 50)
    assert cluster_length(returns) > 5 * block_length(returns)
    assert cluster_length(returns) == pytest.approx(float(optimal_block_length(returns**2)["stationary"].iloc[0]))
    assert cluster_length(1e-200 * returns) == pytest.approx(cluster_length(returns))


def test_where_returns_depend_on_each_other_more_than_their_squares_they_tell_the_length_of_both():
    returns = autocorrelated(4, 2000, 0.8)
    assert cluster_length(returns) == block_length(returns) > 5.0


@pytest.mark.parametrize("length", [block_length, cluster_length])
def test_the_length_of_a_block_is_at_least_one(length):
    assert length(np.zeros(100)) == length(np.full(100, 0.1)) == 1.0
    assert length(np.append(np.zeros(99), 1.0)) >= 1.0
    assert length(np.array([0.0] * 9 + [1.0, -1.0] + [0.0] * 9)) >= 1.0
    assert length(rng().standard_normal(20)) >= 1.0


@pytest.mark.parametrize(("observed", "expected"), [(0.0, 1.0), (1.0, 1.0), (1.5, 0.75), (2.0, 0.75), (3.0, 0.5), (3.1, 0.25)])
def test_the_rank_of_an_observed_value_by_hand(observed, expected):
    assert rank_p_value(observed, np.array([2.0, 3.0, 1.0])) == expected


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=30, unique=True))
def test_among_values_of_one_kind_each_rank_is_equally_probable(values):
    ranks = [rank_p_value(float(one), np.delete(np.array(values, dtype=float), i)) for i, one in enumerate(values)]
    assert sorted(ranks) == pytest.approx([(i + 1) / len(values) for i in range(len(values))])


@pytest.mark.parametrize(("observed", "simulated"), [(1.0, []), (math.nan, [1.0]), (1.0, [math.nan, 2.0])])
def test_what_has_no_rank_is_refused(observed, simulated):
    with pytest.raises(BadInputError, match="cannot be ranked"):
        rank_p_value(observed, np.array(simulated))


@given(st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=12), st.lists(st.floats(-0.5, 0.5), min_size=12, max_size=12))
def test_the_statistics_of_rows_are_those_of_each_row(first, second):
    rows = np.array([first, second[: len(first)]])
    assert mean_returns(rows) == pytest.approx(rows.mean(axis=1))
    for row, sharpe, drawdown in zip(rows, sharpe_ratios(rows), deepest_drawdowns(rows), strict=True):
        equity = [1.0, *np.cumprod(1.0 + row)]
        assert drawdown == pytest.approx(max(1 - after / before for i, before in enumerate(equity) for after in equity[i:]))
        assert min(max(sharpe, -100.0), 100.0) == pytest.approx(sharpe_of(row))


def test_rows_that_do_not_vary_have_sharpe_ratio_zero():
    assert sharpe_ratios(np.array([[0.1] * 252, [0.0] * 252])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("block", "resamples"), [(0.9, 10), (math.inf, 10), (math.nan, 10), (5.0, 0)])
def test_a_resampling_that_draws_nothing_is_refused(block, resamples):
    with pytest.raises(BadInputError, match="both must be at least 1"):
        Resampling(block, resamples)


def test_too_few_returns_and_an_impossible_confidence_are_refused():
    with pytest.raises(BadInputError, match=r"shape \(19,\).*at least 20"):
        bootstrap_interval(np.zeros(19), mean_returns, Resampling(1.0), rng())
    with pytest.raises(BadInputError, match="1 of them not finite"):
        block_length(np.append(np.zeros(30), np.nan))
    with pytest.raises(BadInputError, match="the confidence is 95"):
        bootstrap_interval(np.zeros(30), mean_returns, Resampling(1.0), rng(), 95.0)
