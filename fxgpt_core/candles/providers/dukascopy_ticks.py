"""Candles made of Dukascopy's public files of ticks (bi5): bid candles of 1m to 1h with the spread; no key is needed.

A file is about a UTC hour; the month in its address counts from 00. Volume is the number of ticks, the spread that of a candle's
last tick. A year is some six thousand files: for candles without a spread `dukascopy` asks for one a day or month.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import numpy as np
import polars as pl

from fxgpt_core.candles.providers.dukascopy import ADDRESS, POLITENESS, digits_of, read_bi5, records_of
from fxgpt_core.candles.providers.dukascopy_periods import Period, Span, check_served, pages_of_periods
from fxgpt_core.candles.schema import TIME_TYPE
from fxgpt_core.candles.source import Page
from fxgpt_core.candles.ticks import Side, quoted_candles
from fxgpt_core.candles.web import WebClient
from fxgpt_core.market.timeframes import HOUR_US, Timeframe

_RECORD: Final = np.dtype([("millisecond", ">u4"), ("ask", ">u4"), ("bid", ">u4"), ("ask_volume", ">f4"), ("bid_volume", ">f4")])


class DukascopyTicksSource:
    """The bi5 files of ticks, recorded as dukascopy_ticks."""

    name = "dukascopy_ticks"
    timeframes = tuple(timeframe for timeframe in Timeframe if timeframe.us <= HOUR_US)

    def __init__(
        self,
        address: str = ADDRESS,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._web = WebClient(self.name, address, politeness=POLITENESS, sleep=sleep)
        self._now = now

    def pages(self, symbol: str, timeframe: Timeframe, start: datetime, stop: datetime) -> Iterator[Page]:
        """A page for each hour, as `CandleSource.pages` promises them; the last is empty where files are still to come."""
        check_served(self.name, symbol, timeframe, self.timeframes)
        span = Span(timeframe, start.astimezone(UTC), stop.astimezone(UTC), self._now())
        yield from pages_of_periods(span, lambda period: self._candles(symbol, timeframe, period), "hour")

    def _candles(self, symbol: str, timeframe: Timeframe, period: Period) -> pl.DataFrame | None:
        first = period.first
        path = f"/datafeed/{symbol}/{first.year}/{first.month - 1:02d}/{first.day:02d}/{first.hour:02d}h_ticks.bi5"

        def candles(body: bytes) -> pl.DataFrame | None:
            ticks = bi5_ticks(body, period, digits_of(symbol))
            return None if ticks.is_empty() else quoted_candles(ticks, timeframe, Side.BID)

        return read_bi5(self._web, path, "ticks", candles)


def bi5_ticks(body: bytes, period: Period, digits: int) -> pl.DataFrame:
    """Ticks (time in UTC; bid, ask) of a bi5 file about an hour, its prices being whole numbers of 10^-digits.

    Raises `lzma.LZMAError` for a broken packing, `ValueError` for bytes that are no records, and for stamps that are outside the
    hour or not in order.
    """
    records = records_of(body, _RECORD)
    since_first_us = records["millisecond"].astype(np.int64) * 1_000
    if np.any(since_first_us >= period.length_us) or np.any(np.diff(since_first_us) < 0):
        raise ValueError(f"stamps outside the hour of {period.first:%Y-%m-%d %H:%M}, or not in order")
    quotes = {name: records[name].astype(np.float64) / 10**digits for name in ("bid", "ask")}
    return pl.DataFrame({"time": period.first_us + since_first_us, **quotes}).with_columns(pl.col("time").cast(TIME_TYPE))
