"""How far the volatility of each token will be from the one in use: a log-linear regression on how others relate to it.

In the spirit of HAR (Corsi 2009), where short and long spans and ranges tell together what none tells alone. N origins, T tokens,
K volatility columns.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError

FloatArray = npt.NDArray[np.float64]

FEWEST: Final = 2_000
"""With fewer origins what a regression finds is chance, and nothing is changed."""
WIDEST: Final = 4.0
"""No factor lies outside 1/4 and 4: what columns say beyond what was seen is no reason to bet on it."""
_FAR: Final = 5.0
_RIDGE: Final = 1e-3
_MOST_STEPS: Final = 100
_SETTLED: Final = 1e-8


@dataclass(frozen=True, eq=False)
class VolatilityRegression:
    """Factor of a token's deviation = exp of (1, standardised columns) · `coefficients` float64[1+K,T].

    `mean` and `deviation` float64[K] of the columns over the training span. T is 1 where all tokens share a factor.
    """

    mean: FloatArray
    deviation: FloatArray
    coefficients: FloatArray

    def factors(self, inputs: npt.NDArray[np.floating]) -> FloatArray:
        """float64[N,T]: what each token's deviation is multiplied by; the last K of the inputs [N,F] are the columns."""
        logarithms = _design(inputs, self.mean, self.deviation) @ self.coefficients
        return np.exp(np.clip(logarithms, -np.log(WIDEST), np.log(WIDEST)))


UNCHANGED: Final = VolatilityRegression(np.empty(0), np.empty(0), np.zeros((1, 1)))
"""The regression that leaves every deviation as it is."""


def fit_volatility_regression(columns: npt.NDArray[np.floating], increments: FloatArray) -> VolatilityRegression:
    """The regression that columns [N,K] tell of the sizes of increments float64[N,T] over their known deviation.

    E|increment| = exp(x·b), by the quasi-likelihood of a gamma distribution (McCullagh & Nelder 1989, section 8), with a small
    ridge: sizes, not squares, so that one shock does not decide. Then each token's factor is scaled so that increments over it
    have mean square 1. Raises `BadInputError` when it does not settle.
    """
    if len(columns) < FEWEST:
        return UNCHANGED
    mean, deviation = columns.mean(axis=0, dtype=np.float64), columns.std(axis=0, dtype=np.float64)
    deviation = np.where(deviation > 0.0, deviation, np.inf)
    design = _design(columns, mean, deviation)
    found = VolatilityRegression(mean, deviation, _quasi_likelihood(design, np.abs(increments)))
    square = np.mean((increments / found.factors(columns)) ** 2, axis=0)
    found.coefficients[0] += 0.5 * np.log(np.maximum(square, 1e-12))
    return found


def _design(columns: npt.NDArray[np.floating], mean: FloatArray, deviation: FloatArray) -> FloatArray:
    """float64[N,1+K]: a one, and the last K columns in deviations from their mean, none beyond `_FAR`."""
    known = columns[:, columns.shape[1] - len(mean) :].astype(np.float64)
    return np.concatenate([np.ones((len(known), 1)), np.clip((known - mean) / deviation, -_FAR, _FAR)], axis=1)


def _quasi_likelihood(design: FloatArray, sizes: FloatArray) -> FloatArray:
    """float64[1+K,T]: by Fisher scoring, whose information matrix is the same in every step and for every token."""
    n = len(design)
    penalty = np.full(design.shape[1], n * _RIDGE)
    penalty[0] = 0.0
    information = np.linalg.inv(design.T @ design + np.diag(penalty))
    coefficients = np.zeros((design.shape[1], sizes.shape[1]))
    coefficients[0] = np.log(np.maximum(sizes.mean(axis=0), 1e-12))
    for _ in range(_MOST_STEPS):
        score = design.T @ (sizes * np.exp(-design @ coefficients) - 1.0) - penalty[:, None] * coefficients
        step = information @ score
        coefficients += step
        if np.abs(step).max() < _SETTLED:
            return coefficients
    raise BadInputError(
        f"the regression of volatility did not settle on {n} origins (last step {np.abs(step).max():.1e}); "
        "give a longer training span"
    )
