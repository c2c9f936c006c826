"""Yahoo's chart of days: stamped with the opening of the session, period2 not included, an error where nothing is known."""

import json
from datetime import date, datetime, timedelta
from urllib.parse import unquote

from fxgpt_core.context.yahoo import YahooIndexSource
from tests.recorded_service import Request
from tests.recordings.recording_of_context import NEW_YORK, Answering, ContextRecording

OPENS = timedelta(hours=9, minutes=30)


def opening(day: date) -> int:
    return round((datetime(day.year, day.month, day.day, tzinfo=NEW_YORK) + OPENS).timestamp())


def chart(stamps: list[int], closes: list[float | None], code: str = "SPY", granularity: str = "1d") -> dict[str, object]:
    """What the service says when it has these days; a null close is a day it has nothing of."""
    price = dict.fromkeys(("open", "high", "low", "close"), closes) | {"volume": [0] * len(closes)}
    meta = {"currency": "USD", "symbol": code, "exchangeTimezoneName": "America/New_York", "dataGranularity": granularity}
    # Dividends count in adjclose alone, which is another number.
    indicators = {"quote": [price if stamps else {}], "adjclose": [{"adjclose": [1.0] * len(stamps)} if stamps else {}]}
    result = {"meta": meta, "indicators": indicators} | ({"timestamp": stamps} if stamps else {})
    return {"chart": {"result": [result], "error": None}}


def asked(request: Request) -> tuple[date, date]:
    first, stop = (datetime.fromtimestamp(int(request.query[name]), NEW_YORK) for name in ("period1", "period2"))
    return first.date(), (stop - timedelta(seconds=1)).date()


def answering(closes: dict[date, float], code: str = "SPY") -> Answering:
    def answer(request: Request) -> bytes | None:
        assert "mozilla" in request.headers["user-agent"].lower()
        if unquote(request.path) != f"/v8/finance/chart/{code}" or request.query["interval"] != "1d":
            return None
        first, stop = (int(request.query[name]) for name in ("period1", "period2"))
        days = [day for day in sorted(closes) if first <= opening(day) < stop]
        return json.dumps(chart([opening(day) for day in days], [closes[day] for day in days], code)).encode()

    return answer


def _broken() -> tuple[bytes, ...]:
    stamp = opening(date(2024, 3, 4))
    good = chart([stamp], [512.3])
    wrong = (
        {"chart": {"result": None, "error": {"code": "Bad Request", "description": "Data doesn't exist for startDate = 1"}}},
        {"chart": {"result": [], "error": None}},
        {"chart": good["chart"] | {"error": {"code": "Internal Error"}}},
        chart([stamp], [512.3], "QQQ"),
        chart([stamp], [512.3], "SPY", "1wk"),
        chart([stamp, stamp + 86_400], [512.3]),
        chart([stamp], ["512.3"]),
    )
    return (b"", b"<html>", b"[]", b"{}", b'{"chart": {"result": [', *(json.dumps(one).encode() for one in wrong))


YAHOO_INDEX = ContextRecording(
    source=lambda address, _: YahooIndexSource(address, sleep=lambda _: None),
    kind="spy",
    unserved="cot_legacy",
    answering=answering,
    asked=asked,
    broken=_broken(),
)
