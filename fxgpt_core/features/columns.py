"""The columns of candles as arrays, and what several groups of features read of them, computed once."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.market.sessions import fx_clock_us

FloatArray = npt.NDArray[np.float64]
Features = dict[str, FloatArray]
SPAN = 20


@dataclass(frozen=True)
class CandleColumns:
    """N candles: `open_time_us` int64[N], UTC, the others float64[N]; `spread`, in price units, is NaN or 0 where unknown."""

    open_time_us: npt.NDArray[np.int64]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    spread: FloatArray

    @cached_property
    def fx_clock_us(self) -> npt.NDArray[np.int64]:
        """int64[N]: open time on the FX clock."""
        return fx_clock_us(self.open_time_us)

    @cached_property
    def log_close(self) -> FloatArray:
        """Natural logarithm of the close."""
        return logarithm(self.close)

    @cached_property
    def log_return(self) -> FloatArray:
        """Log of the close over the close before; NaN for the first candle, as all that looks back too far."""
        return change(self.log_close, 1)

    @cached_property
    def move(self) -> FloatArray:
        """The close less the close before, in price units."""
        return change(self.close, 1)

    @cached_property
    def height(self) -> FloatArray:
        """High less low, in price units."""
        return self.high - self.low

    @cached_property
    def place(self) -> FloatArray:
        """In [-1, 1]: where the close lies between low (-1) and high (1) of its candle; 0 where these are equal."""
        return ratio((self.close - self.low) - (self.high - self.close), self.height)


def candle_columns(candles: pl.DataFrame) -> CandleColumns:
    """The columns of a checked candle frame."""
    n_candles = len(candles)
    spread = candles["spread"].to_numpy() if "spread" in candles.columns else np.zeros(n_candles)
    opened, high, low, close, volume = (candles[name].to_numpy() for name in ("open", "high", "low", "close", "volume"))
    return CandleColumns(candles["open_time"].to_physical().to_numpy(), opened, high, low, close, volume, spread)


def logarithm(values: FloatArray) -> FloatArray:
    """Natural logarithm."""
    return np.asarray(np.log(values))


def change(values: FloatArray, span: int) -> FloatArray:
    """Each value less the one `span` rows before; NaN for the first rows."""
    changed = np.full(len(values), math.nan)
    np.subtract(values[span:], values[:-span], out=changed[span:])
    return changed


def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Part / whole; 0 where the whole is 0, NaN where it is not known."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole != 0.0)
