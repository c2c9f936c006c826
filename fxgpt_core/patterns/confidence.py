"""How much a pattern is believed: its own quality, what earlier swings hold its price, and whether the trend is with it.

confidence = (quality + w_s · support + w_t · trend) / (1 + w_s + w_t), in [0, 1], from what was known at its completion.
"""

import math
from typing import Final, NamedTuple

import numpy as np

from fxgpt_core.compiled import compiled
from fxgpt_core.patterns.prices import FloatArray, IntArray, Prices
from fxgpt_core.patterns.swings import supported, touches

NEAR_RANGES: Final = 0.5
"""A swing touches a price when it turned within this share of the mean true range."""
FULL_TREND: Final = 2.0


class Swings(NamedTuple):
    """Rows of swing lows and swing highs, int64 each, which are known `width` candles later."""

    lows: IntArray
    highs: IntArray
    width: int


class Weights(NamedTuple):
    """How far back is looked, in candles, and what support and trend weigh against quality, which weighs 1."""

    lookback: int
    support: float
    trend: float


class Judged(NamedTuple):
    """What surrounded each of E patterns at its completion, float64[E]; NaN of those that are not complete.

    `support`, `trend` and `confidence` in [0, 1]; `volume` as a multiple of the mean, NaN where that is 0 or not known yet.
    """

    support: FloatArray
    trend: FloatArray
    volume: FloatArray
    confidence: FloatArray


@compiled
def judged(
    prices: Prices, swings: Swings, patterns: tuple[IntArray, IntArray, IntArray, FloatArray, FloatArray], weights: Weights
) -> Judged:
    """Judges patterns by their side, row of completion, rows of points, anchor and quality."""
    side, completed, points, anchor, quality = patterns
    n = len(side)
    found = Judged(np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan))
    lookback = weights.lookback
    for e in range(n):
        at, first = completed[e], points[e, 0]
        if at < 0:
            continue
        near = NEAR_RANGES * prices.range[at]
        # The shape's own swings do not hold it, and a swing counts once it is known.
        window = (first - lookback, min(first, at - swings.width + 1))
        held = touches(anchor[e], near, swings.lows, prices.low, window)
        held += touches(anchor[e], near, swings.highs, prices.high, window)
        found.support[e] = supported(held)
        found.trend[e] = 0.5 + 0.5 * side[e] * trend(prices.close, at, lookback)
        found.volume[e] = volume_ratio(prices.volume, at, lookback)
        parts = quality[e] + weights.support * found.support[e] + weights.trend * found.trend[e]
        found.confidence[e] = parts / (1.0 + weights.support + weights.trend)
    return found


@compiled
def trend(close: FloatArray, at: int, span: int) -> float:
    """In [-1, 1]: the net move of `span` candles over twice what a random walk of as large moves makes; 0 where not known.

    It is Kaufman's efficiency ratio (Trading Systems and Methods, 1987) × √span / 2, cut off at 1.
    """
    if at < span:
        return 0.0
    path = 0.0
    for i in range(at - span + 1, at + 1):
        path += abs(close[i] - close[i - 1])
    if path == 0.0:
        return 0.0
    ratio = (close[at] - close[at - span]) * math.sqrt(span) / (FULL_TREND * path)
    return max(-1.0, min(1.0, ratio))


@compiled
def volume_ratio(volume: FloatArray, at: int, span: int) -> float:
    """The volume of a candle over the mean of the `span` before it; NaN where that is 0 or not known yet."""
    if at < span:
        return np.nan
    total = 0.0
    for i in range(at - span, at):
        total += volume[i]
    return volume[at] * span / total if total > 0.0 else np.nan
