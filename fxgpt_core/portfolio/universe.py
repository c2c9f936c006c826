"""The symbols that share an account, by their closes of each FX day: what allocation and policy look at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.sessions import fx_day
from fxgpt_core.market.symbols import SYMBOLS

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Universe:
    """K symbols on D FX days: `day` int32[D] ascending (days since the epoch), `close` float64[D,K], the last of each day.

    A close that a symbol has not, for want of candles that day, is the one before; NaN before its first.
    """

    names: tuple[str, ...]
    day: npt.NDArray[np.int32]
    close: FloatArray

    def __len__(self) -> int:
        return len(self.day)

    @property
    def returns(self) -> FloatArray:
        """float64[D,K]: simple return of each day against the one before; NaN where one of the closes is not known."""
        change = np.full(self.close.shape, np.nan)
        change[1:] = self.close[1:] / self.close[:-1] - 1.0
        return change

    def complete_days(self, known_at_us: IntArray) -> IntArray:
        """int64[N]: how many of the days have ended at UTC times int64[N] in µs: only the rows before may be used there."""
        return np.searchsorted(self.day, fx_day(known_at_us)).astype(np.int64)

    def column(self, name: str) -> int:
        """The column of a symbol. Raises `BadInputError`."""
        if name not in self.names:
            raise BadInputError(
                f"{name} is not among the symbols {', '.join(self.names)}; add its candles, or choose one of these"
            )
        return self.names.index(name)

    def to_frame(self) -> pl.DataFrame:
        """A row a day, its date in `day` and a column of closes for each symbol, null where not known."""
        closes = {name: self.close[:, column] for column, name in enumerate(self.names)}
        return pl.DataFrame({"day": pl.Series(self.day, dtype=pl.Int32).cast(pl.Date), **closes}, nan_to_null=True)

    @classmethod
    def from_frame(cls, frame: pl.DataFrame) -> Self:
        """The universe of a frame as `to_frame` makes it; columns that are no symbols are left aside. Raises `BadInputError`."""
        names = tuple(name for name in frame.columns if name in SYMBOLS)
        if not names or frame.schema.get("day") != pl.Date or not frame["day"].is_sorted():
            raise BadInputError(
                f"the columns {', '.join(frame.columns) or 'none'} are no universe; a date in `day`, ascending, and closes in a "
                "column named by each symbol are needed"
            )
        close = np.column_stack([frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in names])
        return cls(names, frame["day"].to_physical().to_numpy().astype(np.int32), np.ascontiguousarray(close))


def universe_of(candles: Mapping[str, CandleArrays]) -> Universe:
    """The universe of candles of several symbols, in the order given. Raises `BadInputError` for no symbol and for no candle.

    The last day may be unfinished: `complete_days` leaves it out until 17:00 New York.
    """
    empty = [name for name, series in candles.items() if len(series) == 0]
    if not candles or empty:
        raise BadInputError(f"{len(candles)} symbols found, without a candle: {', '.join(empty) or 'none'}; give candles of each")
    days = np.unique(np.concatenate([series.fx_day for series in candles.values()]))
    close = np.full((len(days), len(candles)), np.nan)
    for column, series in enumerate(candles.values()):
        last = np.flatnonzero(np.diff(series.fx_day, append=np.int32(series.fx_day[-1] + 1)))
        latest = np.searchsorted(series.fx_day[last], days, side="right") - 1
        close[latest >= 0, column] = series.close[last[latest[latest >= 0]]]
    return Universe(tuple(candles), days.astype(np.int32), close)
