"""Nonconformity scores of conformalized quantile regression, and the finite-sample rank of a threshold."""

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

RANK_DIGITS = 9
"""(n+1)·coverage is rounded here before the ceiling: 100 × 0.55 is 55.00000000000001 in binary and must rank as 55."""


def quantile_excess(lower: FloatArray, upper: FloatArray, realised: FloatArray, scale: FloatArray) -> FloatArray:
    """How far the outcome lies outside its interval, in units of scale: max(lower − y, y − upper) / scale.

    All arrays share one shape [...] and are cumulative log-returns; negative inside the interval.
    NaN where the outcome is not known yet or the scale is not positive.
    Source: Romano, Patterson, Candès, Conformalized Quantile Regression (2019), equation 6, divided by the scale.
    """
    outside = np.maximum(lower - realised, realised - upper)
    usable = np.isfinite(outside) & np.isfinite(scale) & (scale > 0.0)
    scores: FloatArray = np.divide(outside, scale, out=np.full(outside.shape, np.nan), where=usable)
    return scores


def conformal_rank(n: int, coverage: float) -> int:
    """The rank k = ⌈(n+1)·coverage⌉ of the score that bounds a new one with the asked coverage; k may exceed n.

    Raises `ValueError` for a coverage outside (0, 1). Source: Lei et al., Distribution-Free Predictive Inference (2018).
    """
    if not 0.0 < coverage < 1.0:
        raise ValueError(f"coverage {coverage} found; it is a share strictly between 0 and 1; ask for 0.9, not 90")
    return math.ceil(round((n + 1) * coverage, RANK_DIGITS))


def conformal_threshold(scores: FloatArray, coverage: float) -> float:
    """The k-th smallest of the finite scores [n], k = ⌈(n+1)·coverage⌉, and +inf where there are too few of them (k > n)."""
    known = np.sort(scores[np.isfinite(scores)])
    rank = conformal_rank(len(known), coverage)
    return math.inf if rank > len(known) else float(known[rank - 1])
