"""Calibrated bands: what the strategy reads of a forecast."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.conformal.split import Calibration, level_index, outer_levels
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import Forecasts

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Bands:
    """Intervals of the cumulative log-return close_{t+step}/close_t, N origins × S steps × C coverages.

    `known_at_us` int64[N] when the origin candle closed; `steps` int32[S] candles ahead; `coverages` float64[C] ascending;
    `lower`, `upper` float64[N,S,C]; `median`, `scale` float64[N,S] (scale: random-walk standard deviation known at t).
    A wider coverage contains a narrower one and every interval contains the median. Where calibration had too few scores
    the interval is (−inf, inf): nobody may trade on it.
    """

    known_at_us: IntArray
    steps: npt.NDArray[np.int32]
    coverages: FloatArray
    lower: FloatArray
    upper: FloatArray
    median: FloatArray
    scale: FloatArray

    def __post_init__(self) -> None:
        n, s, c = len(self.known_at_us), len(self.steps), len(self.coverages)
        wanted = {"lower": (n, s, c), "upper": (n, s, c), "median": (n, s), "scale": (n, s)}
        for name, shape in wanted.items():
            found = getattr(self, name).shape
            if found != shape:
                raise BadInputError(
                    f"bands.{name} has shape {found}; {n} origins, {s} steps and {c} coverages need {shape}; rebuild the bands"
                )

    def select(self, mask: npt.NDArray[np.bool_] | IntArray | slice) -> "Bands":
        """The bands of the origins chosen by a mask bool[N], by indices or by a slice."""
        return Bands(
            known_at_us=self.known_at_us[mask],
            steps=self.steps,
            coverages=self.coverages,
            lower=self.lower[mask],
            upper=self.upper[mask],
            median=self.median[mask],
            scale=self.scale[mask],
        )


def calibrated_bands(forecasts: Forecasts, calibration: Calibration) -> Bands:
    """Forecast quantiles widened (or narrowed) by the calibrated offsets × scale, made nested and non-crossing.

    Nesting only ever widens: a band keeps at least the coverage of its own offset.
    Raises `BadInputError` when the calibration lacks a step of the forecasts.
    """
    rows = _calibration_rows(forecasts, calibration)
    median = forecasts.values[:, :, level_index(forecasts.levels, 0.5)]
    scale = forecasts.scale
    n, s = median.shape
    lower = np.empty((n, s, len(calibration.coverages)))
    upper = np.empty_like(lower)
    below, above = median, median
    for c, coverage in enumerate(calibration.coverages):
        low_index, high_index = outer_levels(forecasts.levels, float(coverage))
        shift = calibration.offsets[rows, c] * scale
        below = np.minimum(below, forecasts.values[:, :, low_index] - shift)
        above = np.maximum(above, forecasts.values[:, :, high_index] + shift)
        lower[:, :, c] = below
        upper[:, :, c] = above
    return Bands(
        known_at_us=forecasts.known_at_us,
        steps=forecasts.steps,
        coverages=calibration.coverages,
        lower=lower,
        upper=upper,
        median=median,
        scale=scale,
    )


def _calibration_rows(forecasts: Forecasts, calibration: Calibration) -> IntArray:
    row_of = {int(step): row for row, step in enumerate(calibration.steps)}
    absent = sorted(int(step) for step in forecasts.steps if int(step) not in row_of)
    if absent:
        raise BadInputError(
            f"the calibration has steps {sorted(row_of)} and lacks {absent}; fit the calibration on forecasts with the same steps"
        )
    return np.array([row_of[int(step)] for step in forecasts.steps], dtype=np.int64)
