"""The role of anything that forecasts: features and candles in, `Forecasts` out."""

from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.forecasts.forecast import Forecasts


class Forecaster(Protocol):
    """Forecasts at chosen candles. A forecast depends on its candle and earlier ones only, never on the other origins asked."""

    @property
    def name(self) -> str:
        """A short name for tables."""
        ...

    def forecast(self, features: pl.DataFrame, candles: CandleArrays, origins: npt.NDArray[np.int64], *, seed: int) -> Forecasts:
        """Forecasts made at the close of the candles `origins` (ascending row numbers of `candles`, which `features` match).

        Raises `BadInputError` for an origin that lacks the history the forecaster needs.
        """
        ...
