"""The random walk: the forecaster every model must beat."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import LEVELS, Forecasts
from fxgpt_core.forecasts.horizons import steps_of
from fxgpt_core.forecasts.volatility import Volatility, cumulative_scale


@dataclass(frozen=True, eq=False)
class RandomWalk:
    """A Gaussian random walk without drift, with EWMA volatility times the hour-of-week season."""

    symbol: str
    volatility: Volatility
    name: str = "random walk"

    def forecast(self, features: pl.DataFrame, candles: CandleArrays, origins: npt.NDArray[np.int64], *, seed: int) -> Forecasts:
        """Exact Gaussian quantiles; `features` and `seed` are not needed. Raises `BadInputError` inside the warm-up."""
        del features, seed
        scale = cumulative_scale(self.volatility.ahead(candles, self.volatility.at_close(candles), origins))
        if not np.isfinite(scale).all():
            raise BadInputError(f"origin {int(origins[0])} has no known volatility yet; start after the warm-up")
        normal = NormalDist()
        quantiles = np.array([normal.inv_cdf(level) for level in LEVELS.tolist()])
        return Forecasts(
            symbol=self.symbol,
            timeframe=str(candles.timeframe),
            known_at_us=candles.known_at_us[origins],
            close=candles.close[origins],
            steps=steps_of(candles.timeframe),
            levels=LEVELS,
            values=scale[:, :, None] * quantiles,
            scale=scale,
        )


def random_walk_like(forecasts: Forecasts) -> Forecasts:
    """The random walk of the same origins, steps and scale: the baseline a stored forecast is measured against."""
    normal = NormalDist()
    quantiles = np.array([normal.inv_cdf(level) for level in forecasts.levels.tolist()])
    return Forecasts(
        symbol=forecasts.symbol,
        timeframe=forecasts.timeframe,
        known_at_us=forecasts.known_at_us,
        close=forecasts.close,
        steps=forecasts.steps,
        levels=forecasts.levels,
        values=forecasts.scale[:, :, None] * quantiles,
        scale=forecasts.scale,
    )
