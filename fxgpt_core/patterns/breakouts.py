"""Breakouts: a close above the highest high of the lookback period, after the price has stayed below it for a while."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

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

IntArray = npt.NDArray[np.int64]

CLEAR_RANGES: Final = 0.5
"""A close so many mean ranges beyond the level is wholly clear of it."""


class Clear(NamedTuple):
    """Rows int64[M] of closes above all highs of so many candles before, `counts` int64[M]."""

    rows: IntArray
    counts: IntArray


@compiled
def clear_closes(prices: Prices, least: int, most: int) -> Clear:
    """The closes above the highs of at least `least` candles before; counted up to `most`. Few are."""
    rows, counts, found = np.empty(len(prices.close), np.int64), np.empty(len(prices.close), np.int64), 0
    for i in range(max(least, RANGE_SPAN + 1), len(prices.close)):
        j = i - 1
        while j >= 0 and j >= i - most and prices.high[j] < prices.close[i]:
            j -= 1
        if i - 1 - j >= least:
            rows[found], counts[found] = i, i - 1 - j
            found += 1
    return Clear(rows[:found].copy(), counts[:found].copy())


@compiled
def upward_breakouts(prices: Prices, clear: Clear, rows: tuple[int, int], lookback: int, sizes: tuple[int, int]) -> Shapes:
    """The upward breakouts within rows [first, stop); the level is the highest high of the `lookback` candles before, at least
    `sizes[0]` candles old.

    The height is that of the last `sizes[1]` candles before the break. Quality: half how far the close is beyond the level, of
    half a mean range, at most 1, half where it lies between low and high.
    """
    high, close = prices.high, prices.close
    m, stop = int(np.searchsorted(clear.rows, rows[0])), int(np.searchsorted(clear.rows, rows[1]))
    shapes, found = room_for(max(stop - m, 0)), 0
    for k in range(m, stop):
        i = clear.rows[k]
        if clear.counts[k] < lookback:
            continue
        top = highest(high, i - lookback, i)
        if i - top < sizes[0]:
            continue
        shape, values = shapes.rows[found], shapes.values[found]
        shape[FORMED] = shape[DEADLINE] = i
        shape[FIRST_POINT] = top
        # What the price did below the level does not matter: it has left it.
        values[LEVEL], values[BOTTOM] = high[top], -np.inf
        values[HEIGHT] = high[highest(high, i - sizes[1], i)] - prices.low[lowest(prices.low, i - sizes[1], i)]
        clearly = min(1.0, (close[i] - high[top]) / (CLEAR_RANGES * prices.range[i])) if prices.range[i] > 0.0 else 1.0
        tall = high[i] - prices.low[i]
        place = (close[i] - prices.low[i]) / tall if tall > 0.0 else 1.0
        values[QUALITY], values[ANCHOR] = 0.5 * clearly + 0.5 * place, high[top]
        found += 1
    return Shapes(shapes.rows[:found], shapes.values[:found])
