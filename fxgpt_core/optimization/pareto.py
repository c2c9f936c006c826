"""Which trials are not beaten, and the one in the middle of them. All points are gains: more is better in each column."""

import numpy as np
import numpy.typing as npt

from fxgpt_core.optimization.objectives import SIGNS

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def dominates(first: FloatArray, second: FloatArray) -> bool:
    """True when the gains [K] of `first` are nowhere below those of `second` and somewhere above."""
    return bool((first >= second).all() and (first > second).any())


def pareto_front(gains: FloatArray) -> list[int]:
    """Indices, ascending, of the points of gains [N,K] that no other point dominates; equal points all stay."""
    # A point is dominated only by one that comes before it by the columns, so each is held against the front of those alone.
    order = np.lexsort(-gains.T[::-1])
    front: list[int] = []
    points = np.empty_like(gains)
    for index in order:
        kept, point = points[: len(front)], gains[index]
        if not ((kept >= point).all(axis=1) & (kept > point).any(axis=1)).any():
            points[len(front)] = point
            front.append(int(index))
    return sorted(front)


def feasible_front(objectives: FloatArray, violation: FloatArray) -> IntArray:
    """int64[k]: the front of the objectives float64[n,4] that violate nothing; of none such, those that violate least."""
    if not len(violation):
        return np.empty(0, np.int64)
    rows = np.flatnonzero(violation <= violation.min())
    return rows[pareto_front(objectives[rows] * SIGNS)]


def knee(gains: FloatArray) -> int:
    """The point of the Pareto front of gains [N,K] nearest to the ideal, the best of the front in every column.

    Columns are first scaled by the front to [0, 1]; a column in which the front is flat does not count; the first of
    equally near points wins. Source: the compromise solution of Zeleny, Multiple Criteria Decision Making (1982), p = 2.
    Raises `ValueError` for no point or a gain that is not finite.
    """
    if len(gains) == 0 or not np.isfinite(gains).all():
        raise ValueError(f"{len(gains)} points found, finite: {bool(np.isfinite(gains).all())}; a knee needs finite points")
    front = pareto_front(gains)
    points = gains[front]
    best, worst = points.max(axis=0), points.min(axis=0)
    width = best - worst
    shortfall = np.divide(best - points, width, out=np.zeros_like(points), where=width > 0.0)
    return front[int((shortfall**2).sum(axis=1).argmin())]
