"""Double bottoms, and in mirrored prices double tops: two swings at nearly the same price and a turn between them.

Definition after Bulkowski, Encyclopedia of Chart Patterns (2nd edition, 2005); thresholds are shares of the shape's height or
multiples of the mean true range, and so free of scale.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled
from fxgpt_core.patterns.prices import Prices
from fxgpt_core.patterns.shapes import (
    ANCHOR,
    BOTTOM,
    DEADLINE,
    FIRST_POINT,
    FORMED,
    HEIGHT,
    LEVEL,
    QUALITY,
    Shapes,
    highest,
    lowest,
    room_for,
)

IntArray = npt.NDArray[np.int64]

UNEVEN: Final = 0.25
"""Two bottoms may differ by this share of the height."""
LEAST_RANGES: Final = 1.5
LARGE_RANGES: Final = 4.0


@compiled
def double_bottoms(prices: Prices, lows: IntArray, width: int, sizes: tuple[int, int]) -> Shapes:
    """The double bottoms of swing lows that are known after `width` candles; `sizes`: candles between the two, least and most.

    For each second bottom the first is the swing nearest in price that fits, the later of equal ones; one that has had its second
    bottom gets no other. The level is the highest high between them; the price came down to the first bottom from above it, and
    nothing between undercuts both. Quality: half how even the bottoms are, half the height over four mean ranges, at most 1.
    """
    shapes, found = room_for(len(lows)), 0
    for s in range(len(lows)):
        second = lows[s]
        best, best_apart = -1, np.inf
        for r in range(s - 1, -1, -1):
            first = lows[r]
            if second - first > sizes[1]:
                break
            apart = abs(prices.low[second] - prices.low[first])
            if second - first >= sizes[0] and apart < best_apart and _fits(prices, first, second):
                best, best_apart = first, apart
        if best < 0 or _had_before(prices, lows, s, best, sizes[0]):
            continue
        bottom = min(prices.low[best], prices.low[second])
        top = highest(prices.high, best + 1, second)
        height = prices.high[top] - bottom
        shape, values = shapes.rows[found], shapes.values[found]
        shape[FORMED], shape[DEADLINE] = second + width, second + sizes[1]
        shape[FIRST_POINT], shape[FIRST_POINT + 1], shape[FIRST_POINT + 2] = best, top, second
        values[LEVEL], values[BOTTOM], values[HEIGHT] = prices.high[top], bottom, height
        evenness = 1.0 - best_apart / (UNEVEN * height)
        values[QUALITY] = 0.5 * evenness + 0.5 * min(1.0, height / (LARGE_RANGES * prices.range[second]))
        values[ANCHOR] = bottom
        found += 1
    return Shapes(shapes.rows[:found], shapes.values[:found])


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
