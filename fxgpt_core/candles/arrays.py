"""A candle series as plain numpy arrays, for kernels and models."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fxgpt_core.market.rows import Rows
from fxgpt_core.market.sessions import fx_day
from fxgpt_core.market.timeframes import Timeframe


@dataclass(frozen=True, eq=False)
class CandleArrays:
    """N candles as C-contiguous arrays: `open_time_us` int64 µs since the epoch, prices in quote currency and volume float64.

    `spread` is what the ask was above the bid at each close, NaN where not known; None where no candle tells.
    """

    open_time_us: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    timeframe: Timeframe
    spread: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.open_time_us)

    @cached_property
    def known_at_us(self) -> NDArray[np.int64]:
        """int64[N]: when each candle is complete, open time + timeframe."""
        return self.open_time_us + np.int64(self.timeframe.us)

    @cached_property
    def fx_day(self) -> NDArray[np.int32]:
        """int32[N]: the FX day of each candle, computed once a series: a search replays the same candles thousands of times."""
        return fx_day(self.open_time_us)

    @cached_property
    def rows(self) -> NDArray[np.float64]:
        """float64[N,5]: open, high, low, close and the number of the FX day, counted from 0, of a candle side by side in memory.

        A backtest jumps from trade to trade: in columns each jump would wait for five places in memory, here it does for one.
        """
        day_number = np.cumsum(np.diff(self.fx_day, prepend=self.fx_day[:1]) != 0)
        return np.column_stack((self.open, self.high, self.low, self.close, day_number.astype(np.float64)))

    def slice(self, start: int, stop: int) -> "CandleArrays":
        """The candles [start, stop) as copies."""
        return self.select(slice(start, stop))

    def select(self, rows: Rows) -> "CandleArrays":
        """Some of the candles as copies."""
        return CandleArrays(
            open_time_us=self.open_time_us[rows].copy(),
            open=self.open[rows].copy(),
            high=self.high[rows].copy(),
            low=self.low[rows].copy(),
            close=self.close[rows].copy(),
            volume=self.volume[rows].copy(),
            timeframe=self.timeframe,
            spread=None if self.spread is None else self.spread[rows].copy(),
        )


def candle_arrays(frame: pl.DataFrame, timeframe: Timeframe) -> CandleArrays:
    """The arrays of a frame as `check_candles` returns it: writable copies, which torch and numba take as they are."""
    return CandleArrays(
        open_time_us=np.array(frame["open_time"].to_physical().to_numpy(), dtype=np.int64),
        open=np.array(frame["open"].to_numpy(), dtype=np.float64),
        high=np.array(frame["high"].to_numpy(), dtype=np.float64),
        low=np.array(frame["low"].to_numpy(), dtype=np.float64),
        close=np.array(frame["close"].to_numpy(), dtype=np.float64),
        volume=np.array(frame["volume"].to_numpy(), dtype=np.float64),
        timeframe=timeframe,
        spread=frame["spread"].cast(pl.Float64).fill_null(np.nan).to_numpy().copy() if "spread" in frame.columns else None,
    )
