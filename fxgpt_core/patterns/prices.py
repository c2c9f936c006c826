"""Candles as the compiled detectors read them, and their mirror image, so that each shape is written once, for the long side."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.compiled import compiled

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

RANGE_SPAN: Final = 14


class Prices(NamedTuple):
    """N candles, float64[N] each; `range` is the mean true range of the last fourteen, NaN before there are so many."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    range: FloatArray


def prices_of(candles: CandleArrays) -> Prices:
    """The columns of candles, in quote currency."""
    true_range = mean_true_range(candles.high, candles.low, candles.close)
    return Prices(candles.open, candles.high, candles.low, candles.close, candles.volume, true_range)


def mirrored(prices: Prices) -> Prices:
    """The same candles upside down: prices negated, which is exact, highs for lows. What falls in one rises in the other."""
    return prices._replace(open=-prices.open, high=-prices.low, low=-prices.high, close=-prices.close)


@compiled
def mean_true_range(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """float64[N]: mean of the last fourteen true ranges (Wilder 1978, with a plain mean), the oldest added first; NaN before."""
    n = len(close)
    true_range, means = np.empty(n), np.full(n, np.nan)
    for i in range(1, n):
        true_range[i] = max(high[i], close[i - 1]) - min(low[i], close[i - 1])
    for i in range(RANGE_SPAN, n):
        total = 0.0
        for j in range(i - RANGE_SPAN + 1, i + 1):
            total += true_range[j]
        means[i] = total / RANGE_SPAN
    return means
