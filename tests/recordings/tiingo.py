"""Tiingo's FX prices: a JSON list of rows without volume, asked by whole days.

Whether the last day's candles are in the answer is not documented: it is asked for as if they were, and answers without them.
"""

import json
from datetime import UTC, datetime, timedelta

import polars as pl

from fxgpt_core.candles.providers.tiingo import TiingoSource
from fxgpt_core.market.timeframes import Timeframe
from tests.recorded_service import Answer, Request
from tests.recordings.recording import SYMBOL, Answering, Recording


def asked(request: Request) -> tuple[datetime, datetime]:
    first, last = (datetime.fromisoformat(request.query[name]).replace(tzinfo=UTC) for name in ("startDate", "endDate"))
    return first, last + timedelta(days=1)


def answering(candles: pl.DataFrame) -> Answering:
    def answer(request: Request) -> bytes | None:
        if request.path != f"/tiingo/fx/{SYMBOL.lower()}/prices" or request.query["resampleFreq"] != "5min":
            return None
        first, stop = asked(request)
        held = candles.filter(pl.col("open_time").is_between(first, stop - timedelta(days=1)))
        return json.dumps([_row(row) for row in held.iter_rows(named=True)]).encode()

    return answer


def _row(candle: dict[str, object]) -> dict[str, object]:
    prices = {name: candle[name] for name in ("open", "high", "low", "close")}
    return {"date": f"{candle['open_time']:%Y-%m-%dT%H:%M:%S}.000Z", "ticker": SYMBOL.lower(), **prices}


TIINGO = Recording(
    source=lambda address, key: TiingoSource(key, address, sleep=lambda _: None),
    answering=answering,
    asked=asked,
    timeframe=Timeframe.M5,
    several_pages=timedelta(days=80),
    surplus=timedelta(days=2),
    broken=(b"", b"<html>", b'{"detail": "Not found."}', b'[{"date": "2024-03-04T00:00:00.000Z", "open": 1.1', b'[{"open": 1.1}]',
            b'[{"date": "yesterday", "open": 1, "high": 1, "low": 1, "close": 1}]',
            b'[{"date": null, "open": 1, "high": 1, "low": 1, "close": 1}]',
            b'[{"date": "2024-03-04T00:00:00.000Z", "open": "a", "high": 1, "low": 1, "close": 1}]'),
    refusal=Answer(b'{"detail": "Invalid token."}', status=401),
    has_volume=False,
)  # fmt: skip
