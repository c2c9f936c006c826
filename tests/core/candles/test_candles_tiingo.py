"""Tiingo's cap on an answer is never reached in silence, and its recorded candles are downloaded as they are."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from fxgpt_core.candles.providers.tiingo import FREQUENCIES, TiingoSource
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.candles.sync import SyncParameters, sync
from fxgpt_core.errors import SourceAnswerError
from fxgpt_core.market.timeframes import Timeframe
from tests.recorded_service import RecordedService, running
from tests.recordings.tiingo import answering, asked

START = datetime(2024, 3, 4, 13, tzinfo=UTC)
CAP = 10_000


def row(minute: int) -> dict[str, object]:
    stamp = START + timedelta(minutes=minute)
    return {"date": f"{stamp:%Y-%m-%dT%H:%M:%S}.000Z", "ticker": "eurusd", "open": 1.1, "high": 1.1, "low": 1.1, "close": 1.1}


def test_an_answer_that_may_be_cut_off_is_refused():
    rows = [row(minute) for minute in range(CAP)]
    with running(RecordedService(lambda _: json.dumps(rows).encode())) as service:
        pages = TiingoSource("key", service.url).pages("EURUSD", Timeframe.M1, START, START + timedelta(days=3))
        with pytest.raises(SourceAnswerError, match=r"answered 10000 1m candles .* may be cut off, so none is kept"):
            next(pages)
        rows.pop()
        held = next(TiingoSource("key", service.url).pages("EURUSD", Timeframe.M1, START, START + timedelta(days=3)))
        assert len(held.frame) == 3 * 1440


@pytest.mark.parametrize("timeframe", FREQUENCIES)
def test_a_request_of_open_days_alone_stays_below_the_cap(timeframe):
    with running(RecordedService(lambda _: b"[]")) as service:
        list(TiingoSource("key", service.url).pages("EURUSD", timeframe, START, START + timedelta(days=900)))
        spans = [asked(request) for request in service.requests]
    assert len(spans) > 2
    assert max((last - first) / timeframe.duration for first, last in spans) < CAP


def test_the_key_travels_in_a_header_and_not_in_the_address():
    with running(RecordedService(lambda _: b"[]")) as service:
        list(TiingoSource("secret", service.url).pages("EURUSD", Timeframe.H1, START, START + timedelta(days=1)))
        (request,) = service.requests
    assert request.headers["authorization"] == "Token secret"
    assert request.query == {"resampleFreq": "1hour", "startDate": "2024-03-04", "endDate": "2024-03-06"}


@pytest.mark.shared_data
def test_recorded_candles_are_downloaded_as_they_are(shared_data, tmp_path):
    recorded = pl.read_csv(shared_data / "fixtures" / "tiingo" / "EURUSD_fx_5min_2022.csv", columns=[1, 3, 4, 5, 6])
    stamps = recorded["date"].str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC")
    candles = recorded.with_columns(stamps.alias("open_time"))
    first, last = candles["open_time"][0], candles["open_time"][-1]
    with running(RecordedService(answering(candles))) as service:
        source, store = TiingoSource("key", service.url, sleep=lambda _: None), CandleStore(tmp_path)
        half, now = first + (last - first) / 2, last + timedelta(hours=1)
        begun = sync(source, store, SyncParameters("EURUSD", Timeframe.M5, half, since=first))
        ended = sync(source, store, SyncParameters("EURUSD", Timeframe.M5, now))
    stored = store.read(ended.stored)
    assert (begun.added + ended.added, ended.revised.count) == (len(recorded), 0)
    names = ["open_time", "open", "high", "low", "close"]
    assert stored.select(names).equals(candles.select(names))
