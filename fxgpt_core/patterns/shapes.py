"""What every detector fills: one row of whole numbers and one of values for each shape.

Shapes are written for the long side: a bottom, and a level above it whose break by a close completes the shape. The short side is
the same in `mirrored` prices.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled
from fxgpt_core.patterns.names import CONFIRMED, EXPIRED, FALSE_BREAKOUT, WAITING
from fxgpt_core.patterns.prices import Prices

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NOT_YET: Final = -1
N_POINTS: Final = 5
KIND, SIDE, FORMED, DEADLINE, COMPLETED, CONFIRMED_AT, FATE, FIRST_POINT = range(8)
N_ROWS: Final = FIRST_POINT + N_POINTS
LEVEL, BOTTOM, HEIGHT, ANCHOR, QUALITY, SUPPORT, TREND, VOLUME, CONFIDENCE = range(9)
N_VALUES: Final = 9
RETEST_RANGES: Final = 0.1


class Shapes(NamedTuple):
    """M shapes. `rows` int64[M,12]: kind, side (1 or -1), the candle it is known at, the last that may break the level, the one
    that did, the one that confirmed it, the fate, and the points; `NOT_YET` where there is none.

    `values` float64[M,9]: the level, the price that must not be undercut before the break, the height, the price that earlier
    swings may hold, all in quote currency; then quality, support, trend, volume and confidence, as `confidence.judge` tells.
    """

    rows: IntArray
    values: FloatArray

    def select(self, which: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Shapes":
        """Some of the shapes, as copies."""
        return Shapes(self.rows[which], self.values[which])


@compiled
def room_for(count: int) -> Shapes:
    """So many empty shapes."""
    return Shapes(np.full((count, N_ROWS), NOT_YET), np.full((count, N_VALUES), np.nan))


@compiled
def lowest(low: FloatArray, first: int, stop: int) -> int:
    """The row of the lowest value of [first, stop), the first of equal ones; the window is not empty."""
    row = first
    for i in range(first + 1, stop):
        if low[i] < low[row]:
            row = i
    return row


@compiled
def highest(high: FloatArray, first: int, stop: int) -> int:
    """The row of the highest value of [first, stop), the first of equal ones; the window is not empty."""
    row = first
    for i in range(first + 1, stop):
        if high[i] > high[row]:
            row = i
    return row


@compiled
def follow(shapes: Shapes, prices: Prices, retest_bars: int) -> None:
    """Fills in what became of each shape: its break, and its confirmation after so many closes or a retest; 0 bars: at once.

    The break is the first close above the level from the candle the shape is known at on; it must come before the bottom is
    undercut and by the deadline. Then `retest_bars` closes in a row above the level confirm it, the break's own counted, or,
    sooner, a candle that comes back to the level (within a tenth of the mean range) and closes above it. A close at or below
    the level before that makes it a false breakout.
    """
    n = len(prices.close)
    for m in range(len(shapes.rows)):
        shape, level = shapes.rows[m], shapes.values[m, LEVEL]
        shape[FATE] = WAITING
        last_point = shape[FIRST_POINT : FIRST_POINT + N_POINTS].max()
        for i in range(last_point + 1, min(shape[DEADLINE] + 1, n)):
            if prices.low[i] < shapes.values[m, BOTTOM]:
                shape[FATE] = EXPIRED
                break
            if i >= shape[FORMED] and prices.close[i] > level:
                shape[COMPLETED] = i
                break
        if shape[COMPLETED] != NOT_YET:
            shape[FATE], shape[CONFIRMED_AT] = confirmed(prices, level, shape[COMPLETED], retest_bars)
        elif shape[DEADLINE] < n:
            shape[FATE] = EXPIRED


@compiled
def confirmed(prices: Prices, level: float, broken_at: int, retest_bars: int) -> tuple[int, int]:
    """The fate of a break and the row that confirmed it, `NOT_YET` if none did."""
    for i in range(broken_at, len(prices.close)):
        if prices.close[i] <= level:
            return FALSE_BREAKOUT, NOT_YET
        returned = i > broken_at and prices.low[i] <= level + RETEST_RANGES * prices.range[i]
        if returned or i - broken_at + 1 >= retest_bars:
            return CONFIRMED, i
    return WAITING, NOT_YET
