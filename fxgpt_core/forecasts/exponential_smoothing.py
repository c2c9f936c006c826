"""Exponential smoothing, ETS(A,N,N): a level that follows the price, with errors of constant variance."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import Forecasts, forecasts_at, normal_quantiles
from fxgpt_core.forecasts.horizons import steps_of
from fxgpt_core.forecasts.volatility import Volatility
from fxgpt_core.market.sessions import stretch_starts

FloatArray = npt.NDArray[np.float64]

FEWEST_CANDLES = 100


@dataclass(frozen=True, eq=False)
class ExponentialSmoothing:
    """level ← level + `smoothing`·(log close − level); errors of one step have the standard deviation `deviation`.

    Variance of k steps: deviation²·(1 + (k−1)·smoothing²) (Hyndman, Koehler, Ord & Snyder 2008, table 6.1).
    """

    symbol: str
    volatility: Volatility
    smoothing: float
    deviation: float
    name: str = "exponential smoothing"

    def level_at_close(self, candles: CandleArrays) -> FloatArray:
        """float64[N]: the level of log prices, run forward one candle at a time; a stretch begins at its first close."""
        starts = stretch_starts(candles.open_time_us, candles.timeframe).tolist()
        levels = np.empty(len(candles))
        level = 0.0
        for t, log_close in enumerate(np.log(candles.close).tolist()):
            level = log_close if starts[t] == t else level + self.smoothing * (log_close - level)
            levels[t] = level
        return levels

    def forecast(self, features: pl.DataFrame, candles: CandleArrays, origins: npt.NDArray[np.int64], *, seed: int) -> Forecasts:
        """Exact Gaussian quantiles; `features` and `seed` are not needed. Raises `BadInputError` inside the warm-up."""
        del features, seed
        scale = self.volatility.scale(candles, origins)
        steps = steps_of(candles.timeframe).astype(np.float64)
        own = self.deviation * np.sqrt(1.0 + (steps - 1.0) * self.smoothing**2)
        ahead = self.level_at_close(candles)[origins] - np.log(candles.close[origins])
        values = ahead[:, None, None] + normal_quantiles(np.broadcast_to(own, scale.shape))
        return forecasts_at(self.symbol, candles, origins, values, scale)


def fit_exponential_smoothing(symbol: str, candles: CandleArrays, volatility: Volatility) -> ExponentialSmoothing:
    """Maximum likelihood on the log closes of a training span.

    Raises `BadInputError` for a span that is too short, and when the likelihood finds no maximum.
    """
    # Seconds of import, needed here only.
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel
    from threadpoolctl import threadpool_limits

    if len(candles) < FEWEST_CANDLES:
        raise BadInputError(f"{len(candles)} candles found; smoothing needs {FEWEST_CANDLES}; give a longer training span")
    # One thread, so that the same candles give the same parameters to the last bit.
    with threadpool_limits(1):
        found = ETSModel(np.log(candles.close), error="add").fit(disp=False)
    if not found.mle_retvals["converged"]:
        raise BadInputError(f"the likelihood of ETS found no maximum on {len(candles)} candles of {symbol}; give a longer span")
    return ExponentialSmoothing(symbol, volatility, float(found.params[0]), float(np.sqrt(found.scale)))
