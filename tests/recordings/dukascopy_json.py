"""Dukascopy's JSON feed of minutes: an answer a UTC day that tells changes, empty lists where there is no candle."""

import json
import re
from datetime import UTC, datetime, timedelta

import polars as pl

from fxgpt_core.candles.providers.dukascopy_json import DukascopyJsonSource
from fxgpt_core.market.timeframes import Timeframe
from tests.recorded_service import Request
from tests.recordings.recording import Answering, Recording

PATH = re.compile(r"/v1/candles/minute/([A-Z-]+)/BID/(\d{4})/(\d{1,2})/(\d{1,2})")
LISTS = ("times", "opens", "highs", "lows", "closes", "volumes")
ONE = {
    "timestamp": 1709510400000, "multiplier": 1e-5, "open": 1.1, "high": 1.2, "low": 1.0, "close": 1.1, "shift": 60000,
    "times": [0], "opens": [0], "highs": [0], "lows": [0], "closes": [0], "volumes": [1.5],
}  # fmt: skip


def asked(request: Request) -> tuple[datetime, datetime]:
    found = PATH.fullmatch(request.path)
    assert found
    first = datetime(*(int(part) for part in found.groups()[1:]), tzinfo=UTC)
    return first, first + timedelta(days=1)


def answering(candles: pl.DataFrame) -> Answering:
    def answer(request: Request) -> bytes | None:
        if "/EUR-USD/" not in request.path:
            return None
        first, after = asked(request)
        held = candles.filter(pl.col("open_time").is_between(first, after, closed="left"))
        return json.dumps(_told(held, first)).encode()

    return answer


def _told(held: pl.DataFrame, first: datetime) -> dict[str, object]:
    told: dict[str, object] = {"timestamp": round(first.timestamp() * 1000), "multiplier": 1e-5, "shift": 60000}
    for name in ("open", "high", "low", "close"):
        points = [round(price * 100_000) for price in held[name]]
        told[name] = points[0] / 100_000 if points else None
        told[f"{name}s"] = _changes(points, points[0]) if points else []
    minutes = [(stamp - first) // timedelta(minutes=1) for stamp in held["open_time"]]
    return told | {"times": _changes(minutes, 0), "volumes": held["volume"].to_list()}


def _changes(values: list[int], first: int) -> list[int]:
    return [value - before for before, value in zip([first, *values], values, strict=False)]


def _broken() -> tuple[bytes, ...]:
    """Answers that are no candles of 2024-03-04, each for one reason."""
    wrong = (
        {"timestamp": 1709596800000},  # the day after
        {"shift": 3600000},
        {"multiplier": 0},
        {"multiplier": None},
        {"open": None},
        {"times": [1440]},
        {"times": [-1]},
        {"opens": []},
        {"opens": None},
        {"opens": [0.5]},
        {"opens": [None]},
        {"opens": 0},
    )
    assert all(name in ONE for change in wrong for name in change)
    return tuple(json.dumps(ONE | change).encode() for change in wrong)


DUKASCOPY_JSON = Recording(
    source=lambda address, _: DukascopyJsonSource(address=address, sleep=lambda _: None),
    answering=answering,
    asked=asked,
    timeframe=Timeframe.M1,
    several_pages=timedelta(days=8),
    surplus=timedelta(days=1),
    broken=(b"", b"<html>", b"[]", b"{}", b'{"timestamp": 1709510400000', *_broken()),
)
