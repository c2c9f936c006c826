"""Joint noise: margins untouched, correlation as asked, and what was asked is that of the residuals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.dependence import SHRINKAGE, coupled, residual_correlation

TRUE = np.array([[1.0, 0.7, -0.3], [0.7, 1.0, 0.0], [-0.3, 0.0, 1.0]])


def residuals(n: int, correlation: np.ndarray = TRUE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).multivariate_normal(np.zeros(len(correlation)), correlation, n)


def test_equal_weights_give_numpys_correlation_less_the_shrinkage() -> None:
    sample = residuals(5000)
    expected = (1.0 - SHRINKAGE) * np.corrcoef(sample.T) + SHRINKAGE * np.eye(3)
    np.testing.assert_allclose(residual_correlation(sample, decay=1.0), expected, atol=2e-3)


def test_late_rows_count_most_and_decay_says_how_much() -> None:
    changed = np.concatenate([residuals(2000, TRUE), residuals(300, np.eye(3), seed=1)])
    found = {decay: residual_correlation(changed, decay)[0, 1] for decay in (1.0, 0.98)}
    assert found[1.0] > 0.5
    assert abs(found[0.98]) < 0.2


def test_rows_that_lack_a_symbol_do_not_count_and_a_shock_counts_as_eight_deviations() -> None:
    sample = residuals(400)
    holed = np.vstack([sample[:200], [[np.nan, 50.0, 1.0]], sample[200:]])
    assert np.array_equal(residual_correlation(holed), residual_correlation(sample))
    shocked, clipped = sample.copy(), sample.copy()
    shocked[-1], clipped[-1] = (100.0, 100.0, 0.0), (8.0, 8.0, 0.0)
    assert np.array_equal(residual_correlation(shocked), residual_correlation(clipped))


def test_noise_correlates_over_symbols_as_asked_and_over_tokens_not_at_all() -> None:
    noise = np.random.default_rng(1).standard_normal((20_000, 3, 4))
    joint = coupled(noise, TRUE)
    for token in range(4):
        np.testing.assert_allclose(np.corrcoef(joint[:, :, token].T), TRUE, atol=0.03)
    assert np.abs(np.corrcoef(joint[:, 0, :].T) - np.eye(4)).max() < 0.03
    np.testing.assert_allclose(joint.std(axis=0), 1.0, atol=0.03)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(1, 8), st.integers(0, 2**31), st.sampled_from([0.9, 0.99, 1.0]))
def test_any_residuals_give_a_correlation_that_has_a_root(rows: int, symbols: int, seed: int, decay: float) -> None:
    rng = np.random.default_rng(seed)
    # Few rows and symbols that move as one: singular without the shrinkage.
    sample = np.repeat(rng.standard_normal((rows, 1)), symbols, axis=1) * rng.choice([-1.0, 0.0, 1.0], symbols)
    correlation = residual_correlation(sample, decay)
    assert (np.diag(correlation) == 1.0).all()
    assert np.array_equal(correlation, correlation.T)
    assert np.isfinite(coupled(np.ones((symbols, 5)), correlation)).all()


def test_too_few_rows_and_what_is_no_correlation_are_refused() -> None:
    with pytest.raises(BadInputError, match="1 complete rows of residuals found"):
        residual_correlation(np.array([[1.0, 2.0], [np.nan, 1.0]]))
    with pytest.raises(BadInputError, match="not positive definite"):
        coupled(np.ones((2, 3)), np.array([[1.0, 2.0], [2.0, 1.0]]))
