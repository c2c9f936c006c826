"""Alpaca: what it is asked and with which keys, its pages, its stamps, and its recorded answers."""

import json
from datetime import date

import pytest

from fxgpt_core.context.alpaca import AlpacaSource
from fxgpt_core.errors import BadInputError, SourceAnswerError
from tests.recorded_service import Answer, RecordedService, running
from tests.recordings.alpaca import PAGE, answering, bar
from tests.recordings.recording_of_context import known_closes

MONDAY, FRIDAY = date(2024, 3, 4), date(2024, 3, 8)


@pytest.fixture
def service():
    """Answers the `bodies` one after the other."""
    with running(RecordedService(lambda _: started.bodies.pop(0))) as started:
        yield started


def told(bars, following=None) -> bytes:
    return json.dumps({"bars": bars, "next_page_token": following}).encode()


def closes(service, first=MONDAY, last=FRIDAY, kind="spy"):
    return dict(AlpacaSource("id", "secret", service.url, sleep=lambda _: None).closes(kind, first, last).rows())


def test_it_is_asked_for_days_of_all_exchanges_with_splits_and_without_dividends(service):
    service.bodies = [told({"QQQ": [bar(MONDAY, 445.5)]})]
    assert closes(service, kind="qqq") == {MONDAY: 445.5}
    (request,) = service.requests
    assert request.path == "/v2/stocks/bars"
    # The end is past Friday's close and more than a quarter of an hour before it counts as settled.
    assert request.query == {
        "symbols": "QQQ", "timeframe": "1Day", "adjustment": "split", "feed": "sip", "sort": "asc", "limit": "10000",
        "start": "2024-03-04T00:00:00-05:00", "end": "2024-03-08T16:15:00-05:00",
    }  # fmt: skip
    assert (request.headers["apca-api-key-id"], request.headers["apca-api-secret-key"]) == ("id", "secret")


def test_it_is_asked_for_the_next_page_until_there_is_none():
    held = known_closes(date(2024, 1, 1), FRIDAY)
    with running(RecordedService(answering(held))) as service:
        assert closes(service, date(2024, 1, 1)) == held
        asked = [request.query.pop("page_token", None) for request in service.requests]
        assert len(asked) == -(-len(held) // PAGE) == 8
        assert (asked[0], len(set(asked))) == (None, 8)
        assert all(request.query == service.requests[0].query for request in service.requests)


def test_a_page_that_names_itself_as_the_next_ends(service):
    service.bodies = [told({"SPY": [bar(MONDAY, 512.3)]}, "A"), told({"SPY": [bar(MONDAY, 512.3)]}, "A")]
    with pytest.raises(SourceAnswerError, match=r"^alpaca names the same next page of SPY twice; nothing was kept"):
        closes(service)


def test_a_failure_on_a_later_page_keeps_nothing_of_the_first(service):
    service.bodies = [told({"SPY": [bar(MONDAY, 512.3)]}, "A"), told(None)]
    with pytest.raises(SourceAnswerError, match=r"^alpaca answered no closes of SPY \(TypeError"):
        closes(service)


def test_a_day_is_midnight_in_new_york_in_summer_and_winter(service):
    service.bodies = [told({"SPY": [
        {"t": "2024-03-08T05:00:00Z", "c": 512.0}, {"t": "2024-03-11T04:00:00Z", "c": 511.0},
    ]})]  # fmt: skip
    assert closes(service, MONDAY, date(2024, 3, 12)) == {FRIDAY: 512.0, date(2024, 3, 11): 511.0}
    service.bodies = [told({"SPY": [{"t": "2024-03-11T05:00:00Z", "c": 511.0}]})]
    with pytest.raises(SourceAnswerError, match="ValueError"):
        closes(service, MONDAY, date(2024, 3, 12))


def test_what_lies_outside_the_span_is_left_out(service):
    service.bodies = [told({"SPY": [bar(MONDAY, 512.3), bar(FRIDAY, 513.0)]})]
    assert closes(service, last=MONDAY) == {MONDAY: 512.3}


def test_a_plan_without_the_feed_is_told_in_its_words(service):
    service.faults = [Answer(b'{"message":"subscription does not permit querying recent SIP data"}', status=403)]
    with pytest.raises(BadInputError, match=r"status 403: .*subscription does not permit"):
        closes(service)


@pytest.fixture
def recorded(shared_data):
    def read(name: str, code: str) -> bytes:
        text = (shared_data / "fixtures" / "alpaca" / name).read_text()
        return text.replace(code, "SPY").encode()

    return read


@pytest.mark.shared_data
def test_recorded_answers_have_the_form_that_is_read(service, recorded):
    last_page = json.loads(recorded("test_get_bars.json", "AAPL")) | {"next_page_token": None}
    service.bodies = [recorded("test_get_bars_desc.json", "TSLA"), json.dumps(last_page).encode()]
    assert closes(service, date(2022, 1, 1), date(2023, 12, 31)) == {
        date(2022, 2, 1): 174.61, date(2022, 2, 2): 175.84,
        date(2023, 9, 25): 246.99, date(2023, 9, 26): 244.12, date(2023, 9, 27): 240.5,
    }  # fmt: skip
    assert service.requests[1].query["page_token"] == "VFNMQXxEfDc1Mjc3NTc2MzYwMDAwMDAwMDA="  # noqa: S105
    service.bodies = [recorded("test_get_bars_multi_empty_response.json", "AAPL")]
    assert closes(service) == {}


@pytest.mark.shared_data
def test_a_recorded_answer_of_other_symbols_or_things_is_refused(service, recorded):
    for name in ("test_multisymbol_get_bars.json", "test_get_quotes.json", "crypto_test_get_crypto_bars.json"):
        service.bodies = [recorded(name, "AAPL")]
        with pytest.raises(SourceAnswerError, match=r"^alpaca answered no closes of SPY"):
            closes(service, date(2022, 1, 1), date(2023, 12, 31))
