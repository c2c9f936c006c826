"""Candles as the compiled detectors read them, and their mirror image, so that each shape is written once, for the long side."""

from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.compiled import compiled
from fxgpt_core.market.sessions import stretches

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


def unbroken(candles: CandleArrays) -> list[tuple[int, int]]:
    """First row and last row + 1 of each stretch: across a hole candles are no neighbours."""
    return list(pairwise([*stretches(candles.open_time_us, candles.timeframe).tolist(), len(candles)]))


def mirrored(prices: Prices) -> Prices:
    """The same candles upside down: prices negated, which is exact, highs for lows. What falls in one rises in the other."""
    return prices._replace(open=-prices.open, high=-prices.low, low=-prices.high, close=-prices.close)


@compiled
def mean_true_range(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """float64[N]: mean of the last fourteen true ranges (Wilder 1978, with a plain mean); NaN before there are so many."""
    true_range = np.full(len(close), np.nan)
    for i in range(1, len(close)):
        true_range[i] = max(high[i], close[i - 1]) - min(low[i], close[i - 1])
    return sums(true_range, RANGE_SPAN) / RANGE_SPAN


@compiled
def sums(values: FloatArray, span: int) -> FloatArray:
    """float64[N]: sum of the last `span` values, the oldest added first; NaN where there are fewer.

    No running sum, which would depend on where the series begins.
    """
    n = len(values)
    total = np.full(n, np.nan)
    if n >= span:
        total[span - 1 :] = 0.0
        for lag in range(span - 1, -1, -1):
            # One lag at a time for all rows, which the compiler does several at once.
            for i in range(span - 1, n):
                total[i] += values[i - lag]
    return total
