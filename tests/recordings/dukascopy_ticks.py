"""Dukascopy's bi5 files of ticks: a file a UTC hour, the month in its address from 00, 404 where there is none."""

import lzma
import re
import struct
from datetime import UTC, datetime, timedelta

import polars as pl

from fxgpt_core.candles.providers.dukascopy_ticks import DukascopyTicksSource
from fxgpt_core.market.timeframes import Timeframe
from tests.recorded_service import Request
from tests.recordings.recording import SYMBOL, Answering, Recording

PATH = re.compile(r"/datafeed/(\w+)/(\d{4})/(\d\d)/(\d\d)/(\d\d)h_ticks\.bi5")
HOUR = timedelta(hours=1)
ASK_ABOVE = 12


def packed(*records: tuple[int, int, int, float, float]) -> bytes:
    """A file of records (millisecond, ask, bid, volume asked, volume bid)."""
    return lzma.compress(b"".join(struct.pack(">3I2f", *record) for record in records), lzma.FORMAT_ALONE)


def asked(request: Request) -> tuple[datetime, datetime]:
    found = PATH.fullmatch(request.path)
    assert found
    _, year, month, day, hour = found.groups()
    first = datetime(int(year), int(month) + 1, int(day), int(hour), tzinfo=UTC)
    return first, first + HOUR


def answering(candles: pl.DataFrame) -> Answering:
    """Of every candle as many ticks as its volume: open, high and low, then the close to its end."""

    def answer(request: Request) -> bytes | None:
        first, after = asked(request)
        held = candles.filter(pl.col("open_time").is_between(first, after, closed="left"))
        if f"/{SYMBOL}/" not in request.path or held.is_empty():
            return None
        return packed(*(tick for row in held.iter_rows(named=True) for tick in _ticks(row, first)))

    return answer


def _ticks(candle: dict, first: datetime) -> list[tuple[int, int, int, float, float]]:
    began = (candle["open_time"] - first) // timedelta(milliseconds=1)
    prices = [candle["open"], candle["high"], candle["low"], *[candle["close"]] * (int(candle["volume"]) - 3)]
    bids = [round(price * 100_000) for price in prices]
    return [(began + 20 * n, bid + ASK_ABOVE, bid, 1.5, 0.75) for n, bid in enumerate(bids)]


DUKASCOPY_TICKS = Recording(
    source=lambda address, _: DukascopyTicksSource(address=address, sleep=lambda _: None),
    answering=answering,
    asked=asked,
    timeframe=Timeframe.H1,
    several_pages=timedelta(days=7),
    surplus=HOUR,
    broken=(
        b"<html>",
        packed((0, 2, 1, 1.0, 1.0))[:-4],
        lzma.compress(b"no whole record", lzma.FORMAT_ALONE),
        packed((3_600_000, 2, 1, 1.0, 1.0)),
        packed((60, 2, 1, 1.0, 1.0), (0, 2, 1, 1.0, 1.0)),
    ),
    unserved="EURXXX",
)
