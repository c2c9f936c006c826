"""Hansen's test: by hand, against arch on columns of one deviation, and what its studentised statistic is there for."""

import math

import numpy as np
import pytest
from arch.bootstrap import SPA
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.bootstrap import Resampling, long_run_variance
from fxgpt_core.performance.superior_ability import superior_ability

TEN = Resampling(10.0, 1000)


def rng():
    return np.random.default_rng(7)


def noise(seed, periods, trials):
    return np.random.default_rng(seed).normal(0.0, 0.01, (periods, trials))


def clusters(seed, periods, trials):
    """Noise of fat tails whose volatility all trials share, calm and wild by turns of 25 days."""
    draw = np.random.default_rng(seed)
    volatility = np.repeat(draw.choice([0.005, 0.02], periods // 25), 25)[:, np.newaxis]
    return volatility * (draw.standard_t(5, (periods, 1)) + draw.standard_t(5, (periods, trials)))


def arch_p_values(excess, block):
    """By arch, whose statistic is the raw mean difference: `studentize` is stored and never used."""
    test = SPA(np.zeros(len(excess)), -excess, block_size=block, reps=1000, seed=7)
    test.compute()
    return test.pvalues


def test_the_statistic_of_independent_days_is_the_largest_t_statistic():
    excess = np.column_stack((np.tile([1.0, -1.0, 1.0, 1.0], 5), np.tile([3.0, -2.0], 10)))
    found = superior_ability(excess, Resampling(1.0, 50), rng())
    # Means 0.5 and 0.5; deviations √(3/4) and 2.5.
    assert found.statistic == pytest.approx(math.sqrt(20) * 0.5 / math.sqrt(0.75))
    assert found.best == 0


@pytest.mark.parametrize(("added", "theirs"), [(0.0, 0.853), (0.0015, 0.327), (0.0025, 0.0)])
def test_the_reference_p_values_of_noise_and_of_an_edge(added, theirs):
    excess = noise(1, 500, 100)
    excess[:, 3] += added
    assert superior_ability(excess, TEN, rng()).p_consistent == pytest.approx(theirs, abs=0.04)


@pytest.mark.parametrize("added", [0.0, 0.001, 0.0015])
def test_on_columns_of_one_long_run_deviation_the_p_values_equal_those_of_arch(added):
    excess = noise(1, 500, 100)
    excess[:, 3] += added
    scaled = excess / np.sqrt(long_run_variance(excess, 10.0))
    found, theirs = superior_ability(scaled, TEN, rng()), arch_p_values(scaled, 10)
    assert found.p_lower == pytest.approx(theirs["lower"], abs=0.06)
    assert found.p_consistent == pytest.approx(theirs["consistent"], abs=0.06)
    assert found.p_upper == pytest.approx(theirs["upper"], abs=0.06)


def test_wild_trials_hide_an_edge_from_the_raw_statistic_and_not_from_this_one():
    excess = noise(1, 500, 50)
    excess[:, 20] += 0.0025
    excess[:, :5] *= 50.0
    assert arch_p_values(excess, 10)["consistent"] > 0.05
    found = superior_ability(excess, TEN, rng())
    assert (found.best, found.p_consistent) == (20, 1 / 1001)


def test_hopeless_trials_cost_power_in_the_upper_variant_only():
    excess = noise(5, 500, 20)
    excess[:, 3] += 0.0012
    hopeless = np.column_stack((excess, noise(6, 500, 400) - 0.004))
    alone, among = superior_ability(excess, TEN, rng()), superior_ability(hopeless, TEN, rng())
    assert among.p_consistent == alone.p_consistent
    assert among.p_upper > alone.p_upper + 0.1


@pytest.mark.parametrize("draw", [noise, clusters])
def test_of_worthless_searches_a_twentieth_has_a_p_value_below_a_twentieth(draw):
    p_values = [superior_ability(draw(seed, 250, 30), Resampling(2.0, 300), rng()).p_consistent for seed in range(300)]
    # Four standard errors of 300 searches.
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=0.05)
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.1)


def test_blocks_that_are_too_long_for_a_mean_find_ability_where_there_is_none():
    """The planted mistake: blocks for clusters of volatility. A long-run variance of few blocks is too small."""
    shares = [
        np.mean(
            [superior_ability(clusters(seed, 250, 30), Resampling(block, 200), rng()).p_consistent <= 0.05 for seed in range(100)]
        )
        for block in (2.0, 40.0)
    ]
    assert shares[0] <= 0.1
    assert shares[1] >= 0.15


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.lists(st.integers(-20, 20), min_size=5, max_size=5), st.permutations(range(5)))
def test_units_and_order_of_trials_change_nothing_and_the_bounds_are_bounds(seed, powers, order):
    excess = noise(seed, 60, 5)
    found = superior_ability(excess, Resampling(3.0, 100), rng())
    assert 0.0 < found.p_lower <= found.p_consistent <= found.p_upper <= 1.0
    moved = superior_ability((excess * 2.0 ** np.array(powers))[:, list(order)], Resampling(3.0, 100), rng())
    assert (moved.statistic, moved.p_consistent) == pytest.approx((found.statistic, found.p_consistent))
    assert order[moved.best] == found.best


def test_trials_that_stayed_out_show_nothing():
    excess = noise(1, 100, 5)
    idle = np.column_stack((np.zeros((100, 3)), excess, np.full((100, 1), 0.1)))
    alone, among = superior_ability(excess, TEN, rng()), superior_ability(idle, TEN, rng())
    assert (among.statistic, among.p_upper) == pytest.approx((alone.statistic, alone.p_upper))
    assert superior_ability(np.zeros((50, 3)), TEN, rng()).p_consistent == 1.0


def test_when_every_trial_lost_the_p_value_is_one():
    assert superior_ability(noise(1, 100, 5) - 0.02, TEN, rng()).p_consistent == 1.0


@pytest.mark.parametrize(
    ("excess", "message"),
    [
        (np.zeros((19, 2)), r"shape \(19, 2\).*at least 20 x 1"),
        (np.zeros((20, 0)), r"shape \(20, 0\)"),
        (np.full((30, 2), np.inf), "60 of them not finite"),
    ],
)
def test_what_cannot_be_tested_is_refused(excess, message):
    with pytest.raises(BadInputError, match=message):
        superior_ability(excess, TEN, rng())
