"""What every remote source of context promises, asked of each over HTTP; each source is one entry of SOURCES.

To add one: a file in tests/recordings with its `ContextRecording`, and its name here.
"""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from fxgpt_core.context.kinds import KINDS
from fxgpt_core.context.source import ContextSource, no_closes
from fxgpt_core.errors import BadInputError, MissingError, NotReadyError, SourceAnswerError
from tests.recorded_service import Answer, RecordedService, running
from tests.recordings.alpaca import ALPACA
from tests.recordings.recording_of_context import ContextRecording, known_closes
from tests.recordings.yahoo_index import YAHOO_INDEX

SOURCES: dict[str, ContextRecording] = {"alpaca": ALPACA, "yahoo": YAHOO_INDEX}

KEY = "key-of-a-person"
# New York's clock changes on the Sunday between.
FIRST, LAST = date(2024, 2, 20), date(2024, 3, 22)
HELD = known_closes(FIRST - timedelta(days=60), LAST + timedelta(days=60))
EXPECTED = {day: close for day, close in HELD.items() if FIRST <= day <= LAST}


@pytest.fixture(params=SOURCES)
def recording(request: pytest.FixtureRequest) -> ContextRecording:
    return SOURCES[request.param]


@pytest.fixture
def service(recording: ContextRecording) -> Iterator[RecordedService]:
    with running(RecordedService(recording.answering(HELD))) as started:
        yield started


@pytest.fixture
def source(recording: ContextRecording, service: RecordedService) -> ContextSource:
    return recording.source(service.url, KEY)


def found(source: ContextSource, recording: ContextRecording, first: date = FIRST, last: date = LAST) -> dict[date, float]:
    frame = source.closes(recording.kind, first, last)
    assert frame.schema == no_closes().schema
    assert frame["refers_to"].is_sorted()
    return dict(frame.rows())


def test_every_close_of_the_span_is_given_on_its_trade_date(source: ContextSource, recording: ContextRecording) -> None:
    assert len(EXPECTED) == 24
    assert found(source, recording) == EXPECTED


def test_both_ends_are_included(source: ContextSource, recording: ContextRecording) -> None:
    monday, tuesday = date(2024, 3, 11), date(2024, 3, 12)
    assert found(source, recording, monday, tuesday) == {day: HELD[day] for day in (monday, tuesday)}


def test_a_span_without_closes_is_a_frame_without_rows(source: ContextSource, recording: ContextRecording) -> None:
    assert found(source, recording, date(2024, 3, 9), date(2024, 3, 10)) == {}


def test_it_asks_for_the_span_alone(source: ContextSource, recording: ContextRecording, service: RecordedService) -> None:
    found(source, recording)
    assert {recording.asked(request) for request in service.requests} == {(FIRST, LAST)}


def test_faults_of_the_service_are_survived(source: ContextSource, recording: ContextRecording, service: RecordedService) -> None:
    busy = Answer(status=429, headers={"Retry-After": "1"})
    service.faults = [busy, Answer(status=503), Answer(drop=True), Answer(b"half of it", drop=True, keep=4)]
    assert found(source, recording) == EXPECTED
    assert service.faults == []


def test_a_service_that_stays_away_is_told(source: ContextSource, recording: ContextRecording, service: RecordedService) -> None:
    service.faults = [Answer(status=500)] * 50
    with pytest.raises(NotReadyError, match=rf"^{source.name} did not answer"):
        found(source, recording)


def test_a_kind_it_does_not_serve_is_missing(
    source: ContextSource, recording: ContextRecording, service: RecordedService
) -> None:
    assert set(source.kinds) < set(KINDS)
    for kind in {recording.unserved, *KINDS} - set(source.kinds):
        with pytest.raises(MissingError, match=rf"^{source.name} serves .*, not {kind}; "):
            source.closes(kind, FIRST, LAST)
    assert service.requests == []


def test_an_answer_that_is_no_closes_is_refused(
    source: ContextSource, recording: ContextRecording, service: RecordedService
) -> None:
    assert recording.broken
    for body in recording.broken:
        service.faults = [Answer(body)]
        with pytest.raises(SourceAnswerError, match=rf"^{source.name} "):
            found(source, recording)


def test_an_error_with_its_status_is_told(source: ContextSource, recording: ContextRecording, service: RecordedService) -> None:
    service.faults = [Answer(b'{"message": "invalid start"}', status=400)]
    with pytest.raises(SourceAnswerError, match=rf"^{source.name} refused the request with status 400: .*invalid start"):
        found(source, recording)


@pytest.mark.parametrize("name", [name for name, one in SOURCES.items() if one.refusals])
def test_a_refused_key_is_told_without_the_key(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    recording = SOURCES[name]
    for refusal in recording.refusals:
        told = Answer(refusal.body + f" id-{KEY} secret-{KEY}".encode(), refusal.status)
        with running(RecordedService(lambda _, told=told: told)) as service:
            source = recording.source(service.url, KEY)
            with pytest.raises(BadInputError, match=f"{source.name} refused the key") as refused:
                found(source, recording)
            sent = service.requests[0]
        # Without this the test could not fail: the key did travel.
        assert any(KEY in text for text in sent.headers.values())
        assert not any(KEY in text for text in sent.query.values())
        assert not any(KEY in text for text in (str(refused.value), repr(refused.value), repr(source), caplog.text))


def test_its_name_is_what_a_command_line_takes(source: ContextSource) -> None:
    assert source.name.isidentifier()
    assert source.name == source.name.lower()
    assert source.kinds
