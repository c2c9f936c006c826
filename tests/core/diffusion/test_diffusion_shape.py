"""The shape of returns: monotone, odd, undone by its inverse, and that of the increments it was fitted to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from fxgpt_core.diffusion.shape import FEWEST, KNOTS, NORMAL, Shape, fit_shape

WIDE = np.concatenate([np.linspace(-6.0, 6.0, 500)[:, None]] * 28, axis=1)


def student(n: int = 4_000, degrees: float = 4.0, seed: int = 0) -> np.ndarray:
    """Increments of unit variance with heavy tails, float64[N,28]."""
    drawn = np.random.default_rng(seed).standard_t(degrees, (n, 28))
    return drawn * np.sqrt((degrees - 2.0) / degrees)


def test_the_shape_of_a_normal_distribution_changes_nothing() -> None:
    np.testing.assert_allclose(NORMAL.of_normal(WIDE), WIDE, atol=1e-12)
    np.testing.assert_allclose(NORMAL.to_normal(WIDE), WIDE, atol=1e-12)


def test_its_knots_are_the_quantiles_of_what_it_was_fitted_to() -> None:
    expected = t.ppf(norm.cdf(KNOTS), 4.0) * np.sqrt(0.5)
    found = fit_shape(student())
    np.testing.assert_allclose(found.candle[:10], expected[:10], rtol=0.05)
    np.testing.assert_allclose(found.longer[:8], expected[:8], rtol=0.08)


def test_normal_increments_become_those_it_was_fitted_to_and_those_become_normal() -> None:
    shape, sample = fit_shape(student()), student(seed=1)
    normal = np.random.default_rng(2).standard_normal((4_000, 28))
    for level in (0.01, 0.1, 0.3, 0.5, 0.9, 0.99):
        assert np.quantile(shape.of_normal(normal), level) == pytest.approx(np.quantile(sample, level), abs=0.04)
        assert np.quantile(shape.to_normal(sample), level) == pytest.approx(norm.ppf(level), abs=0.04)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.floats(2.1, 30.0), st.integers(100, 3_000), st.sampled_from([24, 25, 28]))
def test_it_rises_is_odd_and_is_undone_by_its_inverse(seed: int, degrees: float, n: int, tokens: int) -> None:
    shape = fit_shape(student(n, degrees, seed)[:, :tokens])
    wide = WIDE[:, :tokens]
    mapped = shape.of_normal(wide)
    assert (np.diff(mapped, axis=0) > 0.0).all()
    np.testing.assert_allclose(shape.of_normal(-wide), -mapped, atol=1e-12)
    np.testing.assert_allclose(shape.to_normal(mapped), wide, atol=1e-6)


def test_candles_and_longer_tokens_have_shapes_of_their_own() -> None:
    mixed = np.concatenate([student()[:, :24], np.random.default_rng(3).standard_normal((4_000, 4))], axis=1)
    shape = fit_shape(mixed)
    assert shape.candle[0] < 0.9 * KNOTS[0]
    assert shape.longer[0] == pytest.approx(KNOTS[0], rel=0.05)


def test_too_few_increments_keep_the_normal_shape_and_a_price_that_stands_still_gives_one_that_rises() -> None:
    assert fit_shape(student(FEWEST // 24 - 1)).candle is KNOTS
    still = np.where(np.random.default_rng(0).random((1_000, 28)) < 0.6, 0.0, student(1_000))
    assert (np.diff(fit_shape(still).candle) > 0.0).all()
    assert isinstance(fit_shape(still), Shape)
