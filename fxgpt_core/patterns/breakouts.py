"""Breakouts: a close above the highest high of the lookback period, after the price has stayed below it for a while."""

from typing import Final

import numpy as np

from fxgpt_core.compiled import compiled
from fxgpt_core.patterns.prices import RANGE_SPAN, Prices
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

CLEAR_RANGES: Final = 0.5
"""A close so many mean ranges beyond the level is wholly clear of it."""


@compiled
def upward_breakouts(prices: Prices, lookback: int, sizes: tuple[int, int]) -> Shapes:
    """The upward breakouts; the level is the highest high of the `lookback` candles before, at least `sizes[0]` candles old.

    The height is that of the last `sizes[1]` candles before the break. Quality: half how far the close is beyond the level, of
    half a mean range, at most 1, half where it lies between low and high.
    """
    high, close = prices.high, prices.close
    # The level of the next is at least as high as the candle of the one before, and so many candles old.
    shapes, found = room_for(len(close) // sizes[0] + 1), 0
    for i in range(max(lookback, RANGE_SPAN + 1), len(close)):
        if not _stands_out(prices, i, sizes[0]):
            continue
        top = highest(high, i - lookback, i)
        if close[i] <= high[top] or i - top < sizes[0]:
            continue
        shape, values = shapes.rows[found], shapes.values[found]
        shape[FORMED] = shape[DEADLINE] = i
        shape[FIRST_POINT] = top
        # What the price did below the level does not matter: it has left it.
        values[LEVEL], values[BOTTOM] = high[top], -np.inf
        values[HEIGHT] = high[highest(high, i - sizes[1], i)] - prices.low[lowest(prices.low, i - sizes[1], i)]
        clear = min(1.0, (close[i] - high[top]) / (CLEAR_RANGES * prices.range[i])) if prices.range[i] > 0.0 else 1.0
        tall = high[i] - prices.low[i]
        place = (close[i] - prices.low[i]) / tall if tall > 0.0 else 1.0
        values[QUALITY], values[ANCHOR] = 0.5 * clear + 0.5 * place, high[top]
        found += 1
    return Shapes(shapes.rows[:found], shapes.values[:found])


@compiled
def _stands_out(prices: Prices, i: int, candles: int) -> bool:
    """Whether the close is above the highs of the candles just before: cheap, and false for most."""
    above = True
    for j in range(i - candles, i):
        above &= prices.high[j] < prices.close[i]
    return above
