"""The volatility in use, and how volatility over other spans, from highs and lows, and at the hours to come relates to it."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.forecasts.volatility import SMALLEST, WARM_UP, Volatility, exponential_averages, log_returns
from fxgpt_core.market.sessions import fx_clock_us, hour_of_week
from fxgpt_core.market.timeframes import HOUR_US

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Hours = npt.NDArray[np.int16]

RETURN_DECAYS: Final = (0.8, 0.9, 0.95, 0.99, 0.995, 0.998)
RANGE_DECAYS: Final = (0.5, 0.8, 0.95, 0.99, 0.998)
LEADS: Final = (1, 2, 3, 4, 6, 8, 12)
"""The hour of so many candles ahead, as it was on the days before."""
COLUMNS: Final = (
    *(f"volatility_{decay}" for decay in RETURN_DECAYS),
    *(f"range_{decay}" for decay in RANGE_DECAYS),
    *(f"same_hour_{lead}" for lead in LEADS),
)
HOURLY_DECAY: Final = 0.95
"""An hour's activity is an average over some twenty days."""
_LARGEST: Final = 6.0
_USUAL: Final = math.sqrt(2.0 / math.pi)


@dataclass(frozen=True, eq=False)
class KnownVolatility:
    """Of the candles from some row on: `sigma` float64[M] as `Volatility.at_close` gives it, and `relative` float64[M,K], a
    column for each of `COLUMNS`; both NaN for the first `WARM_UP` candles of the series.
    """

    sigma: FloatArray
    relative: FloatArray


def known_volatility(candles: CandleArrays, volatility: Volatility, first: int = 0) -> KnownVolatility:
    """The volatilities known at the closes of the candles from row `first` on; a row uses candles up to its own.

    Columns are logs: of an exponential average's root over σ_t (of squared returns, and of squared ranges as Parkinson 1980
    scales them, both after the season is taken out); and of the average size of standardised returns in the hour of the day that
    lies some candles ahead, over that of normal ones.
    """
    hours = hour_of_week(candles.open_time_us)
    season = volatility.season[hours]
    returns = log_returns(candles) / season
    sigma = volatility.of_squares(returns**2)
    columns = np.full((len(candles) - first, len(COLUMNS)), np.nan)
    if len(candles) <= WARM_UP:
        return KnownVolatility(sigma[first:], columns)
    ranges = (np.log(candles.high / candles.low) / season) ** 2 / (4.0 * math.log(2.0))
    row = max(first, WARM_UP)
    known = ((returns**2, RETURN_DECAYS), (ranges, RANGE_DECAYS))
    averages = [exponential_averages(values, np.array(decays), row) for values, decays in known]
    roots = np.sqrt(np.concatenate(averages, axis=1)) + SMALLEST
    same_hour = _same_hour(candles, hours % 24, returns, sigma, row) / _USUAL
    columns[row - first :] = np.log(np.concatenate([roots / sigma[row:, None], same_hour], axis=1))
    return KnownVolatility(sigma[first:], columns)


def _same_hour(candles: CandleArrays, hours: Hours, returns: FloatArray, sigma: FloatArray, row: int) -> FloatArray:
    """float64[M,J]: the average size of standardised returns in the hour of the FX day of each of `LEADS`, from a row on.

    `hours` int16[N] of the FX day in which the candles lie.
    """
    length = candles.timeframe.us
    sizes = np.minimum(np.abs(returns[WARM_UP + 1 :]) / sigma[WARM_UP:-1], _LARGEST)
    ahead = fx_clock_us(candles.open_time_us[row:])[:, None] + np.array(LEADS, dtype=np.int64) * length
    decay = HOURLY_DECAY ** min(1.0, length / HOUR_US)
    return _hourly_averages(sizes, hours[WARM_UP + 1 :], ahead // HOUR_US % 24, decay)


@njit(cache=True, nogil=True)
def _hourly_averages(sizes: FloatArray, hours: Hours, asked: IntArray, decay: float) -> FloatArray:
    """float64[M,J]: averages of sizes float64[N] by hour int16[N], for the hours `asked` int64[M,J] of the last M of N + 1 rows.

    The first row is before all sizes.
    """
    averages = np.full(24, _USUAL)
    found = np.empty(asked.shape)
    first = len(sizes) + 1 - len(asked)
    for i in range(len(sizes) + 1):
        if i > 0:
            averages[hours[i - 1]] = decay * averages[hours[i - 1]] + (1.0 - decay) * sizes[i - 1]
        if i >= first:
            for j in range(asked.shape[1]):
                found[i - first, j] = averages[asked[i - first, j]]
    return found
