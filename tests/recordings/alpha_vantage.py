"""Alpha Vantage's FX_INTRADAY: all it has in one answer, newest first, errors as a sentence with status 200."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl

from fxgpt_core.candles.providers.alpha_vantage import AlphaVantageSource
from fxgpt_core.market.timeframes import Timeframe
from tests.recorded_service import Answer, Request
from tests.recordings.recording import Answering, Recording

NOW = datetime(2024, 6, 1, tzinfo=UTC)
INVALID_KEY = "the parameter apikey is invalid or missing. Please claim your free API key on (https://www.alphavantage.co/support/#api-key)."
INVALID_CALL = (
    "Invalid API call. Please retry or visit the documentation (https://www.alphavantage.co/documentation/) for FX_INTRADAY."
)


def answered(candles: pl.DataFrame, zone: str = "UTC", interval: str = "5min") -> dict:
    """What the service says when it has these candles, stamps in `zone`."""
    local = candles.with_columns(pl.col("open_time").dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d %H:%M:%S"))
    rows = {row["open_time"]: _row(row) for row in local.reverse().iter_rows(named=True)}
    meta = {
        "1. Information": f"FX Intraday ({interval}) Time Series", "2. From Symbol": "EUR", "3. To Symbol": "USD",
        "4. Last Refreshed": next(iter(rows), ""), "5. Interval": interval, "6. Output Size": "Full size", "7. Time Zone": zone,
    }  # fmt: skip
    return {"Meta Data": meta, f"Time Series FX ({interval})": rows}


def asked(_: Request) -> tuple[datetime, datetime]:
    return datetime(2024, 3, 4, 13, tzinfo=UTC), datetime(2024, 3, 5, 13, tzinfo=UTC)


def answering(candles: pl.DataFrame) -> Answering:
    wanted = {"function": "FX_INTRADAY", "from_symbol": "EUR", "to_symbol": "USD", "interval": "5min", "outputsize": "full"}

    def answer(request: Request) -> bytes | None:
        if request.path != "/query":
            return None
        held = {name: value for name, value in request.query.items() if name != "apikey"} == wanted
        return json.dumps(answered(candles) if held else {"Error Message": INVALID_CALL}).encode()

    return answer


def _row(candle: dict) -> dict[str, str]:
    return {f"{place}. {name}": f"{candle[name]:.5f}" for place, name in enumerate(("open", "high", "low", "close"), 1)}


def _broken() -> tuple[bytes, ...]:
    meta = {"7. Time Zone": "UTC"}
    row = {"1. open": "1.1", "2. high": "1.1", "3. low": "1.1", "4. close": "1.1"}
    wrong = (
        {"Error Message": INVALID_CALL},
        {"Information": "a sentence nobody has seen yet"},
        {"Meta Data": meta},
        {"Meta Data": meta, "Time Series FX (5min)": {}},
        {"Meta Data": meta, "Time Series FX (5min)": []},
        {"Meta Data": meta, "Time Series FX (15min)": {"2024-03-04 13:00:00": row}},
        {"Meta Data": meta, "Time Series FX (5min)": {"yesterday": row}},
        {"Meta Data": meta, "Time Series FX (5min)": {"2024-03-04 13:00:00": row | {"4. close": "a"}}},
        {"Meta Data": meta, "Time Series FX (5min)": {"2024-03-04 13:00:00": {"1. open": "1.1"}}},
        {"Meta Data": {}, "Time Series FX (5min)": {"2024-03-04 13:00:00": row}},
        {"Meta Data": {"7. Time Zone": "Nowhere/Else"}, "Time Series FX (5min)": {"2024-03-04 13:00:00": row}},
        # A stamp of the hour that New York has twice.
        {"Meta Data": {"7. Time Zone": "US/Eastern"}, "Time Series FX (5min)": {"2024-11-03 01:30:00": row}},
    )
    return tuple(json.dumps(answer).encode() for answer in wrong)


ALPHA_VANTAGE = Recording(
    source=lambda address, key: AlphaVantageSource(key, address, sleep=lambda _: None, now=lambda: NOW),
    answering=answering,
    asked=asked,
    timeframe=Timeframe.M5,
    several_pages=timedelta(days=80),
    surplus=timedelta(0),
    broken=(b"", b"<html>", b"[]", b"5", b'{"Meta Data": {', *_broken()),
    unserved="EURXXX",
    refusal=Answer(json.dumps({"Error Message": INVALID_KEY}).encode()),
    has_volume=False,
    one_page=True,
)
