"""The random walk: the forecaster every model must beat, with and without the hour-of-week season."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.forecasts.forecast import Forecasts, forecasts_at, normal_quantiles
from fxgpt_core.forecasts.volatility import Volatility


@dataclass(frozen=True, eq=False)
class RandomWalk:
    """A Gaussian random walk without drift, with EWMA volatility, times the hour-of-week season when `seasonal`."""

    symbol: str
    volatility: Volatility
    seasonal: bool = True

    @property
    def name(self) -> str:
        """Which of the two."""
        return "random walk" if self.seasonal else "random walk without season"

    def forecast(self, features: pl.DataFrame, candles: CandleArrays, origins: npt.NDArray[np.int64], *, seed: int) -> Forecasts:
        """Exact Gaussian quantiles; `features` and `seed` are not needed. Raises `BadInputError` inside the warm-up."""
        del features, seed
        scale = self.volatility.scale(candles, origins)
        flat = replace(self.volatility, season=np.ones_like(self.volatility.season))
        own = scale if self.seasonal else flat.scale(candles, origins)
        return forecasts_at(self.symbol, candles, origins, normal_quantiles(own), scale)


def random_walk_like(forecasts: Forecasts) -> Forecasts:
    """The random walk of the same origins, steps and scale: the baseline a stored forecast is measured against."""
    return replace(forecasts, values=normal_quantiles(forecasts.scale, forecasts.levels))
