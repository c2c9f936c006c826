"""Shapes that could be, whatever the largest size: every combination of swings that fits, of which a parameter set chooses.

Finding them takes most of the time, and depends on few parameters; choosing takes little, and depends on the others.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled
from fxgpt_core.patterns.shapes import DEADLINE, Shapes

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Candidates(NamedTuple):
    """M shapes in the order of their last swing; those with the same one in the order in which they are preferred.

    `last` int64[M]: its row; `step` int64[M]: the most candles between neighbouring swings of the shape; `whole` int64[M]: the
    candles from first to last; `apart` float64[M]: how uneven it is; `taken` bool[M]: an earlier last swing made the same shape.
    """

    shapes: Shapes
    last: IntArray
    step: IntArray
    whole: IntArray
    apart: FloatArray
    taken: npt.NDArray[np.bool_]


@compiled
def chosen(candidates: Candidates, rows: tuple[int, int], most: int, longest: int) -> Shapes:
    """Of the last swings within [first, stop) the shape that is most even of those not too large, as copies, if it is not taken.

    `most` and `longest` are candles: between neighbouring swings, and of the whole. The level must break within `most`.
    """
    last = candidates.last
    m, stop = int(np.searchsorted(last, rows[0])), int(np.searchsorted(last, rows[1]))
    picked, found = np.empty(stop - m if stop > m else 0, np.int64), 0
    while m < stop:
        row, best, least = last[m], -1, np.inf
        while m < stop and last[m] == row:
            if candidates.step[m] <= most and candidates.whole[m] <= longest and candidates.apart[m] < least:
                best, least = m, candidates.apart[m]
            m += 1
        if best >= 0 and not candidates.taken[best]:
            picked[found] = best
            found += 1
    kept = picked[:found]
    shapes = Shapes(candidates.shapes.rows[kept], candidates.shapes.values[kept])
    for k in range(found):
        shapes.rows[k, DEADLINE] = last[kept[k]] + most
    return shapes


@compiled
def with_room(swings: IntArray, used: int) -> IntArray:
    """Rows of swings int64[R,P] with room for one more behind the `used` ones."""
    if used < len(swings):
        return swings
    larger = np.empty((2 * len(swings), swings.shape[1]), np.int64)
    larger[:used] = swings
    return larger
