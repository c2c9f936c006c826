"""Downloading closes: what is asked for, when a day is settled, changed and withdrawn closes, and the versions that stay."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from context_examples import times, utc, written

from fxgpt_core.context.as_of import joined
from fxgpt_core.context.daily_index import read_daily_index
from fxgpt_core.context.kinds import KINDS
from fxgpt_core.context.source import CLOSES
from fxgpt_core.context.store import ContextStore
from fxgpt_core.context.sync import ContextSyncParameters, last_settled, sync
from fxgpt_core.context.yahoo import YahooIndexSource
from fxgpt_core.errors import BadInputError, MissingError
from tests.recorded_service import RecordedService, running
from tests.recordings.recording_of_context import known_closes
from tests.recordings.yahoo_index import answering

SINCE = date(2024, 1, 2)
FRIDAY, NEXT = date(2024, 3, 8), date(2024, 3, 15)
EVENING = timedelta(days=1)
"""UTC midnight after a trade date is past its settlement, summer and winter."""


@dataclass
class KnownSource:
    """A source that has `held` closes and remembers what it was asked for."""

    held: dict[date, float]
    name: str = "known"
    kinds: tuple[str, ...] = ("spy",)
    asked: list[tuple[date, date]] = field(default_factory=list)

    def closes(self, kind: str, first: date, last: date) -> pl.DataFrame:
        assert kind == "spy"
        self.asked.append((first, last))
        return pl.DataFrame([(day, close) for day, close in self.held.items() if first <= day <= last], CLOSES, orient="row")


@pytest.fixture
def source():
    return KnownSource(known_closes(SINCE - timedelta(days=90), NEXT + timedelta(days=30)))


@pytest.fixture
def store(tmp_path):
    return ContextStore(tmp_path)


def synced(source, store, until=FRIDAY, since=None, **more):
    now = datetime(until.year, until.month, until.day, tzinfo=UTC) + EVENING
    return sync(source, store, ContextSyncParameters("spy", now, since, **more))


def stored(store):
    return dict(store.read(store.latest("spy")).frame.select("refers_to", "close").rows())


def between(source, first, last):
    return {day: close for day, close in source.held.items() if first <= day <= last}


def test_the_first_download_is_all_since_then(source, store):
    result = synced(source, store, since=SINCE)
    assert source.asked == [(SINCE, FRIDAY)]
    assert stored(store) == between(source, SINCE, FRIDAY)
    assert (result.earlier, result.added, result.revised, result.withdrawn) == (None, 49, (), ())
    assert (result.stored.source, result.stored.rows) == ("known", 49)


def test_what_is_stored_is_what_a_file_of_it_would_be(source, store, tmp_path):
    synced(source, store, since=SINCE)
    lines = "".join(f"{day},{close}\n" for day, close in between(source, SINCE, FRIDAY).items())
    of_file = read_daily_index(written(tmp_path, f"date,close\n{lines}"), "spy")
    held = store.read(store.latest("spy"))
    assert held.frame.equals(of_file.frame)
    assert held.stale_after == of_file.stale_after
    # Known at 16:15 New York, so not before 21:15 UTC in winter.
    seen = joined(times(utc(2024, 3, 8, 21), utc(2024, 3, 8, 21, 15)), [held])
    assert seen["spy_close"].to_list() == [source.held[date(2024, 3, 7)], source.held[FRIDAY]]


def test_the_next_asks_for_what_is_missing_and_a_few_days_before_it(source, store):
    first = synced(source, store, since=SINCE)
    second = synced(source, store, NEXT)
    assert source.asked[1:] == [(FRIDAY - timedelta(days=10), NEXT)]
    assert stored(store) == between(source, SINCE, NEXT)
    assert (second.added, second.revised, second.withdrawn) == (5, (), ())
    assert second.earlier == first.stored
    assert store.read(first.stored).frame["refers_to"][-1] == FRIDAY


def test_again_stores_nothing_new(source, store, tmp_path):
    first = synced(source, store, since=SINCE)
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    again = synced(source, store, since=SINCE)
    assert (again.stored, again.earlier, again.added) == (first.stored, first.stored, 0)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before


def test_an_earlier_since_asks_for_all_from_there(source, store):
    synced(source, store, since=SINCE)
    earlier = SINCE - timedelta(days=30)
    result = synced(source, store, since=earlier)
    assert source.asked[1:] == [(earlier, FRIDAY)]
    assert stored(store) == between(source, earlier, FRIDAY)
    assert result.added == len(between(source, earlier, SINCE - timedelta(days=1)))


def test_a_split_is_seen_in_the_last_days_and_the_whole_history_is_asked_for_again(source, store):
    first = synced(source, store, since=SINCE)
    before = stored(store)
    source.held = {day: close / 2 for day, close in source.held.items()}
    result = synced(source, store, NEXT)
    assert source.asked[1:] == [(FRIDAY - timedelta(days=10), NEXT), (SINCE, NEXT)]
    assert result.asked == tuple(source.asked[1:])
    assert stored(store) == between(source, SINCE, NEXT)
    assert result.revised == tuple(before)
    # The version before is there as it was.
    assert dict(store.read(first.stored).frame.select("refers_to", "close").rows()) == before
    assert {one.sha256 for one in store.list()} == {first.stored.sha256, result.stored.sha256}


def test_a_change_long_ago_is_seen_when_all_is_asked_for(source, store):
    synced(source, store, since=SINCE)
    source.held[date(2024, 1, 10)] += 1.0
    assert synced(source, store).revised == ()
    result = synced(source, store, revise=True)
    assert result.asked == ((SINCE, FRIDAY),)
    assert result.revised == (date(2024, 1, 10),)
    assert stored(store)[date(2024, 1, 10)] == source.held[date(2024, 1, 10)]


def test_a_close_that_comes_no_more_is_told_and_in_the_version_before(source, store):
    first = synced(source, store, since=SINCE)
    del source.held[date(2024, 3, 6)]
    result = synced(source, store)
    assert (result.withdrawn, result.revised, result.added) == ((date(2024, 3, 6),), (), 0)
    assert stored(store) == between(source, SINCE, FRIDAY)
    assert date(2024, 3, 6) in store.read(first.stored).frame["refers_to"].to_list()


def test_after_a_split_no_close_of_before_it_stays(source, store):
    synced(source, store, since=SINCE)
    later = date(2024, 2, 1)
    source.held = {day: close / 2 for day, close in source.held.items() if day >= later}
    result = synced(source, store, NEXT)
    assert stored(store) == between(source, later, NEXT)
    assert result.withdrawn[0] == SINCE
    assert len(result.withdrawn) == 22


def test_an_import_is_not_continued_and_stays(source, store, tmp_path):
    imported = store.put(read_daily_index(written(tmp_path, "date,close\n2023-12-29,1.0\n"), "spy"), "/a/file.csv")
    with pytest.raises(BadInputError, match=r"latest spy was not downloaded from there; .* add `--since 2016-01-01`"):
        synced(source, store)
    result = synced(source, store, since=SINCE)
    assert result.earlier == imported
    assert stored(store) == between(source, SINCE, FRIDAY)
    assert store.read(imported).frame["close"].to_list() == [1.0]


@pytest.mark.parametrize(
    ("now", "last"),
    # Closes are known at 16:15 New York and taken half an hour later: 21:45 UTC in winter, 20:45 in summer.
    [
        (utc(2024, 3, 7, 21, 44), date(2024, 3, 6)),
        (utc(2024, 3, 7, 21, 45), date(2024, 3, 7)),
        (utc(2024, 3, 11, 20, 44), date(2024, 3, 10)),
        (utc(2024, 3, 11, 20, 45), date(2024, 3, 11)),
        (utc(2024, 11, 4, 21, 44), date(2024, 11, 3)),
        (utc(2024, 11, 4, 21, 45), date(2024, 11, 4)),
        (utc(2024, 1, 1, 3), date(2023, 12, 31)),
    ],
)
def test_a_day_is_taken_when_it_is_settled_in_new_york(now, last):
    assert last_settled(now) == last


def test_a_download_never_asks_for_a_day_that_is_not_settled(source, store):
    sync(source, store, ContextSyncParameters("spy", utc(2024, 3, 8, 21, 30), SINCE))
    assert source.asked == [(SINCE, date(2024, 3, 7))]
    assert max(stored(store)) == date(2024, 3, 7)


@pytest.mark.parametrize(
    ("since", "words"),
    [(None, "since when it is wanted must be said the first time"), (date(2024, 3, 9), "from 2024-03-09 on .* is of 2024-03-08")],
)
def test_a_since_that_cannot_be_is_refused(source, store, since, words):
    with pytest.raises(BadInputError, match=words):
        synced(source, store, since=since)
    assert source.asked == []


def test_a_clock_that_is_behind_is_told(source, store):
    synced(source, store, since=SINCE)
    with pytest.raises(BadInputError, match=r"from 2024-02-27 on .* is of 2024-01-31; .* or this machine's clock"):
        synced(source, store, date(2024, 1, 31))


def test_nothing_at_all_is_missing_and_stores_nothing(source, store):
    source.held = {}
    with pytest.raises(MissingError, match=r"^known has no closes of spy from 2024-01-02 to 2024-03-08; nothing was stored"):
        synced(source, store, since=SINCE)
    assert store.kinds() == ()


@pytest.mark.parametrize(
    ("day", "close", "words"),
    [
        (date(2024, 3, 9), 5.0, "1 of 6 rows are of a Saturday or Sunday"),
        (date(2024, 3, 7), 0.0, "no close above zero"),
        (date(2024, 3, 7), None, "no close above zero"),
        (date(2024, 3, 7), float("inf"), "1 of 5 rows with a number that is not finite"),
    ],
)
def test_closes_that_are_not_sound_are_refused_with_their_source(source, store, day, close, words):
    source.held = known_closes(date(2024, 3, 4), FRIDAY) | {day: close}
    with pytest.raises(BadInputError, match=words):
        synced(source, store, date(2024, 3, 10), since=SINCE)
    assert store.kinds() == ()


def test_a_day_that_comes_twice_is_refused(store):
    class Twice(KnownSource):
        def closes(self, kind: str, first: date, last: date) -> pl.DataFrame:
            return pl.concat([super().closes(kind, first, last)] * 2)

    with pytest.raises(BadInputError, match="10 of 10 rows for the same date"):
        synced(Twice(known_closes(date(2024, 3, 4), FRIDAY)), store, since=SINCE)


@pytest.mark.shared_data
@pytest.mark.parametrize(("kind", "code"), [("vix", "^VIX"), ("spx", "^GSPC"), ("spy", "SPY"), ("qqq", "QQQ")])
def test_real_closes_come_as_a_file_of_them_would(shared_data, store, kind, code):
    of_file = KINDS[kind].read(shared_data / "macro" / f"{kind.upper()}_d1.parquet")
    held = dict(of_file.frame.select("refers_to", "close").rows())
    half, last = of_file.frame["known_at"][len(held) // 2], of_file.frame["known_at"][-1]
    with running(RecordedService(answering(held, code))) as service:
        source = YahooIndexSource(service.url, sleep=lambda _: None)
        for now in (half, last, last):
            result = sync(source, store, ContextSyncParameters(kind, now + timedelta(hours=1), min(held)))
    assert store.read(result.stored).frame.equals(of_file.frame)
    assert (len(store.list()), result.added, len(service.requests)) == (2, 0, 3)
