"""A client of a web service: it waits when asked to, tries again, gives up in words, and never shows a key."""

from datetime import UTC, datetime

import pytest

from fxgpt_core.candles.web import Politeness, WebClient
from fxgpt_core.errors import BadInputError, NotReadyError, SourceAnswerError
from tests.recorded_service import Answer, RecordedService, running

KEY = "key-of-a-person"


@pytest.fixture
def service():
    with running(RecordedService(lambda request: b"data" if request.path == "/there" else None)) as started:
        yield started


@pytest.fixture
def waits():
    return []


@pytest.fixture
def client(service, waits):
    now = datetime(2024, 5, 1, 12, tzinfo=UTC)
    client = WebClient("example", service.url, secrets=(KEY,), sleep=waits.append, clock=lambda: sum(waits), now=lambda: now)
    with client:
        yield client


def test_an_answer_is_its_bytes_and_a_page_that_is_not_there_is_none(client):
    assert client.get("/there") == b"data"
    assert client.get("/nowhere") is None


@pytest.mark.parametrize(
    "fault",
    [
        Answer(status=500),
        Answer(status=503),
        Answer(status=429),
        Answer(status=418),
        Answer(status=202),
        Answer(drop=True),
        Answer(b"data", drop=True, keep=2),
    ],
)
def test_a_fault_is_tried_again(client, service, waits, fault):
    service.faults = [fault, fault]
    assert client.get("/there") == b"data"
    assert waits == [1.0, 2.0]
    assert len(service.requests) == 3


@pytest.mark.parametrize("after", ["7", "Wed, 01 May 2024 12:00:07 GMT"])
def test_it_waits_as_long_as_the_service_asks(client, service, waits, after):
    service.faults = [Answer(status=429, headers={"Retry-After": after})]
    assert client.get("/there") == b"data"
    assert waits == [7.0]


def test_a_wait_too_long_is_told_and_not_waited(client, service, waits):
    service.faults = [Answer(status=429, headers={"Retry-After": "3600"})]
    with pytest.raises(NotReadyError, match=r"asks to wait 3600 s .* is kept; run the same command again then"):
        client.get("/there")
    assert waits == []


def test_it_gives_up_after_its_attempts(client, service):
    service.faults = [Answer(status=503)] * 9
    with pytest.raises(NotReadyError, match=r"did not answer after 5 attempts \(status 503\)"):
        client.get("/there")
    assert len(service.requests) == 5


@pytest.mark.parametrize(("status", "kind"), [(401, BadInputError), (403, BadInputError), (400, SourceAnswerError)])
def test_a_refusal_is_told_without_the_key(client, service, status, kind):
    service.faults = [Answer(f"no such key: {KEY}".encode(), status=status)]
    with pytest.raises(kind, match=rf"status {status}: no such key: \*\*\*"):
        client.get("/there", {"apikey": KEY})
    assert service.requests[0].query == {"apikey": KEY}


def test_a_service_without_a_key_cannot_refuse_one(service):
    service.faults = [Answer(b"blocked", status=403)]
    with WebClient("example", service.url) as client, pytest.raises(SourceAnswerError, match=r"with status 403: blocked"):
        client.get("/there")


def test_a_key_at_the_end_of_what_is_told_is_not_shown_in_part(client):
    assert client.told(b"x" * 190 + b" " + KEY.encode()) == "x" * 190 + " ***"


def test_nothing_shows_the_key(client, service, caplog):
    caplog.set_level(0)
    assert client.get("/there", {"apikey": KEY}) == b"data"
    assert KEY not in caplog.text
    assert KEY not in repr(client)


def test_requests_keep_their_pause(service, waits):
    with WebClient(
        "example", service.url, politeness=Politeness(pause_s=2.0), sleep=waits.append, clock=lambda: sum(waits)
    ) as one:
        for _ in range(3):
            one.get("/there")
    assert waits == [2.0, 2.0]
