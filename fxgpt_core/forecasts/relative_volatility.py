"""How volatility over other spans, and from highs and lows, relates to the one that scales a forecast."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.forecasts.volatility import SMALLEST, WARM_UP, Volatility, exponential_averages
from fxgpt_core.market.sessions import hour_of_week

FloatArray = npt.NDArray[np.float64]

RETURN_DECAYS: Final = (0.8, 0.9, 0.95, 0.99, 0.995, 0.998)
RANGE_DECAYS: Final = (0.5, 0.8, 0.95, 0.99, 0.998)
COLUMNS: Final = (*(f"volatility_{decay}" for decay in RETURN_DECAYS), *(f"range_{decay}" for decay in RANGE_DECAYS))


def relative_volatility(candles: CandleArrays, volatility: Volatility, first: int = 0) -> FloatArray:
    """float64[N−first,K]: one column for each of `COLUMNS`, for the candles from row `first` on; NaN for the first `WARM_UP`.

    log of an exponential average's root over σ_t: of squared returns, and of squared ranges as Parkinson (1980) scales them, both
    after the season is taken out. A row uses candles up to its own.
    """
    season = volatility.season[hour_of_week(candles.open_time_us)]
    ranges = np.log(candles.high / candles.low) ** 2 / (4.0 * math.log(2.0)) / season**2
    squares = volatility.deseasonalised(candles) ** 2
    sigma = volatility.at_close(candles)[first:]
    known = [*((squares, decay) for decay in RETURN_DECAYS), *((ranges, decay) for decay in RANGE_DECAYS)]
    columns = np.full((len(candles) - first, len(COLUMNS)), np.nan)
    if len(candles) <= WARM_UP:
        return columns
    skipped = max(0, first - WARM_UP)
    for column, (values, decay) in enumerate(known):
        averages = exponential_averages(float(np.sum(values[1 : WARM_UP + 1])) / WARM_UP, values[WARM_UP + 1 :], decay)
        root = np.sqrt(averages[skipped:]) + SMALLEST
        columns[-len(root) :, column] = np.log(root)
    return columns - np.log(sigma)[:, None]
