"""Paired differences against arch's moving blocks, and on cases whose truth is known."""

import numpy as np
import pytest
from arch.bootstrap import MovingBlockBootstrap

from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.paired import ALIKE, BETTER, WORSE, PairedDifference, paired_difference

RNG = np.random.default_rng(13)


def overlapping(n: int, step: int, seed: int) -> np.ndarray:
    """Sums of `step` shocks in a row: what scores of overlapping horizons look like; mean 0, deviation 1."""
    shocks = np.random.default_rng(seed).normal(size=n + step - 1)
    return np.convolve(shocks, np.ones(step), "valid") / np.sqrt(step)


def test_its_interval_is_that_of_archs_moving_blocks() -> None:
    ours, theirs = overlapping(2000, 24, 1), np.zeros(2000)
    found = paired_difference(ours, theirs, block=48, seed=1, resamples=4000)
    bounds = MovingBlockBootstrap(48, ours, seed=2).conf_int(np.mean, 4000, method="percentile")[:, 0]
    width = bounds[1] - bounds[0]
    np.testing.assert_allclose([found.low, found.high], bounds, atol=0.06 * width)
    assert found.mean == pytest.approx(ours.mean())
    assert found.n == 2000


def test_it_covers_the_truth_about_as_often_as_it_says_though_horizons_overlap() -> None:
    zero = np.zeros(3000)
    found = [paired_difference(overlapping(3000, 24, seed), zero, block=72, seed=seed, resamples=400) for seed in range(200)]
    covered = np.mean([each.low <= 0.0 <= each.high for each in found])
    assert 0.89 <= covered <= 0.98
    alone = [paired_difference(overlapping(3000, 24, seed), zero, block=1, seed=seed, resamples=400) for seed in range(200)]
    assert np.mean([each.low <= 0.0 <= each.high for each in alone]) < 0.5


def test_what_both_share_cancels() -> None:
    shared = 100.0 * RNG.normal(size=2000)
    small = 0.1 * RNG.normal(size=2000)
    assert paired_difference(shared + small - 0.05, shared, block=5, seed=1).verdict == BETTER
    assert paired_difference(shared + small + 0.05, shared, block=5, seed=1).verdict == WORSE
    assert paired_difference(shared + small - small.mean(), shared, block=5, seed=1).verdict == ALIKE


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(-2.0, -0.1, BETTER), (0.1, 2.0, WORSE), (-0.1, 0.1, ALIKE), (0.0, 1.0, ALIKE)]
)
def test_a_verdict_needs_all_of_the_interval(low: float, high: float, verdict: str) -> None:
    assert PairedDifference(0.5 * (low + high), low, high, 100).verdict == verdict


def test_only_cases_known_to_both_count() -> None:
    ours, theirs = RNG.normal(size=500), RNG.normal(size=500)
    gaps = ours.copy(), theirs.copy()
    gaps[0][100:150] = np.nan
    gaps[1][300:320] = np.nan
    kept = np.isfinite(gaps[0] - gaps[1])
    assert paired_difference(*gaps, block=10, seed=1) == paired_difference(ours[kept], theirs[kept], block=10, seed=1)
    assert paired_difference(*gaps, block=10, seed=1).n == 430


def test_the_seed_alone_decides_the_resamples() -> None:
    ours, theirs = RNG.normal(size=300), RNG.normal(size=300)
    assert paired_difference(ours, theirs, 10, seed=1) == paired_difference(ours, theirs, 10, seed=1)
    assert paired_difference(ours, theirs, 10, seed=1) != paired_difference(ours, theirs, 10, seed=2)


def test_other_shapes_and_too_few_cases_are_refused() -> None:
    with pytest.raises(BadInputError, match=r"scores of shapes \(3,\) and \(4,\) found"):
        paired_difference(np.zeros(3), np.zeros(4), 1, seed=0)
    with pytest.raises(BadInputError, match="39 cases known to both and blocks of 20 found"):
        paired_difference(np.zeros(39), np.zeros(39), 20, seed=0)
    with pytest.raises(BadInputError, match="blocks of 0 found"):
        paired_difference(np.zeros(39), np.zeros(39), 0, seed=0)
