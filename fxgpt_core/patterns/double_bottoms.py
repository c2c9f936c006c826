"""Double bottoms, and in mirrored prices double tops: two swings at nearly the same price and a turn between them.

Definition after Bulkowski, Encyclopedia of Chart Patterns (2nd edition, 2005); thresholds are shares of the shape's height or
multiples of the mean true range, and so free of scale.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled
from fxgpt_core.patterns.candidates import Candidates, with_room
from fxgpt_core.patterns.prices import Prices
from fxgpt_core.patterns.shapes import (
    ANCHOR,
    BOTTOM,
    FIRST_POINT,
    FORMED,
    HEIGHT,
    LEVEL,
    QUALITY,
    highest,
    lowest,
    room_for,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

UNEVEN: Final = 0.25
"""Two bottoms may differ by this share of the height."""
LEAST_RANGES: Final = 1.5
LARGE_RANGES: Final = 4.0


@compiled
def double_bottoms(prices: Prices, lows: IntArray, width: int, sizes: tuple[int, int]) -> Candidates:
    """The double bottoms of swing lows that are known after `width` candles; `sizes`: candles between the two, least and most.

    For each second bottom the first is the swing nearest in price that fits, the later of equal ones; one that has had its second
    bottom gets no other. The level is the highest high between them; the price came down to the first bottom from above it, and
    nothing between undercuts both. Quality: half how even the bottoms are, half the height over four mean ranges, at most 1.
    """
    swings, found = np.empty((len(lows) + 1, 2), np.int64), 0
    for s in range(len(lows)):
        for r in range(s - 1, -1, -1):
            if lows[s] - lows[r] > sizes[1]:
                break
            if lows[s] - lows[r] >= sizes[0] and _fits(prices, lows[r], lows[s]):
                swings = with_room(swings, found)
                swings[found, 0], swings[found, 1] = r, s
                found += 1
    shapes, apart, taken = room_for(found), np.empty(found), np.empty(found, np.bool_)
    for m in range(found):
        first, second = lows[swings[m, 0]], lows[swings[m, 1]]
        apart[m] = abs(prices.low[second] - prices.low[first])
        taken[m] = _had_before(prices, lows, swings[m, 1], first, sizes[0])
        _describe(shapes.rows[m], shapes.values[m], prices, (first, second), width)
    firsts, seconds = lows[swings[:found, 0]], lows[swings[:found, 1]]
    return Candidates(shapes, seconds, seconds - firsts, seconds - firsts, apart, taken)


@compiled
def _describe(shape: IntArray, values: FloatArray, prices: Prices, points: tuple[int, int], width: int) -> None:
    first, second = points
    bottom = min(prices.low[first], prices.low[second])
    top = highest(prices.high, first + 1, second)
    height = prices.high[top] - bottom
    shape[FORMED] = second + width
    shape[FIRST_POINT], shape[FIRST_POINT + 1], shape[FIRST_POINT + 2] = first, top, second
    values[LEVEL], values[BOTTOM], values[HEIGHT] = prices.high[top], bottom, height
    evenness = 1.0 - abs(prices.low[second] - prices.low[first]) / (UNEVEN * height)
    values[QUALITY] = 0.5 * evenness + 0.5 * min(1.0, height / (LARGE_RANGES * prices.range[second]))
    values[ANCHOR] = bottom


@compiled
def _had_before(prices: Prices, lows: IntArray, s: int, first: int, least: int) -> bool:
    """Whether a swing before `s` made a double bottom with the same first one."""
    for r in range(s - 1, -1, -1):
        if lows[r] - first < least:
            return False
        if _fits(prices, first, lows[r]):
            return True
    return False


@compiled
def _fits(prices: Prices, first: int, second: int) -> bool:
    """Whether two swing lows make a double bottom."""
    size = second - first
    if first < size:
        return False
    bottom = min(prices.low[first], prices.low[second])
    level = prices.high[highest(prices.high, first + 1, second)]
    height = level - bottom
    even = abs(prices.low[first] - prices.low[second]) <= UNEVEN * height
    large = height >= LEAST_RANGES * prices.range[second]
    empty = prices.low[lowest(prices.low, first + 1, second)] >= bottom
    came_down = prices.high[highest(prices.high, first - size, first)] > level
    return bool(even and large and empty and came_down)
