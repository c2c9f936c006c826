"""Nonconformity scores of forecasts, and the finite-sample rank of a threshold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from fxgpt_core.conformal.outcomes import Outcomes
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import Forecasts

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Around = Literal["median", "quantiles"]
"""What a band is laid around: the forecast's median, or the quantiles (1 ± coverage) / 2 of it."""

RANK_DIGITS = 9
"""(n+1)·coverage is rounded here before the ceiling: 100 × 0.55 is 55.00000000000001 in binary and must rank as 55."""
LEVEL_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Scores:
    """Nonconformity of N forecasts at S steps and C coverages, in units of each forecast's scale; NaN where not known.

    `values` float64[N,S,C]: how far outside its band an outcome lies (negative: inside); `residual` float64[N,S]: its absolute
    distance from the median; `rows` int64[N]: the origins' places among the candles; `steps` int32[S]; `coverages` float64[C]
    ascending. Besides, of each origin: `known_at_us` int64[N], `volatility` float64[N], the scale at the first step, and
    `labels` int64[N], a regime given by the caller (None: none).
    """

    values: FloatArray
    residual: FloatArray
    rows: IntArray
    steps: npt.NDArray[np.int32]
    coverages: FloatArray
    known_at_us: IntArray
    volatility: FloatArray
    labels: IntArray | None = None


def scores_of(
    forecasts: Forecasts, outcomes: Outcomes, coverages: Sequence[float], around: Around, labels: IntArray | None = None
) -> Scores:
    """The scores of forecasts whose outcomes are known or not. Raises `BadInputError` for other shapes or an absent level."""
    if outcomes.realised.shape != forecasts.scale.shape or (labels is not None and labels.shape != (len(forecasts),)):
        raise BadInputError(
            f"outcomes of shape {outcomes.realised.shape} found for forecasts of shape {forecasts.scale.shape} (origins, steps); "
            "pass outcomes_of the same forecasts, and one label for each origin"
        )
    lower, upper = base_edges(forecasts, coverages, around)
    median = forecasts.values[:, :, level_index(forecasts.levels, 0.5)]
    outcome, scale = outcomes.realised[:, :, None], forecasts.scale[:, :, None]
    return Scores(
        values=quantile_excess(lower, upper, outcome, scale),
        residual=quantile_excess(median, median, outcomes.realised, forecasts.scale),
        rows=outcomes.rows,
        steps=forecasts.steps,
        coverages=np.array(coverages, dtype=np.float64),
        known_at_us=forecasts.known_at_us,
        volatility=forecasts.scale[:, 0],
        labels=labels,
    )


def base_edges(forecasts: Forecasts, coverages: Sequence[float], around: Around) -> tuple[FloatArray, FloatArray]:
    """float64[N,S,C] each: what the offsets are subtracted from and added to. Raises `BadInputError` for an absent level."""
    if around == "median":
        low = high = [level_index(forecasts.levels, 0.5)] * len(coverages)
    else:
        low = [level_index(forecasts.levels, (1.0 - coverage) / 2.0) for coverage in coverages]
        high = [level_index(forecasts.levels, (1.0 + coverage) / 2.0) for coverage in coverages]
    return forecasts.values[:, :, low], forecasts.values[:, :, high]


def quantile_excess(lower: FloatArray, upper: FloatArray, realised: FloatArray, scale: FloatArray) -> FloatArray:
    """How far the outcome lies outside its interval, in units of scale: max(lower − y, y − upper) / scale.

    All arrays are of one shape [...], or broadcast to one, and are cumulative log-returns; negative inside the interval.
    NaN where the outcome is not known yet or the scale is not positive. With the median as both edges: |y − median| / scale.
    Source: Romano, Patterson, Candès, Conformalized Quantile Regression (2019), equation 6, divided by the scale.
    """
    outside = np.maximum(lower - realised, realised - upper)
    usable = np.isfinite(outside) & np.isfinite(scale) & (scale > 0.0)
    scores: FloatArray = np.divide(outside, scale, out=np.full(outside.shape, np.nan), where=usable)
    return scores


def conformal_rank(n: int, coverage: float) -> int:
    """The rank k = ⌈(n+1)·coverage⌉ of the score that bounds a new one with the asked coverage; k may exceed n.

    Raises `BadInputError` for a coverage outside (0, 1). Source: Lei et al., Distribution-Free Predictive Inference (2018).
    """
    if not 0.0 < coverage < 1.0:
        raise BadInputError(f"coverage {coverage} found; it is a share strictly between 0 and 1; ask for 0.9, not 90")
    return math.ceil(round((n + 1) * coverage, RANK_DIGITS))


def conformal_threshold(scores: FloatArray, coverage: float) -> float:
    """The k-th smallest of the finite scores [n], k = ⌈(n+1)·coverage⌉, and +inf where there are too few of them (k > n)."""
    known = np.sort(scores[np.isfinite(scores)])
    rank = conformal_rank(len(known), coverage)
    return math.inf if rank > len(known) else float(known[rank - 1])


def thresholds(values: FloatArray, coverages: FloatArray) -> FloatArray:
    """float64[S,C]: the conformal threshold of scores float64[N,S,C] at each step and coverage."""
    return np.array(
        [
            [conformal_threshold(values[:, s, c], coverage) for c, coverage in enumerate(coverages.tolist())]
            for s in range(values.shape[1])
        ]
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
