"""What the volume filter reads of candles: on-balance volume, distance from VWAP, spikes and liquidity.

Each number is made of the candles of its window and of nothing else, by the same operations wherever a series begins or ends:
see `features.rolling`. Volume follows the clock: of hourly EURUSD at night it is a fifth of that at the opening of New York. So
a candle is compared with those of the same time of day, on the FX clock.
"""

from dataclasses import dataclass, fields
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.compiled import compiled
from fxgpt_core.errors import ParameterError
from fxgpt_core.features.rolling import rolling_sum
from fxgpt_core.market.rows import Rows
from fxgpt_core.market.sessions import fx_clock_us
from fxgpt_core.market.timeframes import DAY_US, Timeframe

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

USUAL_DAYS: Final = 28
"""How many days back the usual volume is taken from: four weeks."""
FEWEST_DAYS: Final = 10
"""Of fewer days with a candle at this time of day there is no usual volume."""
LIQUIDITY_SPAN: Final = 3
"""Candles whose volume tells liquidity: one quiet candle is no thin market."""


@dataclass(frozen=True)
class VolumeFilterParameters:
    """The filter's switch, its windows in candles, and its limits as multiples of the usual volume."""

    enabled: bool = True
    obv_period: int = 20
    vwap_period: int = 50
    spike_threshold: float = 2.0
    min_liquidity_pct: float = 0.7

    def __post_init__(self) -> None:
        if self.obv_period < 1 or self.vwap_period < 1 or not 0.0 < self.min_liquidity_pct < self.spike_threshold:
            raise ParameterError(
                f"OBV over {self.obv_period} and VWAP over {self.vwap_period} candles, liquidity from {self.min_liquidity_pct} "
                f"and spikes above {self.spike_threshold} of the usual volume found; windows of at least 1 candle and "
                "0 < min_liquidity_pct < spike_threshold are needed; choose such values"
            )


@dataclass(frozen=True, eq=False)
class VolumeMeasures:
    """Of N candles, float64[N] each, NaN where not known and where the feed tells no volume.

    `obv` in [−1, 1]: volume of the candles that rose less that of those that fell, over the volume of the window;
    `vwap_distance`: close over VWAP, less 1; `spike_ratio`: volume over the usual volume; `liquidity`: the same of the last
    `LIQUIDITY_SPAN` candles together; `direction` −1, 0 or 1: whether the candle closed below or above the one before.
    """

    obv: FloatArray
    vwap_distance: FloatArray
    spike_ratio: FloatArray
    liquidity: FloatArray
    direction: FloatArray

    def select(self, rows: Rows) -> "VolumeMeasures":
        """Those of some of the candles."""
        return VolumeMeasures(*(getattr(self, item.name)[rows] for item in fields(self)))


def unknown_measures(n: int) -> VolumeMeasures:
    """The measures of `n` candles of which nothing is known."""
    return VolumeMeasures(*(np.full(n, np.nan) for _ in fields(VolumeMeasures)))


def volume_measures(candles: CandleArrays, parameters: VolumeFilterParameters) -> VolumeMeasures:
    """The measures of every candle, with the windows of the parameters.

    OBV is Granville's (1963) signed volume, summed over the window instead of from the beginning of the series; VWAP is the mean
    of the typical prices (high + low + close) / 3, weighted by volume (Berkowitz, Logue & Noser 1988).
    """
    spikes = volume_spikes(candles)
    return measures_of(
        spikes, balance(candles, spikes.direction, parameters.obv_period), vwap_distance(candles, parameters.vwap_period)
    )


class Spikes(NamedTuple):
    """What no parameter changes of `VolumeMeasures`."""

    spike_ratio: FloatArray
    liquidity: FloatArray
    direction: FloatArray


def volume_spikes(candles: CandleArrays) -> Spikes:
    """The measures of every candle that have no window to choose."""
    usual, volume = usual_volume(candles), candles.volume
    liquidity = _over(rolling_sum(volume, LIQUIDITY_SPAN), rolling_sum(usual, LIQUIDITY_SPAN))
    return Spikes(_over(volume, usual), liquidity, _direction(candles.close))


def balance(candles: CandleArrays, direction: FloatArray, period: int) -> FloatArray:
    """float64[N]: `VolumeMeasures.obv` over `period` candles; `direction` is that of `Spikes`."""
    return _over(rolling_sum(direction * candles.volume, period), rolling_sum(candles.volume, period))


def vwap_distance(candles: CandleArrays, period: int) -> FloatArray:
    """float64[N]: `VolumeMeasures.vwap_distance` over `period` candles."""
    paid = rolling_sum((candles.high + candles.low + candles.close) / 3.0 * candles.volume, period)
    return _over(candles.close * rolling_sum(candles.volume, period), paid) - 1.0


def measures_of(spikes: Spikes, obv: FloatArray, distance: FloatArray) -> VolumeMeasures:
    """The measures, of their parts."""
    return VolumeMeasures(obv, distance, spikes.spike_ratio, spikes.liquidity, spikes.direction)


def usual_volume(candles: CandleArrays) -> FloatArray:
    """float64[N]: the mean volume of the candles at the same time of the FX day in the `USUAL_DAYS` before; NaN for few."""
    return _mean_of_days(fx_clock_us(candles.open_time_us), candles.volume, USUAL_DAYS, FEWEST_DAYS)


def past_candles(timeframe: Timeframe, parameters: VolumeFilterParameters) -> int:
    """How many candles before a row are enough to know its measures to the last bit."""
    return max(USUAL_DAYS * (DAY_US // timeframe.us) + LIQUIDITY_SPAN, parameters.obv_period, parameters.vwap_period)


def _direction(close: FloatArray) -> FloatArray:
    direction = np.full(len(close), np.nan)
    direction[1:] = np.sign(close[1:] - close[:-1])
    return direction


def _over(part: FloatArray, whole: FloatArray) -> FloatArray:
    """The quotient; NaN where there is no volume to divide by."""
    return np.asarray(part / np.where(whole > 0.0, whole, np.nan))


@compiled
def _mean_of_days(clock_us: IntArray, volume: FloatArray, n_days: int, fewest: int) -> FloatArray:
    # The oldest day first for every row: a sum must not depend on where the series begins.
    total, found = np.zeros(len(volume)), np.zeros(len(volume), dtype=np.int64)
    for day in range(n_days, 0, -1):
        then = 0
        for row in range(len(volume)):
            wanted = clock_us[row] - day * DAY_US
            while clock_us[then] < wanted:
                then += 1
            if clock_us[then] == wanted:
                total[row] += volume[then]
                found[row] += 1
    for row in range(len(volume)):
        total[row] = total[row] / found[row] if found[row] >= fewest else np.nan
    return total
