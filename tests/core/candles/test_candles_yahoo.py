"""Yahoo: what in its lists is a candle, how far it is asked back, how it is asked, and its recorded answers."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fxgpt_core.candles.providers.yahoo import YahooSource
from fxgpt_core.errors import MissingError, SourceAnswerError
from fxgpt_core.market.timeframes import Timeframe
from tests.recorded_service import Answer, RecordedService, running

M1, M5, H1 = Timeframe.M1, Timeframe.M5, Timeframe.H1
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
MONDAY = datetime(2024, 3, 4, tzinfo=UTC)


def told(stamps: list[datetime], quote: dict[str, list[float | None]], granularity: str = "5m") -> bytes:
    meta = {"symbol": "EURUSD=X", "dataGranularity": granularity}
    result = {"meta": meta, "timestamp": [int(stamp.timestamp()) for stamp in stamps], "indicators": {"quote": [quote]}}
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


def same(prices: list[float | None]) -> dict[str, list[float | None]]:
    return dict.fromkeys(("open", "high", "low", "close"), prices) | {"volume": [0] * len(prices)}


@pytest.fixture
def service():
    """Answers `body` to whatever is asked."""
    with running(RecordedService(lambda _: started.body)) as started:
        yield started


def pages(service, timeframe, start, stop, now=None):
    source = YahooSource(service.url, sleep=lambda _: None, now=lambda: now or stop)
    return list(source.pages("EURUSD", timeframe, start, stop))


def candles(service, timeframe=M5, stop=MONDAY + DAY, now=None):
    (page,) = pages(service, timeframe, MONDAY, stop, now)
    return page.frame


def test_a_candle_is_its_four_prices_without_volume(service):
    quote = {"open": [1.0850], "high": [1.0861], "low": [1.0842], "close": [1.0853], "volume": [None]}
    service.body = told([MONDAY], quote)
    assert candles(service).rows() == [(MONDAY, 1.0850, 1.0861, 1.0842, 1.0853, 0.0)]


def test_four_null_prices_are_no_candle_and_one_null_price_stays_for_the_schema_to_refuse(service):
    quote = same([1.1, None, 1.3]) | {"open": [1.1, None, None]}
    service.body = told([MONDAY, MONDAY + 5 * MINUTE, MONDAY + 10 * MINUTE], quote)
    found = candles(service)
    assert found["open_time"].to_list() == [MONDAY, MONDAY + 10 * MINUTE]
    assert found["open"].to_list() == [1.1, None]


def test_a_running_quote_at_the_end_is_no_candle_and_one_off_the_grid_before_it_stays_to_be_refused(service):
    service.body = told([MONDAY, MONDAY + 7 * MINUTE, MONDAY + 11 * MINUTE], same([1.1, 1.2, 1.3]))
    assert candles(service)["close"].to_list() == [1.1, 1.2]


def test_a_candle_is_given_when_it_is_closed_now_and_at_the_stop(service):
    service.body = told([MONDAY, MONDAY + 5 * MINUTE], same([1.1, 1.2]))
    assert candles(service, now=MONDAY + 9 * MINUTE)["close"].to_list() == [1.1]
    assert candles(service, now=MONDAY + 10 * MINUTE)["close"].to_list() == [1.1, 1.2]
    assert candles(service, stop=MONDAY + 9 * MINUTE, now=MONDAY + DAY)["close"].to_list() == [1.1]


def test_the_candle_at_the_end_of_a_page_which_yahoo_includes_is_given_once(service):
    service.body = told([MONDAY, MONDAY + 7 * DAY], same([1.1, 1.2]), "1m")
    first, second = pages(service, M1, MONDAY, MONDAY + 9 * DAY)
    assert first.frame["close"].to_list() == [1.1]
    assert second.frame["close"].to_list() == [1.2]
    spans = [(int(request.query["period1"]), int(request.query["period2"])) for request in service.requests]
    edges = [int(moment.timestamp()) for moment in (MONDAY, MONDAY + 7 * DAY, MONDAY + 9 * DAY)]
    assert spans == [(edges[0], edges[1]), (edges[1], edges[2])]


def test_it_is_asked_as_a_browser_asks(service):
    service.body = told([MONDAY], same([1.1]), "1h")
    candles(service, H1)
    (request,) = service.requests
    assert (request.path, request.query["interval"]) == ("/v8/finance/chart/EURUSD=X", "1h")
    assert request.headers["user-agent"] == "Mozilla/5.0"


@pytest.mark.parametrize(("timeframe", "days"), [(M1, 30), (M5, 60), (Timeframe.M30, 60), (H1, 730)])
def test_candles_older_than_it_keeps_are_missing_with_the_limit_named(service, timeframe, days):
    service.body = told([MONDAY], same([1.1]), timeframe)
    now = MONDAY + days * DAY
    assert pages(service, timeframe, MONDAY, MONDAY + DAY, now)[0].frame["close"].to_list() == [1.1]
    n_requests = len(service.requests)
    with pytest.raises(
        MissingError, match=rf"yahoo keeps {timeframe} candles of the last {days} days, asked was 2024-03-03 23:59"
    ):
        pages(service, timeframe, MONDAY - MINUTE, MONDAY + DAY, now)
    assert len(service.requests) == n_requests


def test_a_weekend_is_not_asked_for(service):
    friday_close = datetime(2024, 3, 15, 21, tzinfo=UTC)
    (page,) = pages(service, M5, friday_close, friday_close + 2 * DAY)
    assert page.frame.is_empty()
    assert service.requests == []


def test_days_are_refused_with_the_reason(service):
    with pytest.raises(MissingError, match=r"not 1d \(its days begin at midnight in London, .* 17:00 New York\); sync 1h"):
        pages(service, Timeframe.D1, MONDAY, MONDAY + DAY)


def test_an_unknown_symbol_is_missing(service):
    service.body = Answer(b'{"chart":{"result":null,"error":{"code":"Not Found"}}}', status=404)
    with pytest.raises(MissingError, match=r"yahoo does not serve EURUSD \(/v8/finance/chart/EURUSD=X\)"):
        candles(service)


@pytest.mark.parametrize("status", [200, 400, 422])
def test_an_error_in_the_answer_is_told(service, status):
    error = {"code": "Unprocessable Entity", "description": "5m data not available for startTime=1"}
    service.body = Answer(json.dumps({"chart": {"result": None, "error": error}}).encode(), status=status)
    with pytest.raises(SourceAnswerError, match=r"^yahoo .*5m data not available"):
        candles(service)


@pytest.mark.parametrize(("symbol", "granularity"), [("GBPUSD=X", "5m"), ("EURUSD=X", "1h")])
def test_a_chart_of_another_symbol_or_timeframe_is_refused(service, symbol, granularity):
    service.body = told([MONDAY], same([1.1]), granularity).replace(b"EURUSD=X", symbol.encode())
    with pytest.raises(SourceAnswerError, match=rf"no candles at /v8/finance/chart/EURUSD=X \(ValueError: .*{symbol}"):
        candles(service)


@pytest.fixture
def recorded(shared_data: Path) -> Path:
    return shared_data / "fixtures" / "yahoo"


@pytest.mark.shared_data
def test_a_recorded_span_without_candles_is_none(service, recorded):
    name = "chart-AAPL-2025-02-01-to-2025-02-02-includePrePost-false-interval-1m.json"
    body = json.loads((recorded / name).read_text())["body"]
    service.body = json.dumps(body).replace("AAPL", "EURUSD=X").encode()
    start = datetime(2025, 2, 3, tzinfo=UTC)
    assert [len(page.frame) for page in pages(service, M1, start, start + DAY)] == [0]


@pytest.mark.shared_data
def test_recorded_days_of_london_are_not_taken_for_hours(service, recorded):
    body = json.loads((recorded / "chart-EURUSD=X-2020-01-01-to-2020-01-03.json").read_text())["body"]
    service.body = json.dumps(body).encode()
    start = datetime(2020, 1, 1, tzinfo=UTC)
    with pytest.raises(SourceAnswerError, match="no candles at /v8/finance/chart/EURUSD=X"):
        pages(service, H1, start, start + 2 * DAY)


@pytest.mark.shared_data
def test_a_recorded_answer_has_the_form_that_is_read(service, recorded):
    body = json.loads((recorded / "chart-EURUSD=X-2020-01-01-to-2020-01-03.json").read_text())["body"]
    body["chart"]["result"][0]["meta"]["dataGranularity"] = "1h"
    service.body = json.dumps(body).encode()
    start = datetime(2020, 1, 1, tzinfo=UTC)
    (page,) = pages(service, H1, start, start + 3 * DAY)
    assert page.frame["open_time"].to_list() == [start + number * DAY for number in range(3)]
    assert page.frame["low"].to_list() == [1.115946888923645, 1.1166820526123047, 1.112569808959961]
