"""Portfolios of least risk as convex programmes, written for the solver Clarabel as they stand.

A modelling language compiles such a programme anew each time, which takes longer than to solve it: Riskfolio-Lib, which builds
its programmes so, is what the tests hold the weights against (`portfolio/riskfolio_reference.py`). The epigraphs are those of
Rockafellar and Uryasev (2000) for CVaR, Chekhlov, Uryasev and Zabarankin (2005) for CDaR, Ahmadi-Javid (2012) for EVaR.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

TAIL: Final = 0.05
"""CVaR, CDaR and EVaR look at the worst twentieth of the days."""

STEP_FRACTION: Final = 0.95
"""Of the solver: by its default, 0.99, it gives up on about one in 200 programmes with exponential cones."""

NONNEGATIVE, SECOND_ORDER, EXPONENTIAL, ZERO = "nonnegative", "second order", "exponential", "zero"


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a programme: `right` [m] − `left` [m, variables] · x lies in the cone."""

    left: FloatArray
    right: FloatArray
    cone: str


@dataclass(frozen=True, eq=False)
class Bounds:
    """Each of K weights lies in [low, high], and they add up to `total`."""

    low: float
    high: float
    total: float


@dataclass(frozen=True, eq=False)
class Epigraph:
    """Rows that hold the variable behind the K weights at or above the risk of these weights; `size` variables in all."""

    size: int
    rows: tuple[Rows, ...]


def risk_epigraph(measure: str, returns: FloatArray) -> Epigraph:
    """The epigraph of a measure, one of `MEASURES`, over returns float64[T,K]: variables are the weights, the risk, helpers."""
    return MEASURES[measure](returns)


def _standard_deviation(returns: FloatArray) -> Epigraph:
    t, k = returns.shape
    left = np.zeros((k + 1, k + 1))
    left[0, k] = -1.0
    left[1:, :k] = -np.asarray(np.linalg.qr((returns - returns.mean(axis=0)) / math.sqrt(t - 1), mode="r"))
    return Epigraph(k + 1, (Rows(left, np.zeros(k + 1), SECOND_ORDER),))


def _worst_day(returns: FloatArray) -> Epigraph:
    t, k = returns.shape
    return Epigraph(k + 1, (_nonnegative(np.hstack([-returns, -np.ones((t, 1))])),))


def _tail_mean(returns: FloatArray) -> Epigraph:
    t, k = returns.shape
    beyond = np.hstack([-returns, np.zeros((t, 1)), -np.ones((t, 1)), -np.eye(t)])
    return Epigraph(k + 2 + t, (_mean_beyond(t, k, 0), _nonnegative(beyond), _at_least_zero(k + 2, t, k + 2 + t)))


def _tail_drawdown(returns: FloatArray) -> Epigraph:
    t, k = returns.shape
    size = k + 2 + 2 * t
    depth = slice(k + 2 + t, size)
    beyond, falls = np.zeros((t, size)), np.zeros((t, size))
    beyond[:, k + 1], beyond[:, k + 2 : k + 2 + t], beyond[:, depth] = -1.0, -np.eye(t), np.eye(t)
    falls[:, :k], falls[:, depth] = -returns, np.eye(t, k=-1) - np.eye(t)
    above_zero = _at_least_zero(k + 2, 2 * t, size)
    return Epigraph(size, (_mean_beyond(t, k, t), _nonnegative(beyond), _nonnegative(falls), above_zero))


def _entropic(returns: FloatArray) -> Epigraph:
    t, k = returns.shape
    size = k + 3 + t
    sums = np.zeros((2, size))
    sums[0, k : k + 3] = -1.0, 1.0, -math.log(TAIL * t)
    sums[1, k + 2], sums[1, k + 3 :] = -1.0, 1.0
    cones = np.zeros((t, 3, size))
    cones[:, 0, :k], cones[:, 0, k + 1] = returns, 1.0
    cones[:, 1, k + 2] = -1.0
    cones[:, 2, k + 3 :] = -np.eye(t)
    return Epigraph(size, (_nonnegative(sums), Rows(cones.reshape(3 * t, size), np.zeros(3 * t), EXPONENTIAL)))


MEASURES: Final[dict[str, Callable[[FloatArray], Epigraph]]] = {
    "MV": _standard_deviation,
    "CVaR": _tail_mean,
    "CDaR": _tail_drawdown,
    "EVaR": _entropic,
    "WR": _worst_day,
}
"""By the names of Riskfolio-Lib: standard deviation, mean of the worst days, mean of the deepest drawdowns of the sum of
returns, entropic value at risk, the worst day."""


def least_risk(epigraph: Epigraph, bounds: Bounds, k: int) -> FloatArray | None:
    """float64[K]: the weights within bounds of least risk; None where the solver finds none."""
    return _solved(epigraph, [*_within(epigraph.size, bounds, k)], _minus_risk(epigraph, k), k)


def best_utility(epigraph: Epigraph, bounds: Bounds, mean: FloatArray, aversion: float, *, squared: bool) -> FloatArray | None:
    """float64[K]: the weights that maximise mean·w − aversion × risk, or × risk squared; None where the solver finds none."""
    k = len(mean)
    linear, square = np.zeros(epigraph.size), np.zeros(epigraph.size)
    linear[:k] = -mean
    (square if squared else linear)[k] = 2.0 * aversion if squared else aversion
    return _solved(epigraph, [*_within(epigraph.size, bounds, k)], linear, k, square)


def best_ratio(epigraph: Epigraph, bounds: Bounds, excess: FloatArray) -> FloatArray | None:
    """float64[K]: the weights of the highest excess·w over risk; None where none has an excess above zero.

    Both are proportional to w, so the weights for an excess of 1 and least risk are sought, up to their sum.
    """
    k = len(excess)
    low, high = bounds.low / bounds.total, bounds.high / bounds.total
    above, below = np.zeros((2, k, epigraph.size))
    above[:, :k], below[:, :k] = low - np.eye(k), np.eye(k) - high
    one = np.zeros((1, epigraph.size))
    one[0, :k] = excess
    rows = [_nonnegative(above), _nonnegative(below), Rows(one, np.ones(1), ZERO)]
    found = _solved(epigraph, rows, _minus_risk(epigraph, k), k)
    return None if found is None or not found.sum() > 0.0 else found * (bounds.total / found.sum())


def equal_risk(epigraph: Epigraph, k: int) -> FloatArray | None:
    """float64[K]: weights with a sum of 1 whose parts of the risk are equal (Maillard, Roncalli and Teïletche 2010).

    The least risk among weights whose logarithms have a sum of 0, scaled; None where the solver finds none.
    """
    size = epigraph.size + k
    logs = np.zeros((k, 3, size))
    logs[:, 0, epigraph.size :] = -np.eye(k)
    logs[:, 2, :k] = -np.eye(k)
    right = np.zeros((k, 3))
    right[:, 1] = 1.0
    total = np.zeros((1, size))
    total[0, epigraph.size :] = -1.0
    wider = tuple(Rows(np.pad(rows.left, ((0, 0), (0, k))), rows.right, rows.cone) for rows in epigraph.rows)
    rows = [Rows(logs.reshape(3 * k, size), right.ravel(), EXPONENTIAL), _nonnegative(total)]
    found = _solved(Epigraph(size, wider), rows, np.pad(_minus_risk(epigraph, k), (0, k)), k)
    return None if found is None or not found.min() > 0.0 else found / found.sum()


def _minus_risk(epigraph: Epigraph, k: int) -> FloatArray:
    linear = np.zeros(epigraph.size)
    linear[k] = 1.0
    return linear


def _within(size: int, bounds: Bounds, k: int) -> tuple[Rows, Rows, Rows]:
    weights = np.eye(k, size)
    total = Rows(weights.sum(axis=0, keepdims=True), np.array([bounds.total]), ZERO)
    return _nonnegative(-weights, -bounds.low), _nonnegative(weights, bounds.high), total


def _nonnegative(left: FloatArray, right: float = 0.0) -> Rows:
    return Rows(left, np.full(len(left), right), NONNEGATIVE)


def _at_least_zero(first: int, count: int, size: int) -> Rows:
    return _nonnegative(-np.eye(count, size, first))


def _mean_beyond(t: int, k: int, further: int) -> Rows:
    """Risk ≥ quantile + what lies beyond it on average over the tail."""
    left = np.zeros((1, k + 2 + t + further))
    left[0, k : k + 2] = -1.0, 1.0
    left[0, k + 2 : k + 2 + t] = 1.0 / (TAIL * t)
    return _nonnegative(left)


def _solved(
    epigraph: Epigraph, rows: list[Rows], linear: FloatArray, k: int, square: FloatArray | None = None
) -> FloatArray | None:
    import clarabel
    from scipy.sparse import csc_matrix, diags

    every = [*epigraph.rows, *rows]
    curvature = csc_matrix(diags(np.zeros(len(linear)) if square is None else square))
    left = csc_matrix(np.vstack([part.left for part in every]))
    cones = [cone for part in every for cone in _cones(clarabel, part)]
    settings = clarabel.DefaultSettings()
    settings.verbose, settings.max_threads, settings.direct_solve_method = False, 1, "qdldl"
    settings.max_step_fraction = STEP_FRACTION
    right = np.concatenate([part.right for part in every])
    solution = clarabel.DefaultSolver(curvature, linear, left, right, cones, settings).solve()
    if solution.status != clarabel.SolverStatus.Solved:
        return None
    return np.array(solution.x[:k], dtype=np.float64)


def _cones(clarabel: Any, rows: Rows) -> list[Any]:
    if rows.cone == EXPONENTIAL:
        return [clarabel.ExponentialConeT()] * (len(rows.right) // 3)
    kinds = {NONNEGATIVE: clarabel.NonnegativeConeT, SECOND_ORDER: clarabel.SecondOrderConeT, ZERO: clarabel.ZeroConeT}
    return [kinds[rows.cone](len(rows.right))]
