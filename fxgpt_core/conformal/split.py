"""Split conformal calibration: one offset per step and coverage, fitted on a span the model never saw."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fxgpt_core import content_hash
from fxgpt_core.conformal.nonconformity import conformal_threshold, quantile_excess
from fxgpt_core.errors import BadInputError, RefusedError
from fxgpt_core.forecasts.forecast import Forecasts

FloatArray = npt.NDArray[np.float64]

COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""The nominal coverages that are calibrated; each needs the forecast levels (1 ± coverage) / 2."""

LEVEL_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Calibration:
    """The calibrated offsets of one frozen model and sampler.

    `steps` int32[S]; `coverages` float64[C] ascending; `offsets` float64[S,C] in units of the forecast's scale, +inf where
    too few scores were known (k > n); `n_scores` int64[S]; `start_us`, `stop_us`: first and last origin used.
    """

    symbol: str
    timeframe: str
    steps: npt.NDArray[np.int32]
    coverages: FloatArray
    offsets: FloatArray
    n_scores: npt.NDArray[np.int64]
    model_sha256: str
    sampling_sha256: str
    start_us: int
    stop_us: int

    def to_json(self) -> str:
        """Canonical JSON text; an infinite offset is written as null, every finite number survives exactly."""
        return content_hash.canonical_json(
            {
                "symbol": self.symbol,
                "timeframe": self.timeframe,
                "steps": self.steps.tolist(),
                "coverages": self.coverages.tolist(),
                "offsets": [[x if math.isfinite(x) else None for x in row] for row in self.offsets.tolist()],
                "n_scores": self.n_scores.tolist(),
                "model_sha256": self.model_sha256,
                "sampling_sha256": self.sampling_sha256,
                "start_us": self.start_us,
                "stop_us": self.stop_us,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """The calibration written by `to_json`. Raises `BadInputError` on a text that is not one."""
        try:
            return cls._from_fields(json.loads(text))
        except (KeyError, TypeError, ValueError) as error:
            raise BadInputError(
                f"not a calibration ({type(error).__name__}: {error}); expected the JSON of Calibration.to_json; calibrate again"
            ) from error

    @classmethod
    def _from_fields(cls, fields: dict[str, Any]) -> "Calibration":
        offsets = [[math.inf if x is None else float(x) for x in row] for row in fields["offsets"]]
        return cls(
            symbol=str(fields["symbol"]),
            timeframe=str(fields["timeframe"]),
            steps=np.array(fields["steps"], dtype=np.int32),
            coverages=np.array(fields["coverages"], dtype=np.float64),
            offsets=np.array(offsets, dtype=np.float64),
            n_scores=np.array(fields["n_scores"], dtype=np.int64),
            model_sha256=str(fields["model_sha256"]),
            sampling_sha256=str(fields["sampling_sha256"]),
            start_us=int(fields["start_us"]),
            stop_us=int(fields["stop_us"]),
        )

    def require(self, model_sha256: str, sampling_sha256: str) -> None:
        """Raise `RefusedError` unless this calibration was fitted on that model and that sampler."""
        for what, mine, asked in (
            ("model", self.model_sha256, model_sha256),
            ("sampling", self.sampling_sha256, sampling_sha256),
        ):
            if mine != asked:
                raise RefusedError(
                    f"the calibration belongs to {what} {mine[:16]}, the forecasts to {asked[:16]}; "
                    "offsets hold for one frozen model and sampler only; materialize calibration_quantiles again"
                )


def fit(
    forecasts: Forecasts,
    realised: FloatArray,
    coverages: Sequence[float] = COVERAGES,
    *,
    model_sha256: str,
    sampling_sha256: str,
) -> Calibration:
    """Split conformal offsets per step: the ⌈(n+1)·coverage⌉-th smallest score over the origins whose outcome is known.

    `realised` float64[N,S] holds the outcomes (NaN: not known yet, not counted). Exchangeability is an assumption markets
    break; the coverage that results is measured by `coverage_table`, never claimed.
    Raises `BadInputError` on empty forecasts, a wrong shape or a missing level.
    """
    expected = (len(forecasts.known_at_us), len(forecasts.steps))
    if realised.shape != expected or expected[0] == 0:
        raise BadInputError(
            f"outcomes of shape {realised.shape} found for forecasts of shape {expected} (origins, steps); "
            "pass forecasts.realised of the same, non-empty forecasts"
        )
    ordered = sorted(coverages)
    n_scores = np.zeros(expected[1], dtype=np.int64)
    offsets = np.empty((expected[1], len(ordered)))
    for c, coverage in enumerate(ordered):
        low_index, high_index = outer_levels(forecasts.levels, coverage)
        scores = quantile_excess(forecasts.values[:, :, low_index], forecasts.values[:, :, high_index], realised, forecasts.scale)
        n_scores = np.isfinite(scores).sum(axis=0).astype(np.int64)
        offsets[:, c] = [conformal_threshold(scores[:, s], coverage) for s in range(expected[1])]
    return Calibration(
        symbol=str(forecasts.symbol),
        timeframe=str(forecasts.timeframe),
        steps=np.asarray(forecasts.steps, dtype=np.int32),
        coverages=np.array(ordered, dtype=np.float64),
        offsets=offsets,
        n_scores=n_scores,
        model_sha256=model_sha256,
        sampling_sha256=sampling_sha256,
        start_us=int(forecasts.known_at_us[0]),
        stop_us=int(forecasts.known_at_us[-1]),
    )


def level_index(levels: FloatArray, level: float) -> int:
    """Index of a quantile level. Raises `BadInputError` when the forecasts do not carry it."""
    distance = np.abs(levels - level)
    index = int(distance.argmin())
    if distance[index] > LEVEL_TOLERANCE:
        raise BadInputError(
            f"quantile level {level:g} is not among the forecast's levels {levels.tolist()}; "
            "forecast with fxgpt_core.forecasts.forecast.LEVELS"
        )
    return index


def outer_levels(levels: FloatArray, coverage: float) -> tuple[int, int]:
    """Indices of the levels (1 − coverage)/2 and (1 + coverage)/2. Raises `BadInputError` when one is absent."""
    return level_index(levels, (1.0 - coverage) / 2.0), level_index(levels, (1.0 + coverage) / 2.0)
