"""How much a pattern is believed: its own quality, what earlier swings hold its price, and whether the trend is with it.

confidence = (quality + w_s · support + w_t · trend) / (1 + w_s + w_t), in [0, 1], from what was known at its completion.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled, inlined
from fxgpt_core.patterns.prices import FloatArray, IntArray, Prices, sums
from fxgpt_core.patterns.shapes import (
    ANCHOR,
    COMPLETED,
    CONFIDENCE,
    FIRST_POINT,
    QUALITY,
    SIDE,
    SUPPORT,
    TREND,
    VOLUME,
    Shapes,
)
from fxgpt_core.patterns.swings import MOST_TOUCHES

NEAR_RANGES: Final = 0.5
"""A swing touches a price when it turned within this share of the mean true range."""
FULL_TREND: Final = 2.0
NEVER: Final = np.iinfo(np.int64).max


class Swings(NamedTuple):
    """Rows of swing lows and swing highs, int64 each, which are known `width` candles later."""

    lows: IntArray
    highs: IntArray
    width: int


class Weights(NamedTuple):
    """What support and trend weigh against quality, which weighs 1."""

    support: float
    trend: float


@compiled
def held(shapes: Shapes, prices: Prices, swings: Swings, lookback: int) -> npt.NDArray[np.int8]:
    """int8[M]: how many earlier swings of the `lookback` candles hold the price of each shape that is complete, at most three."""
    return touched_within(touches(shapes, prices, swings, lookback), lookback)


@compiled
def touched_within(ages: IntArray, lookback: int) -> npt.NDArray[np.int8]:
    """int8[M]: how many of the `touches` of each shape are no older than so many candles."""
    found = np.zeros(len(ages), np.int8)
    for m in range(len(ages)):
        for k in range(MOST_TOUCHES):
            found[m] += ages[m, k] <= lookback
    return found


@compiled
def touches(shapes: Shapes, prices: Prices, swings: Swings, lookback: int) -> IntArray:
    """int64[M,3]: how many candles before its first point the last three swings lie that hold the price of each shape that is
    complete; `NEVER` where fewer do in the `lookback` candles.
    """
    found = np.full((len(shapes.rows), MOST_TOUCHES), NEVER)
    for m in range(len(shapes.rows)):
        at, first = shapes.rows[m, COMPLETED], shapes.rows[m, FIRST_POINT]
        if at < 0:
            continue
        near, anchor = NEAR_RANGES * prices.range[at], shapes.values[m, ANCHOR]
        # The shape's own swings do not hold it, and a swing counts once it is known.
        stop, count = min(first, at - swings.width + 1), 0
        low, high = np.searchsorted(swings.lows, stop) - 1, np.searchsorted(swings.highs, stop) - 1
        while count < MOST_TOUCHES:
            of_low, of_high = swings.lows[low] if low >= 0 else -1, swings.highs[high] if high >= 0 else -1
            row = max(of_low, of_high)
            if row < max(first - lookback, 0):
                break
            price = prices.low[row] if of_low >= of_high else prices.high[row]
            low, high = (low - 1, high) if of_low >= of_high else (low, high - 1)
            if abs(price - anchor) <= near:
                found[m, count] = first - row
                count += 1
    return found


@compiled
def judge(shapes: Shapes, support: npt.NDArray[np.int8], towards: FloatArray, weights: Weights) -> None:
    """Fills in support, trend and confidence, in [0, 1], of each shape that is complete, from what was known then.

    `support` is what `held` counted, `towards` what `trend` tells of each candle.
    """
    for m in range(len(shapes.rows)):
        shape, values = shapes.rows[m], shapes.values[m]
        if shape[COMPLETED] >= 0:
            values[SUPPORT] = support[m] / MOST_TOUCHES
            values[TREND] = 0.5 + 0.5 * shape[SIDE] * towards[shape[COMPLETED]]
            values[CONFIDENCE] = _confidence(values[QUALITY], values[SUPPORT], values[TREND], weights)


@compiled
def confidences(shapes: Shapes, support: npt.NDArray[np.int8], towards: FloatArray, weights: Weights) -> FloatArray:
    """float64[M]: the confidence of shapes that are all complete, as `judge` fills it in, and nothing else."""
    found = np.empty(len(shapes.rows))
    for m in range(len(shapes.rows)):
        at_trend = 0.5 + 0.5 * shapes.rows[m, SIDE] * towards[shapes.rows[m, COMPLETED]]
        found[m] = _confidence(shapes.values[m, QUALITY], support[m] / MOST_TOUCHES, at_trend, weights)
    return found


@inlined
def _confidence(quality: float, support: float, towards: float, weights: Weights) -> float:
    parts = quality + weights.support * support + weights.trend * towards
    return parts / (1.0 + weights.support + weights.trend)


@compiled
def weigh(shapes: Shapes, ratio: FloatArray) -> None:
    """Fills in the volume at completion; `ratio` is that of each candle."""
    for m in range(len(shapes.rows)):
        if shapes.rows[m, COMPLETED] >= 0:
            shapes.values[m, VOLUME] = ratio[shapes.rows[m, COMPLETED]]


@compiled
def trend(close: FloatArray, span: int) -> FloatArray:
    """float64[N] in [-1, 1]: the net move of `span` candles over twice what a random walk of as large moves makes.

    It is Kaufman's efficiency ratio (Trading Systems and Methods, 1987) × √span / 2, cut off at 1; 0 where nothing moved or too
    few candles are known.
    """
    n = len(close)
    moves, found = np.full(n, np.nan), np.zeros(n)
    for i in range(1, n):
        moves[i] = abs(close[i] - close[i - 1])
    path = sums(moves, span)
    for i in range(span, n):
        if path[i] > 0.0:
            ratio = (close[i] - close[i - span]) * math.sqrt(span) / (FULL_TREND * path[i])
            found[i] = max(-1.0, min(1.0, ratio))
    return found


@compiled
def volume_ratio(volume: FloatArray, span: int) -> FloatArray:
    """float64[N]: the volume of a candle over the mean of the `span` before it; NaN where that is 0 or not known yet."""
    total, found = sums(volume, span), np.full(len(volume), np.nan)
    for i in range(span, len(volume)):
        if total[i - 1] > 0.0:
            found[i] = volume[i] * span / total[i - 1]
    return found
