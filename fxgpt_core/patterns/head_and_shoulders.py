"""Inverse head and shoulders, and in mirrored prices head and shoulders: three bottoms, the middle one the lowest.

Definition after Bulkowski, Encyclopedia of Chart Patterns (2nd edition, 2005), and Lo, Mamaysky and Wang, Foundations of
Technical Analysis (2000), with shares of the height in place of their 1.5 percent.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled
from fxgpt_core.patterns.double_bottoms import LARGE_RANGES
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

UNEVEN: Final = 0.35
"""Two shoulders, and the two turns between them, may each differ by this share of the height."""
HEAD: Final = 0.15
"""By this share of the height the head lies at least below the lower shoulder."""
SHOULDER: Final = 0.2
"""By this share of the height the shoulders lie at least below both turns."""
LEAST_RANGES: Final = 2.0


@compiled
def inverse_heads(prices: Prices, lows: IntArray, width: int, sizes: tuple[int, int], longest: int) -> Shapes:
    """The inverse head and shoulders of swing lows known after `width` candles.

    `sizes`: candles from head to shoulder, least and most; the whole has at most `longest`. For each right shoulder the shape
    with the most even shoulders counts, and for each left shoulder and head the first right one. The level is the higher
    of the two turns, so that a close above it breaks both. Quality: a third each for even shoulders, for even turns, and for the
    height over four mean ranges, at most 1.
    """
    shapes, found = room_for(len(lows)), 0
    for s in range(len(lows)):
        left, head = _best(prices, lows, s, sizes, longest)
        if left < 0 or _had_before(prices, lows, s, (left, head), sizes[0]):
            continue
        right = lows[s]
        first, second = highest(prices.high, left + 1, head), highest(prices.high, head + 1, right)
        level = max(prices.high[first], prices.high[second])
        height = level - prices.low[head]
        shape, values = shapes.rows[found], shapes.values[found]
        shape[FORMED], shape[DEADLINE] = right + width, right + sizes[1]
        points = (left, first, head, second, right)
        for p in range(len(points)):
            shape[FIRST_POINT + p] = points[p]
        values[LEVEL], values[BOTTOM], values[HEIGHT] = level, prices.low[head], height
        shoulders = 1.0 - abs(prices.low[left] - prices.low[right]) / (UNEVEN * height)
        turns = 1.0 - abs(prices.high[first] - prices.high[second]) / (UNEVEN * height)
        values[QUALITY] = (shoulders + turns + min(1.0, height / (LARGE_RANGES * prices.range[right]))) / 3.0
        values[ANCHOR] = min(prices.low[left], prices.low[right])
        found += 1
    return Shapes(shapes.rows[:found], shapes.values[:found])


@compiled
def _best(prices: Prices, lows: IntArray, s: int, sizes: tuple[int, int], longest: int) -> tuple[int, int]:
    """Left shoulder and head for the swing `s` as right shoulder; -1 for none."""
    right = lows[s]
    best_left, best_head, best_apart = -1, -1, np.inf
    for h in range(s - 1, -1, -1):
        head = lows[h]
        if right - head > sizes[1]:
            break
        if right - head < sizes[0] or prices.low[head] >= prices.low[right]:
            continue
        for r in range(h - 1, -1, -1):
            left = lows[r]
            if head - left > sizes[1] or right - left > longest:
                break
            if prices.low[left] <= prices.low[head]:
                continue
            apart = abs(prices.low[left] - prices.low[right])
            if head - left >= sizes[0] and apart < best_apart and _fits(prices, left, head, right):
                best_left, best_head, best_apart = left, head, apart
    return best_left, best_head


@compiled
def _had_before(prices: Prices, lows: IntArray, s: int, points: tuple[int, int], least: int) -> bool:
    """Whether a swing before `s` was the right shoulder of the same left one and head."""
    for r in range(s - 1, -1, -1):
        if lows[r] - points[1] < least:
            return False
        if _fits(prices, points[0], points[1], lows[r]):
            return True
    return False


@compiled
def _fits(prices: Prices, left: int, head: int, right: int) -> bool:
    """Whether three swing lows make an inverse head and shoulders."""
    low, size = prices.low, head - left
    if left < size:
        return False
    first = prices.high[highest(prices.high, left + 1, head)]
    second = prices.high[highest(prices.high, head + 1, right)]
    level = max(first, second)
    height, lower = level - low[head], min(low[left], low[right])
    if height < LEAST_RANGES * prices.range[right] or lower - low[head] < HEAD * height:
        return False
    even = abs(low[left] - low[right]) <= UNEVEN * height and abs(first - second) <= UNEVEN * height
    shoulders = min(first, second) - max(low[left], low[right]) >= SHOULDER * height
    deepest = low[lowest(low, left, right + 1)] >= low[head]
    came_down = prices.high[highest(prices.high, left - size, left)] > level
    return bool(even and shoulders and deepest and came_down)
