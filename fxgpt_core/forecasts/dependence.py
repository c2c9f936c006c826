"""Paths of several symbols drawn together: each symbol's paths stay its own, and the noise they start from is shared.

A path is a function of its noise. Correlated noise therefore gives joint paths whose every margin is the forecast of its symbol
(a Gaussian copula, Sklar 1959), whatever drew them. P paths, S symbols, T tokens.
"""

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError

FloatArray = npt.NDArray[np.float64]

DECAY = 0.99
SHRINKAGE = 0.02
"""Share of the identity in a correlation matrix, so that symbols that moved as one have a root."""


def residual_correlation(residuals: FloatArray, decay: float = DECAY) -> FloatArray:
    """float64[S,S]: correlation of increments over their known deviation, float64[N,S], the latest last and counted most.

    Rows in which a symbol is NaN do not count; those beyond 8 deviations count as 8. Raises `BadInputError` below two rows.
    """
    known = np.clip(residuals[np.isfinite(residuals).all(axis=1)], -8.0, 8.0)
    if len(known) < 2:
        raise BadInputError(f"{len(known)} complete rows of residuals found; a correlation needs two; give a longer span")
    weighted = known * np.sqrt(decay ** np.arange(len(known) - 1, -1, -1))[:, None]
    second = weighted.T @ weighted
    size = np.sqrt(np.maximum(np.diag(second), np.finfo(float).tiny))
    correlation: FloatArray = (1.0 - SHRINKAGE) * second / np.outer(size, size) + SHRINKAGE * np.eye(len(size))
    np.fill_diagonal(correlation, 1.0)
    return correlation


def coupled(noise: FloatArray, correlation: FloatArray) -> FloatArray:
    """float64[...,S,T]: independent standard normal noise of the same shape, made to correlate over the symbols.

    Each symbol's own noise stays standard normal and independent over tokens. Raises `BadInputError` for a matrix that is none
    of a correlation.
    """
    try:
        root = np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError:
        raise BadInputError("the matrix is no correlation (not positive definite); make it with residual_correlation") from None
    mixed: FloatArray = root @ noise
    return mixed
