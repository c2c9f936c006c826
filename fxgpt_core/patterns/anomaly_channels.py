"""What an autoencoder sees of a candle: five numbers free of the price's scale, each over what is usual at its hour of the week.

Sums are made in one order from a bounded number of candles, so that a row is the same to the last bit wherever the series begins
behind that bound, and whether later candles exist or not. N candles, C channels.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.compiled import compiled
from fxgpt_core.market.sessions import hour_of_week, stretch_starts

FloatArray = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

CHANNELS = ("return", "gap", "range", "place", "volume")
# Two weeks of hourly candles: every hour and weekday counts twice.
LOOKBACK = 240
HOURS_A_WEEK = 168
CLIP = 10.0
_LEAST_UNIT = 1e-7
_LEAST_RANGE = 0.05
_LEAST_DEVIATION = 1e-3
_PRIOR = 8.0


@dataclass(frozen=True, eq=False)
class Usual:
    """Mean and standard deviation of each channel by hour of the FX week, float64[168,C] each; a deviation of infinity stands
    for a channel that never varied, and so says nothing.
    """

    centre: FloatArray
    deviation: FloatArray

    def inputs(self, values: FloatArray, open_time_us: IntArray) -> Floats:
        """float32[N,C]: channels less what is usual at their hour, in deviations, within ±`CLIP`; NaN where not known."""
        hours = hour_of_week(open_time_us)
        return np.clip((values - self.centre[hours]) / self.deviation[hours], -CLIP, CLIP).astype(np.float32)


def channels(candles: CandleArrays) -> FloatArray:
    """float64[N,C]; NaN for the first `LOOKBACK` + 1 candles of a stretch, which lack a unit.

    The unit u is the mean size of the log-returns of the `LOOKBACK` candles before. return and gap: asinh of the log of close
    over the close before, and of open over the close before, in u. range: log of (log of high over low + 0.05 u) in u. place: in
    [−1, 1], where the close lies between low and high, 0 where these are equal. volume: log of volume + 1, less the mean of that
    over the `LOOKBACK` candles before.
    """
    starts = stretch_starts(candles.open_time_us, candles.timeframe)
    return _channels(starts, candles.open, candles.high, candles.low, candles.close, candles.volume)


def fit_usual(values: FloatArray, open_time_us: IntArray) -> Usual:
    """What is usual in a training span's channels float64[N,C]: means and deviations by hour of the week, drawn towards those of
    all hours as if these had been seen 8 times more in each.
    """
    known = np.isfinite(values).all(axis=1)
    rows, hours = values[known], hour_of_week(open_time_us[known])
    counts = np.bincount(hours, minlength=HOURS_A_WEEK)[:, None] + _PRIOR
    overall, spread = rows.mean(axis=0), rows.var(axis=0)
    centre = (_by_hour(rows, hours) + _PRIOR * overall) / counts
    deviation = np.sqrt((_by_hour((rows - centre[hours]) ** 2, hours) + _PRIOR * spread) / counts)
    return Usual(centre, np.where(deviation < _LEAST_DEVIATION, np.inf, deviation))


def _by_hour(values: FloatArray, hours: npt.NDArray[np.int16]) -> FloatArray:
    return np.column_stack([np.bincount(hours, weights=column, minlength=HOURS_A_WEEK) for column in values.T])


@compiled
def _channels(
    starts: IntArray, opened: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray
) -> FloatArray:
    n = len(close)
    found = np.full((n, 5), np.nan)
    sizes, volumes = np.zeros(n), np.empty(n)
    for i in range(n):
        volumes[i] = math.log(volume[i] + 1.0)
        if i > starts[i]:
            sizes[i] = abs(math.log(close[i] / close[i - 1]))
        if i - starts[i] <= LOOKBACK:
            continue
        size, mean = 0.0, 0.0
        for j in range(i - LOOKBACK, i):
            size += sizes[j]
            mean += volumes[j]
        unit = max(size / LOOKBACK, _LEAST_UNIT)
        height = high[i] - low[i]
        found[i, 0] = math.asinh(math.log(close[i] / close[i - 1]) / unit)
        found[i, 1] = math.asinh(math.log(opened[i] / close[i - 1]) / unit)
        found[i, 2] = math.log(math.log(high[i] / low[i]) / unit + _LEAST_RANGE)
        found[i, 3] = ((close[i] - low[i]) - (high[i] - close[i])) / height if height > 0.0 else 0.0
        found[i, 4] = volumes[i] - mean / LOOKBACK
    return found
