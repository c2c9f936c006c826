"""The shape of returns: what a standard normal increment becomes, so that networks learn in the space of normal ones.

Returns are narrower in the middle and longer in the tails than a normal distribution. A monotone, odd map from normal quantiles
to those of the training span takes that away before learning, and puts it back behind sampling (as in filtered historical
simulation, Barone-Adesi et al. 1999). P paths, T tokens, K knots.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from fxgpt_core.forecasts.horizons import SINGLES

FloatArray = npt.NDArray[np.float64]

KNOTS: Final = np.arange(0.25, 3.26, 0.25)
"""Normal quantiles above zero at which the map is told; straight lines between them, and on behind the last."""

FEWEST: Final = 2_000
"""With fewer increments the far quantiles are chance, and the map is that of a normal distribution."""


@dataclass(frozen=True, eq=False)
class Shape:
    """Values of increments at `KNOTS`, rising float64[K], for tokens of one candle and for longer ones; mirrored below zero."""

    candle: FloatArray
    longer: FloatArray

    @cached_property
    def normal(self) -> bool:
        """Do increments stay as they are?"""
        return bool((self.candle == KNOTS).all() and (self.longer == KNOTS).all())

    def of_normal(self, increments: FloatArray) -> FloatArray:
        """float64[P,T]: increments in units of their deviation from normal ones float64[P,T]."""
        return self._mapped(increments, [(KNOTS, self.candle), (KNOTS, self.longer)])

    def to_normal(self, increments: FloatArray) -> FloatArray:
        """float64[P,T]: the inverse of `of_normal`."""
        return self._mapped(increments, [(self.candle, KNOTS), (self.longer, KNOTS)])

    def _mapped(self, increments: FloatArray, maps: list[tuple[FloatArray, FloatArray]]) -> FloatArray:
        parts = (increments[:, :SINGLES], increments[:, SINGLES:])
        return np.concatenate([_odd(part, *one) for part, one in zip(parts, maps, strict=True)], axis=1)


NORMAL: Final = Shape(KNOTS, KNOTS)


def fit_shape(increments: FloatArray) -> Shape:
    """The shape of a training span's increments over their known deviation, float64[N,T]."""
    candle = _quantiles(increments[:, :SINGLES])
    return Shape(candle, _quantiles(increments[:, SINGLES:]) if increments.shape[1] > SINGLES else candle)


def _quantiles(increments: FloatArray) -> FloatArray:
    sizes = np.abs(increments.reshape(-1))
    if len(sizes) < FEWEST:
        return KNOTS
    # Of the size, whatever its sign: P(|x| ≤ q) = 2Φ(z) − 1.
    found = np.quantile(sizes, 2.0 * ndtr(KNOTS) - 1.0)
    # A price that often stands still has many zeros, and a map needs to rise.
    return np.maximum.accumulate(np.maximum(found, KNOTS * 1e-3) + KNOTS * 1e-9)


def _odd(x: FloatArray, at: FloatArray, values: FloatArray) -> FloatArray:
    """The odd function through (0, 0) and (at, values), by straight lines, which go on behind the last."""
    size = np.abs(x)
    slope = (values[-1] - values[-2]) / (at[-1] - at[-2])
    inside = np.interp(size, np.concatenate(([0.0], at)), np.concatenate(([0.0], values)))
    return np.sign(x) * np.where(size > at[-1], values[-1] + slope * (size - at[-1]), inside)
