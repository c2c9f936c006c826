"""What every remote source of candles promises, asked of each over HTTP; each source is one entry of SOURCES.

To add one: a file in tests/recordings with its `Recording`, and its name here.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from fxgpt_core.candles.schema import COLUMNS, SPREAD
from fxgpt_core.candles.source import CandleSource, Page, no_candles
from fxgpt_core.errors import BadInputError, MissingError, NotReadyError, SourceAnswerError
from fxgpt_core.market.timeframes import Timeframe
from tests.recorded_service import Answer, RecordedService, running
from tests.recordings.alpha_vantage import ALPHA_VANTAGE
from tests.recordings.binance import BINANCE
from tests.recordings.dukascopy import DUKASCOPY
from tests.recordings.dukascopy_json import DUKASCOPY_JSON
from tests.recordings.dukascopy_ticks import DUKASCOPY_TICKS
from tests.recordings.recording import SYMBOL, Recording, known_candles
from tests.recordings.tiingo import TIINGO
from tests.recordings.yahoo import YAHOO

SOURCES: dict[str, Recording] = {
    "tiingo": TIINGO,
    "dukascopy": DUKASCOPY,
    "dukascopy_json": DUKASCOPY_JSON,
    "dukascopy_ticks": DUKASCOPY_TICKS,
    "alpha_vantage": ALPHA_VANTAGE,
    "yahoo": YAHOO,
    "binance": BINANCE,
}
PAGED = pytest.mark.parametrize("recording", [name for name, one in SOURCES.items() if not one.one_page], indirect=True)

KEY = "key-of-a-person"
# New York's clock changes on the Sunday between.
START = datetime(2024, 3, 4, 13, tzinfo=UTC)


@pytest.fixture(params=SOURCES)
def recording(request: pytest.FixtureRequest) -> Recording:
    return SOURCES[request.param]


@pytest.fixture
def service(recording: Recording) -> Iterator[RecordedService]:
    margin = recording.surplus + timedelta(days=7)
    held = known_candles(recording.timeframe, START - margin, START + recording.several_pages + margin)
    with running(RecordedService(recording.answering(held))) as started:
        yield started


@pytest.fixture
def source(recording: Recording, service: RecordedService) -> CandleSource:
    return recording.source(service.url, KEY)


def asked_for(source: CandleSource, recording: Recording, stop: datetime, start: datetime = START) -> list[Page]:
    return list(source.pages(SYMBOL, recording.timeframe, start, stop))


def joined(pages: list[Page]) -> pl.DataFrame:
    """The candles of all pages, without the spread that a source may tell."""
    return pl.concat([page.frame.select(COLUMNS) for page in pages])


def expected(recording: Recording, stop: datetime) -> pl.DataFrame:
    known = known_candles(recording.timeframe, START, stop)
    return known if recording.has_volume else known.with_columns(volume=pl.lit(0.0))


def test_pages_cover_the_span_one_after_the_other(source: CandleSource, recording: Recording) -> None:
    stop = START + recording.several_pages
    pages = asked_for(source, recording, stop)
    assert (len(pages) > 1) != recording.one_page
    assert (pages[0].start, pages[-1].stop) == (START, stop)
    assert [page.stop for page in pages[:-1]] == [page.start for page in pages[1:]]
    assert all(page.start < page.stop for page in pages)


def test_every_candle_of_the_span_is_in_the_page_it_opens_in(source: CandleSource, recording: Recording) -> None:
    stop = START + recording.several_pages
    pages = asked_for(source, recording, stop)
    for page in pages:
        assert page.frame.columns[: len(COLUMNS)] == list(COLUMNS)
        assert set(page.frame.columns) <= {*COLUMNS, SPREAD}
        assert page.frame["open_time"].is_between(page.start, page.stop, closed="left").all()
    assert joined(pages).equals(expected(recording, stop))


@PAGED
def test_a_page_is_asked_for_when_the_one_before_was_taken(
    source: CandleSource, recording: Recording, service: RecordedService
) -> None:
    pages = source.pages(SYMBOL, recording.timeframe, START, START + recording.several_pages)
    assert service.requests == []
    first = next(pages)
    after_one = len(service.requests)
    assert all(recording.asked(request)[0] < first.stop for request in service.requests)
    assert len(list(pages)) > 0
    assert len(service.requests) > after_one


@PAGED
def test_what_was_taken_stays_when_the_next_page_fails(
    source: CandleSource, recording: Recording, service: RecordedService
) -> None:
    pages = source.pages(SYMBOL, recording.timeframe, START, START + recording.several_pages)
    first = next(pages)
    service.faults = [Answer(status=503)] * 50
    with pytest.raises(NotReadyError, match=r"did not answer after .* is kept"):
        next(pages)
    assert not first.frame.is_empty()


def test_a_candle_still_open_at_the_end_is_not_given(source: CandleSource, recording: Recording) -> None:
    length = recording.timeframe.duration
    closed, open_yet = known_candles(recording.timeframe, START, START + timedelta(days=1))["open_time"].tail(2).to_list()
    pages = asked_for(source, recording, open_yet + length / 2)
    assert pages[-1].stop == open_yet + length / 2
    assert pl.concat([page.frame for page in pages])["open_time"][-1] == closed


def test_a_span_without_candles_is_pages_without_rows(source: CandleSource, recording: Recording) -> None:
    saturday = datetime(2024, 3, 9, tzinfo=UTC)
    pages = asked_for(source, recording, saturday + timedelta(days=1), saturday)
    assert (pages[0].start, pages[-1].stop) == (saturday, saturday + timedelta(days=1))
    assert all(page.frame.equals(no_candles()) and page.frame.schema == no_candles().schema for page in pages)


def test_it_asks_for_the_span_and_little_more(source: CandleSource, recording: Recording, service: RecordedService) -> None:
    stop = START + timedelta(days=1)
    asked_for(source, recording, stop)
    spans = [recording.asked(request) for request in service.requests]
    assert spans
    assert min(first for first, _ in spans) >= START - recording.surplus
    assert max(last for _, last in spans) <= stop + recording.surplus


def test_faults_of_the_service_are_survived(source: CandleSource, recording: Recording, service: RecordedService) -> None:
    stop = START + timedelta(days=1)
    busy = Answer(status=429, headers={"Retry-After": "1"})
    service.faults = [busy, Answer(status=503), Answer(drop=True), Answer(b"half of it", drop=True, keep=4)]
    pages = asked_for(source, recording, stop)
    assert service.faults == []
    assert joined(pages).equals(expected(recording, stop))


def test_a_symbol_or_timeframe_it_does_not_serve_is_missing(source: CandleSource, recording: Recording) -> None:
    with pytest.raises(MissingError, match=rf"{source.name} .*{recording.unserved}"):
        list(source.pages(recording.unserved, recording.timeframe, START, START + timedelta(days=1)))
    for other in set(Timeframe) - set(source.timeframes):
        with pytest.raises(MissingError, match=rf"{source.name} serves .* not {other}"):
            list(source.pages(SYMBOL, other, START, START + timedelta(days=1)))


def test_an_answer_that_is_no_candles_is_refused(source: CandleSource, recording: Recording, service: RecordedService) -> None:
    assert recording.broken
    for body in recording.broken:
        service.faults = [Answer(body)]
        with pytest.raises(SourceAnswerError, match=rf"^{source.name} "):
            asked_for(source, recording, START + timedelta(days=1))


@pytest.mark.parametrize("name", [name for name, recording in SOURCES.items() if recording.refusal])
def test_a_refused_key_is_told_without_the_key(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    recording = SOURCES[name]
    with running(RecordedService(lambda _: recording.refusal)) as service:
        source = recording.source(service.url, KEY)
        with pytest.raises(BadInputError, match=f"{source.name} refused the key") as refused:
            asked_for(source, recording, START + timedelta(days=1))
        sent = service.requests[0]
    # Without this the test could not fail: the key did travel.
    assert any(KEY in text for text in (*sent.query.values(), *sent.headers.values()))
    assert not any(KEY in text for text in (str(refused.value), repr(refused.value), repr(source), caplog.text))


def test_its_name_and_timeframes_are_what_a_command_line_takes(source: CandleSource) -> None:
    assert source.name.isidentifier()
    assert source.name == source.name.lower()
    assert list(source.timeframes) == sorted(set(source.timeframes), key=lambda one: one.us)
