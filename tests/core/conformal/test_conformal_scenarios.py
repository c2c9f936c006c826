"""Scenario probabilities: by hand, against scipy, numerical integration and simulated random walks."""

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from fxgpt_core.conformal.bands import Bands
from fxgpt_core.conformal.calibration import COVERAGES
from fxgpt_core.conformal.scenarios import Scenarios, moments, probability_below, scenarios
from fxgpt_core.errors import BadInputError

STEP = 4
USUAL = np.array(COVERAGES)


def bands_of(lower, upper, median, coverages=USUAL):
    """Bands of one step: edges [N][C], median [N]; beside them a step whose edges are others."""
    lower, upper, median = (np.asarray(values, dtype=np.float64) for values in (lower, upper, median))
    both = (np.stack([edges * 3.0, edges], axis=1) for edges in (lower, upper))
    n = len(median)
    medians, flags = np.stack([median * 3.0, median], axis=1), np.zeros((n, 2, len(coverages)), dtype=bool)
    return Bands(np.arange(n), np.array([1, STEP], dtype=np.int32), coverages, *both, flags, medians, np.ones((n, 2)))


def gaussian(n, mean=0.0, deviation=1.0, coverages=USUAL):
    z = deviation * stats.norm.ppf((1.0 + coverages) / 2.0)
    return bands_of(np.tile(mean - z, (n, 1)), np.tile(mean + z, (n, 1)), np.full(n, mean), coverages)


def below(bands, values):
    return probability_below(bands, STEP, np.asarray(values, dtype=np.float64))


def test_each_edge_has_half_of_what_its_band_leaves_out_beyond_it():
    bands = bands_of([[-1.0, -3.0]] * 5, [[2.0, 4.0]] * 5, [0.5] * 5, np.array([0.5, 0.9]))
    np.testing.assert_allclose(below(bands, [-3.0, -1.0, 0.5, 2.0, 4.0]), [0.05, 0.25, 0.5, 0.75, 0.95], rtol=1e-15)


def test_between_edges_it_is_linear_and_beyond_them_it_falls_as_between_the_two_widest():
    # Halfway from 0.25 to 0.05; and 0.25 → 0.05 over 2 makes 0.05 → 0.01 over 2 more, 0.05 / √5 over 1 more.
    bands = bands_of([[-1.0, -3.0]] * 4, [[2.0, 4.0]] * 4, [0.5] * 4, np.array([0.5, 0.9]))
    expected = [0.15, 0.01, 0.05 / math.sqrt(5.0), 0.99]
    np.testing.assert_allclose(below(bands, [-2.0, -5.0, -4.0, 6.0]), expected, rtol=1e-14)


def test_gaussian_bands_give_gaussian_probabilities():
    values = np.linspace(-3.0, 3.0, 601)
    fine = np.round(np.arange(0.02, 0.99, 0.02), 2)
    expected = stats.norm.cdf(values, 0.1, 0.7)
    assert np.abs(below(gaussian(601, 0.1, 0.7, fine), values) - expected).max() < 0.003
    assert np.abs(below(gaussian(601, 0.1, 0.7), values) - expected).max() < 0.008


def test_mean_and_variance_are_those_of_the_distribution():
    bands = bands_of([[-0.5, -0.9, -2.0]], [[0.7, 1.6, 2.2]], [0.2], np.array([0.5, 0.8, 0.95]))
    grid = np.linspace(-40.0, 40.0, 800_001)
    many = bands.select(np.zeros(len(grid), dtype=np.int64))
    mass, middle = np.diff(below(many, grid)), (grid[1:] + grid[:-1]) / 2.0
    mean = float((mass * middle).sum())
    found = moments(bands, STEP)
    assert found[0][0] == pytest.approx(mean, abs=1e-6)
    assert found[1][0] == pytest.approx(float((mass * (middle - mean) ** 2).sum()), abs=1e-6)


def test_the_variance_of_gaussian_bands_is_theirs_to_four_percent():
    mean, variance = moments(gaussian(1, 0.3, 2.0), STEP)
    assert mean[0] == pytest.approx(0.3)
    assert 1.0 < variance[0] / 4.0 < 1.04


def wishes(bands, side, cost, target, stop):
    n = len(bands.known_at_us)
    return scenarios(bands, STEP, np.full(n, side, dtype=np.int8), cost, np.full(n, target), np.full(n, stop))


def test_bull_base_and_bear_are_above_within_and_below_the_cost():
    bands = gaussian(1, 0.002, 0.01)
    found = wishes(bands, 1, 0.001, 0.02, 0.01)
    assert found.bull[0] == 1.0 - below(bands, [math.log1p(0.001)])[0]
    assert found.bear[0] == below(bands, [math.log1p(-0.001)])[0]
    assert found.bull[0] + found.base[0] + found.bear[0] == pytest.approx(1.0, abs=1e-15)
    assert found.bull[0] > found.bear[0] > 0.0 < found.base[0]


def test_target_and_stop_change_places_with_the_side():
    bands = gaussian(1, 0.002, 0.01)
    long, short = wishes(bands, 1, 0.0, 0.02, 0.01), wishes(bands, -1, 0.0, 0.01, 0.02)
    assert long.target[0] == short.stop[0] == pytest.approx(1.0 - below(bands, [math.log1p(0.02)])[0])
    assert long.stop[0] == short.target[0] == below(bands, [math.log1p(-0.01)])[0]
    assert long.target_first[0] == pytest.approx(1.0 - short.target_first[0], abs=1e-15)
    assert (long.target_met[0], long.stop_met[0]) == (short.stop_met[0], short.target_met[0])


def test_without_a_wish_there_is_no_target():
    found = wishes(gaussian(2), 0, 0.01, 0.1, 0.1)
    assert np.isnan([found.target, found.stop, found.target_met, found.stop_met, found.target_first]).all()
    assert np.isfinite([found.bull, found.base, found.bear]).all()


def met_first(mean, deviation, up, down):
    """The share of 6000 simulated walks that meet `up` before −`down`, in steps of a 500th of the horizon."""
    rng, n_walks, n_steps = np.random.default_rng(5), 6000, 500
    place, open_, won = np.zeros(n_walks), np.ones(n_walks, dtype=bool), 0
    while open_.any():
        place[open_] += rng.normal(mean / n_steps, deviation / math.sqrt(n_steps), int(open_.sum()))
        # A walk in steps passes a level by 0.5826 deviations of a step on average (Siegmund 1985): it is met that much earlier.
        early = 0.5826 * deviation / math.sqrt(n_steps)
        won += int((open_ & (place >= up - early)).sum())
        open_ &= (place < up - early) & (place > -down + early)
    return won / n_walks


@pytest.mark.parametrize(("mean", "up", "down"), [(0.0, 0.01, 0.005), (0.002, 0.01, 0.01), (-0.003, 0.008, 0.012)])
def test_the_target_is_met_first_as_often_as_by_simulated_random_walks(mean, up, down):
    deviation = 0.01
    found = wishes(gaussian(1, mean, deviation), 1, 0.0, math.expm1(up), -math.expm1(-down)).target_first[0]
    simulated = met_first(mean, deviation, up, down)
    # Three standard errors of the simulation are 0.02, and the variance of linear bands is 3 % too large.
    assert found == pytest.approx(simulated, abs=0.025)


def test_without_drift_the_nearer_level_is_met_first_by_the_inverse_of_the_distances():
    found = wishes(gaussian(1, 0.0, 0.01), 1, 0.0, math.expm1(0.03), -math.expm1(-0.01)).target_first[0]
    assert found == pytest.approx(0.25, rel=1e-12)


def test_a_drift_that_overwhelms_decides_without_overflow():
    rising, falling = gaussian(1, 0.5, 0.001), gaussian(1, -0.5, 0.001)
    assert wishes(rising, 1, 0.0, 0.05, 0.05).target_first[0] == 1.0
    assert wishes(falling, 1, 0.0, 0.05, 0.05).target_first[0] == 0.0
    assert wishes(falling, -1, 0.0, 0.05, 0.05).target_first[0] == 1.0


def test_unknown_levels_give_unknown_probabilities():
    found = wishes(gaussian(1), 1, 0.01, math.nan, math.nan)
    assert np.isnan([found.target[0], found.stop[0], found.target_met[0], found.stop_met[0], found.target_first[0]]).all()
    assert math.isnan(below(gaussian(1), [math.nan])[0])


def test_a_band_without_width_is_a_certainty():
    certain = bands_of([[0.1] * 6] * 3, [[0.1] * 6] * 3, [0.1] * 3)
    assert below(certain, [0.0, 0.1, 0.2]).tolist() == [0.0, 1.0, 1.0]
    found = wishes(certain, 1, 0.0, 0.1, 0.1)
    assert np.isnan([found.target_first, found.target_met, found.stop_met]).all()


def test_an_unknown_step_and_levels_that_are_no_fractions_are_refused():
    with pytest.raises(BadInputError, match=r"no step 3.*\[1, 4\]"):
        probability_below(gaussian(1), 3, np.zeros(1))
    with pytest.raises(BadInputError, match="stop reaches from 20"):
        wishes(gaussian(1), 1, 0.0, 0.1, 20.0)
    with pytest.raises(BadInputError, match="the cost"):
        wishes(gaussian(1), 1, -0.1, 0.1, 0.1)


def neither_met(mean, deviation, up, down):
    """The probability that a Brownian motion stays between −`down` and `up` for a unit of time: by sines, in place of images."""
    drift, bottom, width = mean / deviation, down / deviation, (up + down) / deviation
    total = 0.0
    for n in range(1, 60):
        weighed, _ = integrate.quad(lambda y, n=n: math.exp(drift * (y - bottom)) * math.sin(n * math.pi * y / width), 0, width)
        total += 2 / width * math.sin(n * math.pi * bottom / width) * math.exp(-((n * math.pi / width) ** 2) / 2) * weighed
    return total * math.exp(-(drift**2) / 2)


FINE = np.array([*np.round(np.arange(0.02, 0.99, 0.02), 2), 0.99, 0.995, 0.999, 0.9999])


@pytest.mark.parametrize(
    ("mean", "up", "down"),
    [(0.0, 0.01, 0.01), (0.0, 0.02, 0.01), (0.005, 0.01, 0.02), (-0.007, 0.015, 0.006), (0.004, 0.005, 0.004)],
)
def test_what_is_met_within_the_step_is_all_but_what_stays_between(mean, up, down):
    found = wishes(gaussian(1, mean, 0.01, FINE), 1, 0.0, math.expm1(up), -math.expm1(-down))
    assert found.target_met[0] + found.stop_met[0] == pytest.approx(1.0 - neither_met(mean, 0.01, up, down), abs=0.005)


@pytest.mark.parametrize("mean", [-0.005, 0.0, 0.004])
def test_with_a_far_stop_a_target_is_met_as_often_as_a_single_barrier(mean):
    # Reflection principle with drift (Bachelier-Lévy).
    up = 0.012
    expected = stats.norm.cdf((mean - up) / 0.01) + math.exp(2 * mean * up / 0.01**2) * stats.norm.cdf((-up - mean) / 0.01)
    assert wishes(gaussian(1, mean, 0.01, FINE), 1, 0.0, math.expm1(up), 0.5).target_met[0] == pytest.approx(expected, abs=0.005)


def top_met(deviation, up, down):
    """The probability that a Brownian motion without drift meets `up` within a unit of time, and before −`down`: by sines."""
    n, width = np.arange(1, 400), up + down
    fading = np.exp(-((n * math.pi * deviation / width) ** 2) / 2)
    return down / width + float((2 / (n * math.pi) * (-1.0) ** n * np.sin(n * math.pi * down / width) * fading).sum())


@pytest.mark.parametrize(("up", "down"), [(0.02, 0.01), (0.01, 0.01), (0.008, 0.02), (0.04, 0.01)])
def test_a_walk_whose_volatility_is_drawn_meets_its_levels_as_told_by_where_it_ends(up, down):
    """Of a calm and a wild market, each half the time, the bands are those of the mixture, and the answer is the mean of both."""
    deviations = (0.004, 0.02)

    def beyond(edge, left):
        return sum(stats.norm.sf(edge, 0.0, deviation) for deviation in deviations) / 2 - left

    edges = np.array([optimize.brentq(beyond, 0.0, 1.0, args=((1.0 - coverage) / 2,), xtol=1e-14) for coverage in FINE])
    bands = bands_of([-edges], [edges], [0.0], FINE)
    found = wishes(bands, 1, 0.0, math.expm1(up), -math.expm1(-down))
    assert found.target_met[0] == pytest.approx(np.mean([top_met(each, up, down) for each in deviations]), abs=0.003)
    assert found.stop_met[0] == pytest.approx(np.mean([top_met(each, down, up) for each in deviations]), abs=0.003)
    # A single Brownian motion of the same variance is far from that.
    assert abs(found.stop_met[0] - top_met(math.sqrt(moments(bands, STEP)[1][0]), down, up)) > 0.02


def test_very_near_levels_are_met_within_the_step_for_certain_and_very_far_ones_never():
    bands = gaussian(1, 0.0, 0.01)
    near, far = wishes(bands, 1, 0.0, 0.001, 0.0005), wishes(bands, 1, 0.0, 0.5, 0.5)
    assert near.target_met[0] + near.stop_met[0] == 1.0
    assert near.target_met[0] == near.target_first[0]
    assert max(far.target_met[0], far.stop_met[0]) < 1e-30


@settings(max_examples=150, deadline=None)
@given(st.floats(-3.0, 3.0), st.floats(1e-4, 1.0), st.floats(0.0, 0.9), st.floats(0.0, 0.9))
def test_what_is_met_is_a_probability_for_any_drift_and_any_levels(mean, deviation, target, stop):
    found = wishes(gaussian(1, mean, deviation), -1, 0.0, target, stop)
    assert math.isnan(found.target_met[0]) == (target + stop == 0.0)
    if target + stop > 0.0:
        assert 0.0 <= found.target_met[0] <= 1.0
        assert 0.0 <= found.stop_met[0] <= 1.0
        assert found.target_met[0] + found.stop_met[0] <= 1.0 + 1e-9
        assert 0.0 <= found.target_first[0] <= 1.0


widths = st.lists(st.floats(0.0, 1.0), min_size=12, max_size=12)


def nested(median, steps):
    """Edges that grow from the median by the steps, and may coincide."""
    grown = np.cumsum(np.array(steps).reshape(2, 6), axis=1)
    return median - grown[0], median + grown[1]


@settings(max_examples=150, deadline=None)
@given(st.floats(-1.0, 1.0), widths, st.lists(st.floats(-6.0, 6.0), min_size=2, max_size=20))
def test_the_probability_never_falls_with_the_level_and_stays_within_bounds(median, steps, values):
    lower, upper = nested(median, steps)
    ordered = np.sort(values)
    n = len(ordered)
    found = below(bands_of(np.tile(lower, (n, 1)), np.tile(upper, (n, 1)), np.full(n, median)), ordered)
    assert (np.diff(found) >= -1e-15).all()
    assert ((found >= 0.0) & (found <= 1.0)).all()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(-1.0, 1.0), widths, st.sampled_from([-1, 0, 1])), min_size=1, max_size=12), st.data())
def test_a_row_is_the_same_to_the_last_bit_alone_and_among_others(table, data):
    edges = [nested(median, steps) for median, steps, _ in table]
    bands = bands_of([lower for lower, _ in edges], [upper for _, upper in edges], [median for median, _, _ in table])
    side = np.array([wish for _, _, wish in table], dtype=np.int8)
    levels = np.random.default_rng(1).uniform(0.0, 0.9, (2, len(table)))
    row = data.draw(st.integers(0, len(table) - 1))
    among = scenarios(bands, STEP, side, 0.001, *levels)
    one = slice(row, row + 1)
    alone = scenarios(bands.select(one), STEP, side[one], 0.001, levels[0, one], levels[1, one])
    for name in (item.name for item in fields(Scenarios)):
        assert getattr(among, name)[one].tobytes() == getattr(alone, name).tobytes()


@settings(max_examples=100, deadline=None)
@given(st.floats(-0.02, 0.02), st.floats(0.001, 0.02), st.floats(0.001, 0.5), st.floats(0.001, 0.5), st.floats(1.01, 3.0))
def test_a_farther_stop_makes_the_target_likelier_and_a_farther_target_less_likely(mean, deviation, target, stop, more):
    bands = gaussian(1, mean, deviation)

    def first(target, stop):
        return wishes(bands, 1, 0.0, target, min(stop, 0.99)).target_first[0]

    assert first(target, stop * more) >= first(target, stop) - 1e-12
    assert first(min(target * more, 0.99), stop) <= first(target, stop) + 1e-12


lengths = st.sampled_from([0.0, 1e-12, 1e-6, 1e-4]) | st.floats(0.0, 0.2)
levels = st.floats(0.0, 0.9) | st.floats(0.0, 1e-3)


@st.composite
def allowed_bands(draw):
    """Ordered bands of any coverages, medians and widths: coinciding edges, tails of one side only, a median far from zero."""
    coverages = np.array(sorted(draw(st.sets(st.sampled_from([0.01, 0.3, 0.5, 0.8, 0.9, 0.95, 0.999]), min_size=1))))
    median = draw(st.sampled_from([0.0, -0.9]) | st.floats(-0.5, 0.5))
    grown = [np.cumsum(draw(st.lists(lengths, min_size=len(coverages), max_size=len(coverages)))) for _ in range(2)]
    return bands_of([median - grown[0]], [median + grown[1]], [median], coverages)


@settings(max_examples=400, deadline=None)
@given(allowed_bands(), st.sampled_from([-1, 1]), st.floats(0.0, 0.05), levels, levels)
def test_any_bands_that_are_allowed_give_probabilities(bands, side, cost, target, stop):
    found = wishes(bands, side, cost, target, stop)
    # Of bands without width, and of levels in one place, it is not known what is met first.
    certain = bool(moments(bands, STEP)[1][0] > 0.0 and math.log1p(target) - math.log1p(-stop) > 0.0)
    for item in fields(Scenarios):
        value = float(getattr(found, item.name)[0])
        if certain or item.name not in ("target_met", "stop_met", "target_first"):
            assert -1e-12 <= value <= 1.0 + 1e-12, item.name
    if certain:
        assert found.target_met[0] + found.stop_met[0] <= 1.0 + 1e-12
