"""Alpaca's daily bars: by symbol, each stamped with New York's midnight in UTC, paged by a token, both ends included."""

import base64
import json
from datetime import date, datetime

from fxgpt_core.context.alpaca import AlpacaSource
from tests.recorded_service import Answer, Request
from tests.recordings.recording_of_context import NEW_YORK, Answering, ContextRecording, midnight

PAGE = 7
FORBIDDEN = Answer(b'{"message": "forbidden."}', status=403)


def bar(day: date, close: float) -> dict[str, object]:
    """One day in the vendor's form, of which the close alone is known here."""
    stamp = f"{midnight(day):%Y-%m-%dT%H:%M:%SZ}"
    return {
        "t": stamp,
        "o": close,
        "h": close + 1.0,
        "l": close - 1.0,
        "c": close,
        "v": 85998033,
        "n": 732412,
        "vw": close + 0.01,
    }


def token(day: date) -> str:
    return base64.b64encode(f"SPY|D|{day}".encode()).decode()


def asked(request: Request) -> tuple[date, date]:
    first, last = (datetime.fromisoformat(request.query[name]).astimezone(NEW_YORK).date() for name in ("start", "end"))
    return first, last


def answering(closes: dict[date, float]) -> Answering:
    wanted = {"symbols": "SPY", "timeframe": "1Day", "adjustment": "split", "feed": "sip", "sort": "asc"}

    def answer(request: Request) -> Answer | bytes | None:
        if request.path != "/v2/stocks/bars":
            return None
        if "apca-api-key-id" not in request.headers or "apca-api-secret-key" not in request.headers:
            return FORBIDDEN
        assert wanted.items() <= request.query.items()
        start, end = (datetime.fromisoformat(request.query[name]) for name in ("start", "end"))
        left = [day for day in sorted(closes) if start <= midnight(day) <= end]
        begun = [day for day in left if token(day) == request.query.get("page_token", token(left[0]))] if left else []
        page = left[left.index(begun[0]) :] if begun else []
        following = token(page[PAGE]) if len(page) > PAGE else None
        bars = {"SPY": [bar(day, closes[day]) for day in page[:PAGE]]} if page else {}
        return json.dumps({"bars": bars, "next_page_token": following}).encode()

    return answer


def _broken() -> tuple[bytes, ...]:
    good = bar(date(2024, 3, 4), 512.3)
    wrong = (
        {"message": "unauthorized"},
        {"bars": {"SPY": [good]}},
        {"bars": None, "next_page_token": None},
        {"bars": [good], "next_page_token": None},
        {"bars": {"SPY": [good], "QQQ": [good]}, "next_page_token": None},
        {"bars": {"SPY": [good | {"c": "512.3"}]}, "next_page_token": None},
        {"bars": {"SPY": [{"t": good["t"]}]}, "next_page_token": None},
        {"bars": {"SPY": [good | {"t": "2024-03-04"}]}, "next_page_token": None},
        {"bars": {"SPY": [good | {"t": None}]}, "next_page_token": None},
        {"bars": {"SPY": [good | {"t": "2024-03-04T00:00:00Z"}]}, "next_page_token": None},
        {"bars": {"SPY": None}, "next_page_token": None},
    )
    return (
        b"",
        b"<html>",
        b"[]",
        b'{"bars": {"SPY": [{"t": "2024-03-04T05:00:00Z", "c": 5',
        *(json.dumps(one).encode() for one in wrong),
    )


ALPACA = ContextRecording(
    source=lambda address, key: AlpacaSource(f"id-{key}", f"secret-{key}", address, sleep=lambda _: None),
    kind="spy",
    unserved="vix",
    answering=answering,
    asked=asked,
    broken=_broken(),
    refusals=(Answer(b'{"message": "forbidden."}', status=401), FORBIDDEN),
)
