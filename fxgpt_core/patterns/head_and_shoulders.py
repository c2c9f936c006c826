"""Inverse head and shoulders, and in mirrored prices head and shoulders: three bottoms, the middle one the lowest.

Definition after Bulkowski, Encyclopedia of Chart Patterns (2nd edition, 2005), and Lo, Mamaysky and Wang, Foundations of
Technical Analysis (2000), with shares of the height in place of their 1.5 percent.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled
from fxgpt_core.patterns.candidates import Candidates, with_room
from fxgpt_core.patterns.double_bottoms import LARGE_RANGES
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

UNEVEN: Final = 0.35
"""Two shoulders, and the two turns between them, may each differ by this share of the height."""
HEAD: Final = 0.15
"""By this share of the height the head lies at least below the lower shoulder."""
SHOULDER: Final = 0.2
"""By this share of the height the shoulders lie at least below both turns."""
LEAST_RANGES: Final = 2.0


@compiled
def inverse_heads(prices: Prices, lows: IntArray, width: int, sizes: tuple[int, int]) -> Candidates:
    """The inverse head and shoulders of swing lows known after `width` candles.

    `sizes`: candles from head to shoulder, least and most. For each right shoulder the shape with the most even shoulders counts,
    and for each left shoulder and head the first right one. The level is the higher of the two turns, so that a close above it
    breaks both. Quality: a third each for even shoulders, for even turns, and for the height over four mean ranges, at most 1.
    """
    swings, found = np.empty((len(lows) + 1, 3), np.int64), 0
    for s in range(len(lows)):
        for h in range(s - 1, -1, -1):
            if lows[s] - lows[h] > sizes[1]:
                break
            if lows[s] - lows[h] < sizes[0] or prices.low[lows[h]] >= prices.low[lows[s]]:
                continue
            for r in range(h - 1, -1, -1):
                if lows[h] - lows[r] > sizes[1]:
                    break
                if lows[h] - lows[r] >= sizes[0] and _fits(prices, lows[r], lows[h], lows[s]):
                    swings = with_room(swings, found)
                    swings[found, 0], swings[found, 1], swings[found, 2] = r, h, s
                    found += 1
    shapes, apart, taken = room_for(found), np.empty(found), np.empty(found, np.bool_)
    step = np.empty(found, np.int64)
    for m in range(found):
        left, head, right = lows[swings[m, 0]], lows[swings[m, 1]], lows[swings[m, 2]]
        apart[m], step[m] = abs(prices.low[left] - prices.low[right]), max(head - left, right - head)
        taken[m] = _had_before(prices, lows, swings[m, 2], (left, head), sizes[0])
        _describe(shapes.rows[m], shapes.values[m], prices, (left, head, right), width)
    rights = lows[swings[:found, 2]]
    return Candidates(shapes, rights, step, rights - lows[swings[:found, 0]], apart, taken)


@compiled
def _describe(shape: IntArray, values: FloatArray, prices: Prices, points: tuple[int, int, int], width: int) -> None:
    left, head, right = points
    first, second = highest(prices.high, left + 1, head), highest(prices.high, head + 1, right)
    level = max(prices.high[first], prices.high[second])
    height = level - prices.low[head]
    shape[FORMED] = right + width
    shape[FIRST_POINT], shape[FIRST_POINT + 1], shape[FIRST_POINT + 2] = left, first, head
    shape[FIRST_POINT + 3], shape[FIRST_POINT + 4] = second, right
    values[LEVEL], values[BOTTOM], values[HEIGHT] = level, prices.low[head], height
    shoulders = 1.0 - abs(prices.low[left] - prices.low[right]) / (UNEVEN * height)
    turns = 1.0 - abs(prices.high[first] - prices.high[second]) / (UNEVEN * height)
    values[QUALITY] = (shoulders + turns + min(1.0, height / (LARGE_RANGES * prices.range[right]))) / 3.0
    values[ANCHOR] = min(prices.low[left], prices.low[right])


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
