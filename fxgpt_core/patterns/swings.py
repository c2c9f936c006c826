"""Swings: lows and highs that stand out from the candles on both sides, and how often a price was turned at before."""

from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST_TOUCHES: Final = 3
"""So many earlier turns at a price hold it wholly."""


@compiled
def swing_lows(low: FloatArray, width: int) -> IntArray:
    """int64[S]: rows whose low is below the `width` lows before and not above the `width` behind: known only then.

    Of equal lows in a row the first counts. Swing highs are those of the negated highs.
    """
    rows, found = np.empty(len(low), np.int64), 0
    for i in range(width, len(low) - width):
        lowest = True
        for j in range(1, width + 1):
            if low[i - j] <= low[i] or low[i + j] < low[i]:
                lowest = False
                break
        if lowest:
            rows[found] = i
            found += 1
    return rows[:found]
