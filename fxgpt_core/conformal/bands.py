"""Calibrated bands: what the strategy reads of a forecast."""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass, replace

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.conformal.calibration import CAP, COVERAGES, Calibration
from fxgpt_core.conformal.nonconformity import base_edges, level_index
from fxgpt_core.conformal.outcomes import Outcomes, outcomes_of
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import Forecasts

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Bands:
    """Intervals of the cumulative log-return close_{t+step}/close_t, N origins × S steps × C coverages.

    `known_at_us` int64[N] when the origin candle closed; `steps` int32[S] candles ahead; `coverages` float64[C] ascending;
    `lower`, `upper` float64[N,S,C]; `median`, `scale` float64[N,S] (scale: random-walk standard deviation known at t).
    A wider coverage contains a narrower one and every interval contains the median; none is infinite or unknown, which raises
    `BadInputError`: probabilities read off any other bands would be nonsense. `uncalibrated` bool[N,S,C]: too few independent
    scores, or an edge at the cap; nobody may trade on it. `ordered`: a part of bands that were looked at is not looked at again.
    """

    known_at_us: IntArray
    steps: npt.NDArray[np.int32]
    coverages: FloatArray
    lower: FloatArray
    upper: FloatArray
    uncalibrated: npt.NDArray[np.bool_]
    median: FloatArray
    scale: FloatArray
    ordered: InitVar[bool] = False

    def __post_init__(self, ordered: bool) -> None:
        n, s, c = len(self.known_at_us), len(self.steps), len(self.coverages)
        wanted = dict.fromkeys(("lower", "upper", "uncalibrated"), (n, s, c)) | {"median": (n, s), "scale": (n, s)}
        for name, shape in wanted.items():
            found = getattr(self, name).shape
            if found != shape:
                raise BadInputError(
                    f"bands.{name} has shape {found}; {n} origins, {s} steps and {c} coverages need {shape}; rebuild the bands"
                )
        if not ordered:
            self._require_ordered()

    def select(self, mask: npt.NDArray[np.bool_] | IntArray | slice) -> "Bands":
        """The bands of the origins chosen by a mask bool[N], by indices or by a slice."""
        return Bands(
            known_at_us=self.known_at_us[mask],
            steps=self.steps,
            coverages=self.coverages,
            lower=self.lower[mask],
            upper=self.upper[mask],
            uncalibrated=self.uncalibrated[mask],
            median=self.median[mask],
            scale=self.scale[mask],
            ordered=True,
        )

    def _require_ordered(self) -> None:
        """Raise `BadInputError` for an interval that is unknown or infinite, within a narrower one, or off its median."""
        low = high = self.median
        for place in range(len(self.coverages)):
            lower, upper = self.lower[:, :, place], self.upper[:, :, place]
            sound = (lower <= low) & (high <= upper) & np.isfinite(lower) & np.isfinite(upper)
            if not sound.all():
                row, step = np.argwhere(~sound)[0].tolist()
                raise self._disordered(row, step, place)
            low, high = lower, upper

    def _disordered(self, row: int, step: int, place: int) -> BadInputError:
        lower, upper = self.lower[row, step, place], self.upper[row, step, place]
        return BadInputError(
            f"the {self.coverages[place]:.0%} interval of row {row} (known at {int(self.known_at_us[row])} µs), step "
            f"{self.steps[step]}, reaches from {lower} to {upper} around the median {self.median[row, step]}: it must be finite, "
            "contain the median, and contain the narrower intervals; take the edges of a calibration as `calibrated_bands` lays "
            "them, or sort your own"
        )


def calibrated_bands(forecasts: Forecasts, outcomes: Outcomes, calibration: Calibration, labels: IntArray | None = None) -> Bands:
    """The bands of later origins, each from the calibration and the outcomes known by then.

    An adaptive method learns from origin to origin: give every forecast behind the calibration, and select afterwards.
    Raises `BadInputError` for an origin before `calibration.settled_us` or steps that were not calibrated.
    """
    parameters = calibration.parameters
    edges = base_edges(forecasts, parameters.coverages, parameters.method.around)
    offsets = calibration.offsets(forecasts, outcomes, labels)
    bands = _bands(forecasts, calibration.coverages, edges, offsets, parameters.cap)
    return replace(bands, uncalibrated=bands.uncalibrated | calibration.too_few)


def bands_behind(calibration: Calibration, forecasts: Forecasts, candles: CandleArrays) -> Bands:
    """The bands of every forecast made at or behind `settled_us`: the one path of validation, backtest and live.

    Raises `BadInputError` for a forecast without candle, or when none is behind the calibration.
    """
    later = forecasts.select(forecasts.known_at_us >= calibration.settled_us)
    if len(later) == 0:
        raise BadInputError(
            f"none of {len(forecasts)} forecasts was made behind {calibration.settled_us} µs, up to which the calibration knows "
            "outcomes; forecast later candles"
        )
    return calibrated_bands(later, outcomes_of(candles.close, candles.known_at_us, later), calibration)


def raw_bands(forecasts: Forecasts, coverages: Sequence[float] = COVERAGES) -> Bands:
    """The forecast's own quantiles as bands, without calibration: what it is compared with. Raises `BadInputError`."""
    edges = base_edges(forecasts, coverages, "quantiles")
    return _bands(forecasts, np.array(coverages, dtype=np.float64), edges, np.zeros(edges[0].shape), CAP)


def _bands(
    forecasts: Forecasts, coverages: FloatArray, edges: tuple[FloatArray, FloatArray], offsets: FloatArray, cap: float
) -> Bands:
    """Edges float64[N,S,C] moved out by offsets × scale, made nested and around the median, and capped.

    Nesting only ever widens: a band keeps at least the coverage of its own offset.
    """
    median = forecasts.values[:, :, level_index(forecasts.levels, 0.5)]
    finite = np.isfinite(offsets)
    shift = np.where(finite, offsets, cap) * forecasts.scale[:, :, None]
    lowest, highest = (median + sign * cap * forecasts.scale for sign in (-1.0, 1.0))
    lower = np.minimum.accumulate(np.minimum(edges[0] - shift, median[:, :, None]), axis=2)
    upper = np.maximum.accumulate(np.maximum(edges[1] + shift, median[:, :, None]), axis=2)
    capped = (lower <= lowest[:, :, None]) | (upper >= highest[:, :, None])
    return Bands(
        known_at_us=forecasts.known_at_us,
        steps=forecasts.steps,
        coverages=coverages,
        lower=np.maximum(lower, lowest[:, :, None]),
        upper=np.minimum(upper, highest[:, :, None]),
        uncalibrated=~finite | capped,
        median=median,
        scale=forecasts.scale,
    )
