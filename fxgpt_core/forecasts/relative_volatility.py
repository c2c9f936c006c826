"""The volatility in use, and how volatility over other spans, from highs and lows, and at the hours to come relates to it."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.compiled import compiled
from fxgpt_core.forecasts.volatility import SMALLEST, WARM_UP, Volatility, deviation, first_averages, log_returns, renew
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
    ranges = (np.log(candles.high / candles.low) / season) ** 2 / (4.0 * math.log(2.0))
    length = candles.timeframe.us
    ahead = fx_clock_us(candles.open_time_us[first:])[:, None] + np.array(LEADS, dtype=np.int64) * length
    decays = (volatility.decays, HOURLY_DECAY ** min(1.0, length / HOUR_US))
    sigma, relative = _followed(returns, ranges, hours, ahead // HOUR_US % 24, decays)
    return KnownVolatility(sigma[first:], np.log(relative))


@compiled
def _followed(
    returns: FloatArray, ranges: FloatArray, hours: Hours, asked: IntArray, decays: tuple[FloatArray, float]
) -> tuple[FloatArray, FloatArray]:
    """σ_t float64[N] of N candles and what the columns are logs of, float64[M,K], for the last M.

    Deseasonalised returns and squared ranges float64[N] in `hours` int16[N] of the FX week; `asked` int64[M,J] are the hours of
    the day of `LEADS`. `decays`: those of σ_t, and that of an hour's activity.
    """
    of_sigma, of_hour = decays
    of_returns, of_ranges, first = np.array(RETURN_DECAYS), np.array(RANGE_DECAYS), len(returns) - len(asked)
    sigma, found = np.full(len(returns), np.nan), np.full((len(asked), len(COLUMNS)), np.nan)
    if len(returns) <= WARM_UP:
        return sigma, found
    squares = returns**2
    volatility = first_averages(squares, of_sigma)
    by_returns, by_ranges = first_averages(squares, of_returns), first_averages(ranges, of_ranges)
    by_hour = np.full(24, _USUAL)
    for i in range(WARM_UP, len(returns)):
        if i > WARM_UP:
            renew(volatility, of_sigma, squares[i])
            renew(by_returns, of_returns, squares[i])
            renew(by_ranges, of_ranges, ranges[i])
            size = min(abs(returns[i]) / sigma[i - 1], _LARGEST)
            hour = hours[i] % 24
            by_hour[hour] = of_hour * by_hour[hour] + (1.0 - of_hour) * size
        sigma[i] = deviation(volatility)
        if i >= first:
            n, m, row = len(by_returns), len(by_returns) + len(by_ranges), found[i - first]
            for j in range(n):
                row[j] = (math.sqrt(by_returns[j]) + SMALLEST) / sigma[i]
            for j in range(n, m):
                row[j] = (math.sqrt(by_ranges[j - n]) + SMALLEST) / sigma[i]
            for j in range(m, len(row)):
                row[j] = by_hour[asked[i - first, j - m]] / _USUAL
    return sigma, found
