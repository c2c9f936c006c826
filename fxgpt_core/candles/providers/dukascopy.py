"""Dukascopy's public files of candles (bi5), bid or ask, 1m and 1h; no key is needed.

A file of minutes is about a UTC day, one of hours about a UTC month; the month in its address counts from 00. Its files of days
are cut at UTC midnight, not where the FX day begins, and are not asked for. What is not over yet is not there: the newest candles
are yesterday's minutes. While the market is closed the files hold flat candles without volume, Dukascopy's own filler; they are
given as they are sent: the quality report counts them and resampling leaves them out. Volume is in millions of the base currency.
"""

import lzma
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.candles.providers.dukascopy_periods import TIMEFRAMES, Period, Side, Span, check_served, pages_of_periods, unit_of
from fxgpt_core.candles.schema import COLUMNS, PRICES, TIME_TYPE
from fxgpt_core.candles.source import Page
from fxgpt_core.candles.web import Politeness, WebClient
from fxgpt_core.errors import SourceAnswerError
from fxgpt_core.market.symbols import SYMBOLS
from fxgpt_core.market.timeframes import Timeframe

ADDRESS: Final = "https://datafeed.dukascopy.com"
POLITENESS: Final = Politeness(pause_s=0.2)
_SHOWN_BYTES: Final = 60
# Not open, high, low, close: close comes second.
_RECORD: Final = np.dtype(
    [("second", ">i4"), ("open", ">i4"), ("close", ">i4"), ("low", ">i4"), ("high", ">i4"), ("volume", ">f4")]
)
# Decimals of a price where Dukascopy has others than fxgpt.
_DIGITS: Final = {"XAUUSD": 3}


class DukascopySource:
    """The bi5 files of one side, recorded as dukascopy (bid) or dukascopy_ask."""

    timeframes = TIMEFRAMES

    def __init__(
        self,
        side: Side = "bid",
        address: str = ADDRESS,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = "dukascopy" if side == "bid" else f"dukascopy_{side}"
        self._side = side.upper()
        self._web = WebClient(self.name, address, politeness=POLITENESS, sleep=sleep)
        self._now = now

    def pages(self, symbol: str, timeframe: Timeframe, start: datetime, stop: datetime) -> Iterator[Page]:
        """A page for each file, as `CandleSource.pages` promises them; the last is empty where files are still to come."""
        check_served(self.name, symbol, timeframe)
        digits = digits_of(symbol)
        span = Span(timeframe, start.astimezone(UTC), stop.astimezone(UTC), self._now())
        yield from pages_of_periods(
            span, lambda period: self._candles(self._path(symbol, timeframe, period), period, digits), unit_of(timeframe)
        )

    def _path(self, symbol: str, timeframe: Timeframe, period: Period) -> str:
        month = f"/datafeed/{symbol}/{period.first.year}/{period.first.month - 1:02d}"
        if timeframe is Timeframe.H1:
            return f"{month}/{self._side}_candles_hour_1.bi5"
        return f"{month}/{period.first.day:02d}/{self._side}_candles_min_1.bi5"

    def _candles(self, path: str, period: Period, digits: int) -> pl.DataFrame | None:
        return read_bi5(self._web, path, "candles", lambda body: bi5_candles(body, period, digits))


def read_bi5(web: WebClient, path: str, things: str, read: Callable[[bytes], pl.DataFrame | None]) -> pl.DataFrame | None:
    """What `read` makes of the bi5 file at a path; None where there is no file, or an empty one.

    Raises `SourceAnswerError`, which names the things wanted, where `read` raises `lzma.LZMAError` or `ValueError`.
    """
    body = web.get(path)
    if not body:
        return None
    try:
        return read(body)
    except (lzma.LZMAError, ValueError) as error:
        raise SourceAnswerError(
            f"{web.name} answered no {things} at {path} ({error}); LZMA-packed records are needed, found "
            f"{body[:_SHOWN_BYTES]!r}; run the same command again later"
        ) from None


def bi5_candles(body: bytes, period: Period, digits: int) -> pl.DataFrame:
    """The candles of a bi5 file about a period, its prices being whole numbers of 10^-digits; open times are UTC.

    Raises `lzma.LZMAError` for a broken packing, `ValueError` for bytes that are no records and for stamps outside the period.
    """
    records = records_of(body, _RECORD)
    since_first_us = records["second"].astype(np.int64) * 1_000_000
    if np.any((since_first_us < 0) | (since_first_us >= period.length_us)):
        raise ValueError(f"stamps outside the file's {period.first:%Y-%m-%d} to {period.after:%Y-%m-%d}")
    prices = {name: records[name].astype(np.float64) / 10**digits for name in PRICES}
    table = pl.DataFrame(
        {"open_time": period.first_us + since_first_us, **prices, "volume": records["volume"].astype(np.float64)}
    )
    return table.with_columns(pl.col("open_time").cast(TIME_TYPE)).select(COLUMNS)


def records_of(body: bytes, record: np.dtype[np.void]) -> npt.NDArray[np.void]:
    """The records of a bi5 file. Raises `lzma.LZMAError` for a broken packing, `ValueError` for bytes that are no records."""
    unpacked = lzma.decompress(body, lzma.FORMAT_ALONE)
    if len(unpacked) % record.itemsize:
        raise ValueError(f"{len(unpacked)} bytes are no whole number of records of {record.itemsize}")
    return np.frombuffer(unpacked, record)


def digits_of(symbol: str) -> int:
    """Decimals of a symbol's prices in Dukascopy's files."""
    return _DIGITS.get(symbol, SYMBOLS[symbol].digits)
