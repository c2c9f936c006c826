"""Yahoo's chart API: lists of stamps and prices, period2 included, an error where the symbol or the span is unknown."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl

from fxgpt_core.candles.providers.yahoo import YahooSource
from fxgpt_core.market.timeframes import Timeframe
from tests.recorded_service import Request
from tests.recordings.recording import Answering, Recording

NOW = datetime(2024, 4, 25, tzinfo=UTC)
PRICES = ("open", "high", "low", "close")


def asked(request: Request) -> tuple[datetime, datetime]:
    first, last = (datetime.fromtimestamp(int(request.query[name]), UTC) for name in ("period1", "period2"))
    return first, last


def chart(stamps: list[int], quote: dict[str, list[float | None]], granularity: str = "5m") -> dict:
    """What the service says when it has these candles; stamps are epoch seconds, a null price is none."""
    meta = {"currency": "USD", "symbol": "EURUSD=X", "exchangeTimezoneName": "Europe/London", "dataGranularity": granularity}
    result: dict[str, object] = {"meta": meta, "indicators": {"quote": [quote if stamps else {}]}}
    return {"chart": {"result": [result | ({"timestamp": stamps} if stamps else {})], "error": None}}


def answering(candles: pl.DataFrame) -> Answering:
    def answer(request: Request) -> bytes | None:
        assert "mozilla" in request.headers["user-agent"].lower()
        if request.path != "/v8/finance/chart/EURUSD=X" or request.query["interval"] != "5m":
            return None
        held = candles.filter(pl.col("open_time").is_between(*asked(request), closed="both"))
        stamps = [round(stamp.timestamp()) for stamp in held["open_time"]]
        return json.dumps(chart(stamps, {name: held[name].to_list() for name in PRICES} | {"volume": [0] * len(held)})).encode()

    return answer


def _broken() -> tuple[bytes, ...]:
    stamp = round(datetime(2024, 3, 4, 13, tzinfo=UTC).timestamp())
    good = {name: [1.1] for name in PRICES} | {"volume": [0]}
    wrong = (
        {"chart": {"result": None, "error": {"code": "Internal Error", "description": "Internal Error"}}},
        {"chart": {"result": [], "error": None}},
        {"chart": chart([stamp], good)["chart"] | {"error": {"code": "Internal Error"}}},
        chart([stamp], good, "1h"),
        chart([stamp], good | {"open": [1.1, 1.2]}),
        chart([stamp], good | {"open": ["1.1"]}),
        chart([stamp], good | {"open": None}),
        chart([stamp], {}),
        chart([stamp + 0.5], good),
    )
    return tuple(json.dumps(answer).encode() for answer in wrong)


YAHOO = Recording(
    source=lambda address, _: YahooSource(address, sleep=lambda _: None, now=lambda: NOW),
    answering=answering,
    asked=asked,
    timeframe=Timeframe.M5,
    several_pages=timedelta(days=45),
    surplus=timedelta(minutes=1),
    broken=(b"", b"<html>", b"[]", b"{}", b'{"chart": {"result": [', *_broken()),
    has_volume=False,
)
