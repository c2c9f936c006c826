"""Binance's spot klines: arrays with prices as text, both ends of the span included, a thousand at most, around the clock."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl

from fxgpt_core.candles.providers.binance import BinanceSource
from fxgpt_core.market.timeframes import Timeframe
from tests.recorded_service import Answer, Request
from tests.recordings.recording import Answering, Recording

LIMIT = 1_000
INVALID_SYMBOL = Answer(b'{"code":-1121,"msg":"Invalid symbol."}', status=400)


def kline(open_ms: int, length_ms: int, prices: tuple[float, ...], volume: float) -> list[object]:
    """One candle in the vendor's form; the last of twelve places is not used by it."""
    told = [f"{price:.8f}" for price in (*prices, volume)]
    return [open_ms, *told, open_ms + length_ms - 1, f"{volume * prices[3]:.8f}", 17, "1.00000000", "1.10000000", "0"]


def asked(request: Request) -> tuple[datetime, datetime]:
    first, last = (int(request.query[name]) for name in ("startTime", "endTime"))
    return datetime.fromtimestamp(first / 1000, UTC), datetime.fromtimestamp((last + 1) / 1000, UTC)


def answering(candles: pl.DataFrame, code: str = "EURUSDT", interval: str = "5m") -> Answering:
    """Candles at their stamps; at every other of the interval's, as at weekends, one that no FX market has seen."""
    length_ms = Timeframe(interval).us // 1000
    known = {round(row[0].timestamp() * 1000): row[1:] for row in candles.iter_rows()}

    def answer(request: Request) -> Answer | bytes | None:
        if request.path != "/api/v3/klines":
            return None
        if request.query["symbol"] != code:
            return INVALID_SYMBOL
        assert request.query["interval"] == interval
        first, last, limit = (int(request.query[name]) for name in ("startTime", "endTime", "limit"))
        stamps = range(-(-first // length_ms) * length_ms, last + 1, length_ms)[: min(limit, LIMIT)]
        told = [(stamp, known.get(stamp, (9.0, 9.9, 8.0, 9.5, 1.0))) for stamp in stamps]
        return json.dumps([kline(stamp, length_ms, row[:4], row[4]) for stamp, row in told]).encode()

    return answer


BINANCE = Recording(
    source=lambda address, _: BinanceSource(address, sleep=lambda _: None),
    answering=answering,
    asked=asked,
    timeframe=Timeframe.M5,
    several_pages=timedelta(days=12),
    surplus=timedelta(0),
    broken=(b"", b"<html>", b"{}", b"null", b'{"code":-1003,"msg":"Too much request weight used"}', b"[[1709557200000]]",
            b'[[1709557200000, "1.1", "1.1", "1.1", "1.1"', b'["1709557200000"]', b'[{"open": 1.1}]', b"[5]",
            b'[[1709557200,"1.1","1.1","1.1","1.1","2"]]', b'[[1709557200000,"1","1","1","1","2"],[1709557500000,"1","1"]]',
            b'[["1709557200000","1.1","1.1","1.1","1.1","2"]]', b'[[1709557200000,"1.1","1.1","1.1","x","2"]]',
            b'[[1709557200000,"1.1",null,"1.1","1.1","2"]]', b'[[null,"1.1","1.1","1.1","1.1","2"]]',
            b'[[1709557200000.5,"1.1","1.1","1.1","1.1","2"]]', b'[[99999999999999999999,"1.1","1.1","1.1","1.1","2"]]'),
)  # fmt: skip
