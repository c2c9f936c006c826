"""What a regime model sees of a candle: a return, a volatility and a trend, free of the price's scale and known at its close."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.compiled import compiled
from fxgpt_core.market.sessions import stretches
from fxgpt_core.regimes.regime_parameters import RegimeParameters

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

OBSERVATIONS: Final = ("return", "volatility", "trend")
RETURN, VOLATILITY, TREND = range(len(OBSERVATIONS))
FARTHEST: Final = 4.0
"""Far out the widest Gaussian is the likeliest; where that is the volatile one, a dead market would be called by its name."""
SMALLEST: Final = 1e-7
"""A volatility of a candle that a dead market does not fall below: its logarithm must stay finite."""


def observations(candles: CandleArrays, parameters: RegimeParameters) -> FloatArray:
    """float64[N,3] of N candles, by name in `OBSERVATIONS`; NaN in the first `trend_span` rows of each stretch.

    return: r_t / √(mean r² of the trend span). volatility: log √(mean r² of the volatility span). trend: Σr / √(Σr²) of the
    trend span, about standard normal for a random walk, the t-statistic of a drift against none. r are log-returns of closes.
    A row is made of the candles of its windows only, each summed on its own, and so to the last bit whatever lies around them.
    """
    log_return = np.full(len(candles), np.nan)
    np.subtract(np.log(candles.close[1:]), np.log(candles.close[:-1]), out=log_return[1:])
    begins = stretches(candles.open_time_us, candles.timeframe)
    return _observed(log_return, begins, parameters.volatility_span, parameters.trend_span)


def standardised(observed: FloatArray, mean: FloatArray, deviation: FloatArray) -> FloatArray:
    """Observations [N,3] in deviations from a mean ([3] both), those beyond `FARTHEST` as if they lay there."""
    return np.clip((observed - mean) / deviation, -FARTHEST, FARTHEST)


@compiled
def _observed(log_return: FloatArray, begins: IntArray, volatility_span: int, trend_span: int) -> FloatArray:
    n = len(log_return)
    found = np.full((n, 3), np.nan)
    for stretch in range(len(begins)):
        stop = begins[stretch + 1] if stretch + 1 < len(begins) else n
        # The return of a stretch's first candle reaches over the hole.
        for row in range(begins[stretch] + trend_span, stop):
            total = squares = 0.0
            for back in range(row - trend_span + 1, row - volatility_span + 1):
                total += log_return[back]
                squares += log_return[back] * log_return[back]
            short = 0.0
            for back in range(row - volatility_span + 1, row + 1):
                total += log_return[back]
                short += log_return[back] * log_return[back]
            squares += short
            deviation = max(math.sqrt(squares / trend_span), SMALLEST)
            found[row, 0] = log_return[row] / deviation
            found[row, 1] = math.log(max(math.sqrt(short / volatility_span), SMALLEST))
            found[row, 2] = total / (deviation * math.sqrt(trend_span))
    return found
