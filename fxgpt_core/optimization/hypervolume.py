"""How much of the box of possible objectives a search has reached: one number by which searches and engines are compared.

Source: Zitzler and Thiele, Multiobjective optimization using evolutionary algorithms (1998); computed by moocore, as pymoo does.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.objectives import PROFIT_FACTOR_CAP, SIGNS

FloatArray = npt.NDArray[np.float64]

REFERENCE = np.array([-1.0, 50.0, 0.5, 1.0])
"""Sharpe ratio, drawdown in percent, profit factor and cost ratio: what is no better than these adds nothing."""

IDEAL = np.array([10.0, 0.0, PROFIT_FACTOR_CAP, 0.0])
"""The opposite corner; what is beyond it is taken as lying on it. A Sharpe ratio of 10 is what the best of thousands of
worthless sets reaches in a month: a lower ceiling would no longer tell searches on short windows apart.
"""


def hypervolume(objectives: npt.ArrayLike) -> float:
    """The share in [0, 1] of the box from `REFERENCE` to `IDEAL` that points [N,4] dominate together; 0 for no point.

    Columns are Sharpe, drawdown, profit factor and cost ratio in their natural signs (`Objectives.values`), scaled linearly
    but for the profit factor, whose logarithm is. Give only what is feasible: a broken constraint is not seen here. The box is
    the same for all symbols, windows and engines, so that numbers of one window can be compared; those of two windows tell
    how easy each was. Raises `BadInputError` for another shape and for a number that is not finite.
    """
    points = scaled(objectives)
    return _volume(points) if len(points) else 0.0


def hypervolumes(objectives: npt.ArrayLike, counts: Sequence[int]) -> FloatArray:
    """The hypervolume float64[K] of the first `counts[k]` of points [N,4], `counts` ascending. Raises as `hypervolume`."""
    points = scaled(objectives)
    found, front, done = [], points[:0], 0
    for count in counts:
        front = np.concatenate([front, points[done:count]])
        if len(front):
            front = front[_not_beaten(front)]
        found.append(_volume(front) if len(front) else 0.0)
        done = count
    return np.array(found, dtype=np.float64)


def scaled(objectives: npt.ArrayLike) -> FloatArray:
    """Points float64[N,4] of the box, each column in [0, 1] and 1 the best. Raises as `hypervolume`."""
    rows = np.asarray(objectives, dtype=np.float64)
    if rows.size == 0:
        return np.empty((0, len(SIGNS)))
    if rows.ndim != 2 or rows.shape[1] != len(SIGNS) or not np.isfinite(rows).all():
        raise BadInputError(
            f"objectives of shape {list(rows.shape)}, finite: {bool(np.isfinite(rows).all())}; a row of four finite numbers for "
            "each set is needed: Sharpe, drawdown, profit factor, cost ratio"
        )
    best, worst = _measured(IDEAL[None]), _measured(REFERENCE[None])
    return np.clip((_measured(rows) - worst) / (best - worst), 0.0, 1.0)


def _measured(rows: FloatArray) -> FloatArray:
    """The same with the profit factor as a logarithm: 2 is as far above 1 as 1/2 is below it."""
    factor = np.log(np.maximum(rows[:, 2], REFERENCE[2]))
    return np.column_stack([rows[:, 0], rows[:, 1], factor, rows[:, 3]])


def _volume(points: FloatArray) -> float:
    from moocore import hypervolume as of_minimized  # a third of a second of import

    return float(of_minimized(1.0 - points, ref=np.ones(points.shape[1])))


def _not_beaten(points: FloatArray) -> npt.NDArray[np.bool_]:
    from moocore import is_nondominated

    found: npt.NDArray[np.bool_] = is_nondominated(points, maximise=True)
    return found
