"""A partition downloads what it lacks before it is read: once in whole, then the tail alone; changes of history are listed."""

import fcntl
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread

import polars as pl
import pytest
from tiny_line import SetUp, resources

from fxgpt_core.candles.providers import remote
from fxgpt_core.candles.providers.tiingo import TiingoSource
from fxgpt_core.candles.sync import OVERLAP
from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_pipelines.resources import LakeResource
from fxgpt_pipelines.running import Runner
from fxgpt_pipelines.syncing import TURN, Download, synced
from tests.recorded_service import Answer, RecordedService, running
from tests.recordings.recording import known_candles
from tests.recordings.tiingo import answering

KEY = "key-of-a-person"
# The asset's clock is the machine's. The service's last candles are of yesterday, so that no hour ends between two runs.
NOW = datetime.now(UTC)
SINCE = (NOW - timedelta(days=12)).replace(hour=0, minute=0, second=0, microsecond=0)
CANDLES = known_candles(Timeframe.H1, SINCE, NOW - timedelta(days=1))
SYNC = {"sync_from": "tiingo", "since": f"{SINCE:%Y-%m-%d}"}


def hourly(candles: pl.DataFrame):
    """A service that has 1h candles alone."""
    known = answering(candles)

    def answer(request):
        as_recorded = replace(request, query=request.query | {"resampleFreq": "5min"})
        return known(as_recorded) if request.query["resampleFreq"] == "1hour" else None

    return answer


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setenv("FXGPT_TIINGO_KEY", KEY)
    with running(RecordedService(hourly(CANDLES))) as started:
        made = remote.RemoteSource(lambda key: TiingoSource(key, started.url, sleep=lambda _: None), takes_key=True)
        monkeypatch.setitem(remote.SOURCES, "tiingo", made)
        yield started


def line_of(at: SetUp, timeframe: str, config: dict | None = None) -> list:
    runner = Runner(at.instance, "EURUSD", timeframe, at.lines.append, resources(at.settings.data_root))
    return [runner.materialize("raw_candles", config or SYNC), runner.materialize("candles")]


def test_the_first_run_downloads_all_and_the_second_asks_for_the_tail_and_makes_nothing(fresh, service):
    raw, candles = line_of(fresh, "1h")
    stored = fresh.lake.latest("candles", "EURUSD", "1h").frame()
    # Not the imported candles, which an automatic choice would take.
    assert stored["open_time"].to_list() == CANDLES["open_time"].to_list()
    assert stored["close"].to_list() == CANDLES["close"].to_list()
    assert fresh.lake.latest("raw_candles", "EURUSD", "1h").settings["provider"] == "tiingo"
    assert (raw.metadata["added"], raw.metadata["revised"], raw.metadata["withdrawn"]) == (len(CANDLES), 0, 0)
    assert raw.metadata["asked"].startswith(f"{SINCE:%Y-%m-%d} 00:00 to ")
    assert any(line.startswith("tiingo EURUSD 1h: 100% of 1") for line in fresh.lines)
    raw, candles = line_of(fresh, "1h")
    assert raw.metadata["asked"].startswith(f"{stored['open_time'][-OVERLAP]:%Y-%m-%d %H:%M} to ")
    assert (raw.metadata["added"], raw.reused, candles.reused) == (0, True, True)
    assert KEY not in "".join(fresh.lines)


def test_a_timeframe_that_is_not_served_is_made_of_the_longest_shorter_one(fresh, service):
    line_of(fresh, "4h")
    raw = fresh.lake.latest("raw_candles", "EURUSD", "4h")
    assert (raw.settings["provider"], raw.settings["source_timeframe"]) == ("tiingo", "1h")
    assert {request.query["resampleFreq"] for request in service.requests} == {"1hour"}
    assert fresh.lake.latest("candles", "EURUSD", "4h").rows > 20


def test_a_changed_history_lists_what_was_made_of_the_one_before_in_every_timeframe(fresh, service):
    for timeframe in ("1h", "4h"):
        line_of(fresh, timeframe)
    stamp = CANDLES["open_time"][-2]
    new_close = pl.when(pl.col("open_time") == stamp).then(1.1002).otherwise("close")
    service.answer = hourly(CANDLES.with_columns(close=new_close))
    raw, candles = line_of(fresh, "1h")
    records, _ = raw.metadata["affected"]
    affected = {(record.data["asset"], record.data["timeframe"]) for record in records}
    assert affected == {(asset, timeframe) for asset in ("raw_candles", "candles") for timeframe in ("1h", "4h")}
    assert (raw.metadata["revised"], raw.reused, candles.reused) == (1, False, False)
    assert fresh.lake.latest("candles", "EURUSD", "1h").frame().filter(open_time=stamp)["close"].item() == 1.1002
    assert [one.reused for one in line_of(fresh, "4h")] == [False, False]


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        ({"sync_from": "nobody", "since": "2024-01-01"}, BadInputError, "no provider 'nobody' to download from; known: "),
        ({"sync_from": "tiingo", "since": "soon"}, BadInputError, "since 'soon' is no moment"),
        ({"sync_from": "tiingo"}, BadInputError, "since when they are wanted must be said the first time"),
        ({"sync_from": "tiingo", "provider": "yahoo"}, BadInputError, "sync_from is 'tiingo' and provider 'yahoo'"),
        ({"since": "2024-01-01"}, BadInputError, "since is '2024-01-01' without sync_from"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_made(fresh, service, config, error, words):
    with pytest.raises(error, match=words):
        line_of(fresh, "1h", config)
    with pytest.raises(MissingError, match="no raw_candles"):
        fresh.lake.latest("raw_candles", "EURUSD", "1h")


def test_a_failed_download_makes_nothing_and_the_next_run_goes_on(fresh, service):
    service.faults = [Answer(status=401)]
    with pytest.raises(BadInputError, match="tiingo"):
        line_of(fresh, "1h")
    assert [one.reused for one in line_of(fresh, "1h")] == [False, False]


def test_a_second_download_from_a_source_waits_for_its_turn(fresh, service):
    root = fresh.settings.download_root / "tiingo"
    root.mkdir(parents=True)
    lake, told, found = LakeResource(data_root=str(fresh.settings.data_root)), [], {}
    wanted = Download("tiingo", "EURUSD", Timeframe.H1, f"{SINCE:%Y-%m-%d}")
    waiting = Thread(target=lambda: found.update(synced(lake, wanted, told.append, NOW)))
    with (root / TURN).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting.start()
        deadline = time.monotonic() + 30.0
        while not told and time.monotonic() < deadline:
            time.sleep(0.01)
        assert told == ["another partition downloads from tiingo; this one waits for its turn"]
        assert service.requests == []
    waiting.join(30.0)
    assert found["added"] == len(CANDLES)
