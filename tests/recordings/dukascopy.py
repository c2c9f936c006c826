"""Dukascopy's bi5 files of minutes: a file a UTC day, the month in its address from 00, 404 where there is none."""

import lzma
import re
import struct
from datetime import UTC, datetime, timedelta

import polars as pl

from fxgpt_core.candles.providers.dukascopy import DukascopySource
from fxgpt_core.market.timeframes import Timeframe
from tests.recorded_service import Request
from tests.recordings.recording import SYMBOL, Answering, Recording

PATH = re.compile(r"/datafeed/(\w+)/(\d{4})/(\d\d)/(\d\d)/BID_candles_min_1\.bi5")


def packed(*records: tuple[int, int, int, int, int, float]) -> bytes:
    """A file of records (second, open, close, low, high, volume)."""
    return lzma.compress(b"".join(struct.pack(">5if", *record) for record in records), lzma.FORMAT_ALONE)


def asked(request: Request) -> tuple[datetime, datetime]:
    found = PATH.fullmatch(request.path)
    assert found
    _, year, month, day = found.groups()
    first = datetime(int(year), int(month) + 1, int(day), tzinfo=UTC)
    return first, first + timedelta(days=1)


def answering(candles: pl.DataFrame) -> Answering:
    def answer(request: Request) -> bytes | None:
        first, after = asked(request)
        held = candles.filter(pl.col("open_time").is_between(first, after, closed="left"))
        if f"/{SYMBOL}/" not in request.path or held.is_empty():
            return None
        return packed(*(_record(row, first) for row in held.iter_rows(named=True)))

    return answer


def _record(candle: dict, first: datetime) -> tuple[int, int, int, int, int, float]:
    prices = [round(candle[name] * 100_000) for name in ("open", "close", "low", "high")]
    return (candle["open_time"] - first) // timedelta(seconds=1), *prices, candle["volume"]


DUKASCOPY = Recording(
    source=lambda address, _: DukascopySource(address=address, sleep=lambda _: None),
    answering=answering,
    asked=asked,
    timeframe=Timeframe.M1,
    several_pages=timedelta(days=8),
    surplus=timedelta(days=1),
    broken=(
        b"<html>",
        packed((0, 1, 1, 1, 1, 1.0))[:-4],
        lzma.compress(b"no whole record", lzma.FORMAT_ALONE),
        packed((86_400, 1, 1, 1, 1, 1.0)),
        packed((-60, 1, 1, 1, 1, 1.0)),
    ),
    unserved="EURXXX",
)
