"""Alpha Vantage: its order, its time zone, what its sentences mean, how far it reaches, and its recorded answers."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fxgpt_core.candles.providers.alpha_vantage import AlphaVantageSource
from fxgpt_core.candles.schema import check_candles
from fxgpt_core.errors import BadInputError, MissingError, NotReadyError, SourceAnswerError
from fxgpt_core.market.timeframes import Timeframe
from tests.recorded_service import RecordedService, running

KEY = "key-of-a-person"
M5, H1 = Timeframe.M5, Timeframe.H1
DAY = timedelta(days=1)
FRIDAY = datetime(2018, 9, 14, tzinfo=UTC)


def row(open_: str, high: str, low: str, close: str) -> dict[str, str]:
    return {"1. open": open_, "2. high": high, "3. low": low, "4. close": close}


def told(zone: str, rows: dict[str, dict[str, str]], interval: str = "5min") -> bytes:
    return json.dumps({"Meta Data": {"7. Time Zone": zone}, f"Time Series FX ({interval})": rows}).encode()


@pytest.fixture
def service():
    """Answers `body` to whatever is asked."""
    with running(RecordedService(lambda _: started.body)) as started:
        yield started


def source(service, now=FRIDAY + DAY):
    return AlphaVantageSource(KEY, service.url, sleep=lambda _: None, now=lambda: now)


def candles(service, timeframe=M5, start=FRIDAY, stop=FRIDAY + DAY):
    (page,) = source(service).pages("EURUSD", timeframe, start, stop)
    assert (page.start, page.stop) == (start, stop)
    return page.frame


NEW_YORK_ROWS = {
    "2018-09-14 16:55:00": row("1.16210", "1.16230", "1.16190", "1.16225"),
    "2018-09-14 16:50:00": row("1.16230", "1.16235", "1.16180", "1.16220"),
    "2018-09-13 19:55:00": row("1.1", "1.1", "1.1", "1.1"),
}


def test_newest_first_in_new_york_is_ascending_in_utc_without_what_lies_outside(service):
    service.body = told("US/Eastern", NEW_YORK_ROWS)
    assert candles(service).rows() == [
        (datetime(2018, 9, 14, 20, 50, tzinfo=UTC), 1.16230, 1.16235, 1.16180, 1.16220, 0.0),
        (datetime(2018, 9, 14, 20, 55, tzinfo=UTC), 1.16210, 1.16230, 1.16190, 1.16225, 0.0),
    ]
    service.body = told("UTC", NEW_YORK_ROWS)
    assert candles(service)["open_time"].dt.hour().to_list() == [16, 16]


def test_an_hour_is_asked_for_as_sixty_minutes_of_the_two_currencies(service):
    service.body = told("UTC", {"2018-09-13 23:00:00": row("1", "1", "1", "1")}, "60min")
    assert candles(service, H1).is_empty()
    (request,) = service.requests
    assert request.query == {
        "function": "FX_INTRADAY", "from_symbol": "EUR", "to_symbol": "USD", "interval": "60min", "outputsize": "full",
        "apikey": KEY,
    }  # fmt: skip


def test_the_candle_that_is_still_open_now_is_not_given(service):
    service.body = told("US/Eastern", NEW_YORK_ROWS)
    last_closes = datetime(2018, 9, 14, 21, tzinfo=UTC)
    for now, n_candles in ((last_closes - timedelta(seconds=1), 1), (last_closes, 2)):
        (page,) = source(service, now).pages("EURUSD", M5, FRIDAY, FRIDAY + DAY)
        assert len(page.frame) == n_candles


@pytest.mark.parametrize(
    ("kind", "sentence", "error", "told_as"),
    [
        (
            "Note",
            "Our standard API call frequency is 5 calls per minute.",
            NotReadyError,
            "more often than the key's plan allows",
        ),
        (
            "Information",
            f"We have detected your API key as {KEY} and our standard API rate limit is 25 requests per day. Please subscribe to "
            "any of the premium plans to instantly remove all daily rate limits.",
            NotReadyError,
            r"more often .* API key as \*\*\* and",
        ),
        (
            "Information",
            "Please consider spreading out your free API requests more sparingly (1 request per second).",
            NotReadyError,
            "again in a minute, or tomorrow",
        ),
        ("Information", "The **demo** API key is for demo purposes only.", BadInputError, "alpha_vantage refused the key"),
        ("Information", "This is a premium endpoint.", BadInputError, "of a plan that has FX_INTRADAY"),
        ("Error Message", "the parameter apikey is invalid or missing.", BadInputError, "alpha_vantage refused the key"),
        ("Error Message", "Invalid API call.", SourceAnswerError, "no candles at /query .*Invalid API call"),
        ("Information", "Something new.", SourceAnswerError, "no candles at /query .*Something new"),
    ],
)
def test_a_sentence_in_place_of_candles_is_told_as_what_it_means(service, kind, sentence, error, told_as):
    service.body = json.dumps({kind: sentence}).encode()
    with pytest.raises(error, match=told_as) as raised:
        candles(service)
    assert type(raised.value) is error
    assert KEY not in str(raised.value)


def test_a_start_before_its_first_candle_is_missing_unless_the_market_was_closed(service):
    service.body = told("UTC", {"2018-09-16 21:05:00": row("1", "1", "1", "1"), "2018-09-16 21:00:00": row("1", "1", "1", "1")})
    sunday = datetime(2018, 9, 16, 22, tzinfo=UTC)
    saturday = FRIDAY + DAY
    (page,) = AlphaVantageSource(KEY, service.url).pages("EURUSD", M5, saturday, sunday)
    assert len(page.frame) == 2
    with pytest.raises(MissingError, match=r"has 5m candles of EURUSD from 2018-09-16 21:00 UTC on, asked was 2018-09-14 20:55"):
        list(AlphaVantageSource(KEY, service.url).pages("EURUSD", M5, saturday - timedelta(hours=3, minutes=5), sunday))


def test_days_are_refused_with_the_reason_and_nothing_is_asked(service):
    with pytest.raises(MissingError, match=r"not 1d \(its days begin at UTC midnight, .* 17:00 New York\); sync 1h"):
        list(source(service).pages("EURUSD", Timeframe.D1, FRIDAY, FRIDAY + DAY))
    assert service.requests == []


@pytest.fixture
def recorded(shared_data: Path) -> Path:
    return shared_data / "fixtures" / "alphavantage"


@pytest.mark.shared_data
def test_a_recorded_answer_is_sound_candles(service, recorded):
    service.body = (recorded / "fx_intraday_eurusd_5min_excerpt.json").read_bytes()
    first = datetime(2018, 9, 14, 20, 40, tzinfo=UTC)
    frame = check_candles(candles(service, start=first), M5)
    assert frame["open_time"].to_list() == [first + number * timedelta(minutes=5) for number in range(5)]
    assert frame["open"].to_list() == [1.1623, 1.1624, 1.1623, 1.1621, 1.1622]
    assert frame["close"].to_list() == [1.1623, 1.1623, 1.1622, 1.1623, 1.1625]


@pytest.mark.shared_data
def test_recorded_refusals_are_what_they_mean(service, recorded):
    bodies = json.loads((recorded / "error_bodies_http200.json").read_text())
    raised = []
    for body in bodies:
        service.body = json.dumps(body).encode()
        with pytest.raises((NotReadyError, BadInputError), match=r"^alpha_vantage ") as error:
            candles(service)
        raised.append(type(error.value))
    assert raised == [NotReadyError, BadInputError, SourceAnswerError]
