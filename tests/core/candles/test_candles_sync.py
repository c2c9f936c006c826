"""A download asks only for what is missing, notices what the source changed, and never stores what is open or unsound."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from fxgpt_core.candles.source import Page
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.candles.sync import OVERLAP, Progress, Stamps, SyncParameters, SyncResult, closed_until, sync
from fxgpt_core.candles.versions import candles_sha256
from fxgpt_core.errors import BadInputError, CandleSchemaError, MissingError, NotReadyError, SourceAnswerError
from fxgpt_core.market.timeframes import Timeframe
from tests.recordings.known_source import KnownSource, march, march_candles

H1 = Timeframe.H1
NONE = Stamps(0, None, None)
# A Thursday, twenty minutes into an hour.
NOW = march(14, 9, 20)


@pytest.fixture
def store(tmp_path: Path) -> CandleStore:
    return CandleStore(tmp_path / "known")


def synced(source: KnownSource, store: CandleStore, **wanted: object) -> SyncResult:
    return sync(source, store, SyncParameters(**({"symbol": "EURUSD", "timeframe": H1, "now": NOW} | wanted)))


def between(start, stop) -> pl.DataFrame:
    return march_candles().filter(pl.col("open_time").is_between(start, stop, closed="left"))


def changed(stamp, **columns: float) -> pl.DataFrame:
    here = pl.col("open_time") == stamp
    new = [pl.when(here).then(value).otherwise(pl.col(name)).alias(name) for name, value in columns.items()]
    return march_candles().with_columns(new)


def test_the_first_sync_stores_every_closed_candle_since_then(store):
    source = KnownSource(march_candles())
    result = synced(source, store, since=march(4))
    assert store.read(result.stored).equals(between(march(4), march(14, 9)))
    assert (result.earlier, result.asked, result.added) == (None, ((march(4), march(14, 9)),), result.stored.rows)
    assert (result.revised, result.withdrawn, result.stored.source) == (NONE, NONE, "known")
    assert store.latest("EURUSD", H1) == result.stored


def test_a_source_that_tells_the_spread_from_some_day_on_adds_it_to_what_is_stored(store):
    first = synced(KnownSource(march_candles()), store, since=march(4))
    with_spread = march_candles().with_columns(spread=pl.lit(0.0002))
    result = synced(KnownSource(with_spread), store)
    expected = between(march(4), march(14, 9)).with_columns(
        spread=pl.when(pl.col("open_time") >= result.asked[0][0]).then(0.0002)
    )
    assert (result.earlier, result.added, result.revised) == (first.stored, 0, Stamps(OVERLAP, march(12, 9), march(14, 8)))
    assert store.read(result.stored).equals(expected)
    wider = with_spread.with_columns(spread=pl.when(pl.col("open_time") == march(13, 9)).then(0.0003).otherwise("spread"))
    assert synced(KnownSource(wider), store).revised == Stamps(1, march(13, 9), march(13, 9))
    # One that tells it no more has revised the candles it was asked for, and no others.
    without = synced(KnownSource(march_candles()), store, now=march(15, 9))
    assert (without.added, without.revised.count) == (24, OVERLAP)


def test_a_later_sync_asks_for_the_overlap_and_what_is_new_and_no_more(store):
    first = synced(KnownSource(march_candles()), store, since=march(4))
    later = KnownSource(march_candles())
    result = synced(later, store, since=march(4), now=march(15, 9))
    overlap = between(march(4), march(14, 9))["open_time"].tail(OVERLAP)[0]
    assert overlap == march(12, 9)
    assert later.requests == [(march(12, 9), march(13, 9)), (march(13, 9), march(14, 9)), (march(14, 9), march(15, 9))]
    assert (result.earlier, result.added, result.revised) == (first.stored, 24, NONE)
    assert store.read(result.stored).equals(between(march(4), march(15, 9)))


def test_a_sync_with_nothing_new_makes_no_version(store):
    first = synced(KnownSource(march_candles()), store, since=march(4))
    again = synced(KnownSource(march_candles()), store)
    assert (again.stored, again.added, again.withdrawn) == (first.stored, 0, NONE)
    assert len(store.list()) == 1


def test_an_earlier_since_asks_for_the_missing_front_once(store):
    synced(KnownSource(march_candles()), store, since=march(7))
    earlier = KnownSource(march_candles())
    result = synced(earlier, store, since=march(2))
    assert result.asked == ((march(2), march(7)), (march(12, 9), march(14, 9)))
    assert store.read(result.stored).equals(between(march(2), march(14, 9)))
    # The second of March is a Saturday: what the source does not have is not asked for again and again.
    assert synced(KnownSource(march_candles()), store, since=march(2)).asked == ((march(12, 9), march(14, 9)),)


def test_a_revised_candle_makes_a_new_version_and_the_old_one_stays(store):
    first = synced(KnownSource(march_candles()), store, since=march(4))
    stamps = [march(13, 5), march(13, 7)]
    now_says = changed(stamps[0], close=1.1001).update(
        changed(stamps[1], volume=9.0).filter(pl.col("open_time") == stamps[1]), on="open_time"
    )
    result = synced(KnownSource(now_says), store)
    assert (result.revised, result.added, result.earlier) == (Stamps(2, *stamps), 0, first.stored)
    assert store.read(first.stored).equals(between(march(4), march(14, 9)))
    assert store.read(store.latest("EURUSD", H1)).filter(pl.col("open_time").is_in(stamps)).select("close", "volume").rows() == [
        (1.1001, between(stamps[0], march(13, 6))["volume"][0]),
        (between(stamps[1], march(13, 8))["close"][0], 9.0),
    ]


def test_a_revision_before_the_overlap_is_found_when_the_whole_is_asked_for_again(store):
    synced(KnownSource(march_candles()), store, since=march(4))
    now_says = KnownSource(changed(march(5, 3), low=1.05))
    assert synced(now_says, store).revised == NONE
    result = synced(now_says, store, revise=True)
    assert result.asked == ((march(4), march(14, 9)),)
    assert result.revised == Stamps(1, march(5, 3), march(5, 3))


def test_a_candle_the_source_has_no_more_is_told_and_stays(store):
    synced(KnownSource(march_candles()), store, since=march(4))
    result = synced(KnownSource(march_candles().filter(pl.col("open_time") != march(13, 5))), store)
    assert (result.withdrawn, result.revised, result.added) == (Stamps(1, march(13, 5), march(13, 5)), NONE, 0)
    assert store.read(result.stored).equals(between(march(4), march(14, 9)))


def test_a_candle_that_came_late_is_added_in_its_place(store):
    synced(KnownSource(march_candles().filter(pl.col("open_time") != march(13, 5))), store, since=march(4))
    result = synced(KnownSource(march_candles()), store)
    assert (result.added, result.revised) == (1, NONE)
    assert store.read(result.stored).equals(between(march(4), march(14, 9)))


@pytest.mark.parametrize("fails_at", range(11))
def test_a_download_cut_off_at_any_page_goes_on_there(tmp_path, fails_at):
    whole = synced(KnownSource(march_candles()), CandleStore(tmp_path / "whole"), since=march(4))
    store = CandleStore(tmp_path / "known")
    cut = KnownSource(march_candles(), fails_at=fails_at)
    with pytest.raises(ConnectionError, match="the line is cut"):
        synced(cut, store, since=march(4))
    assert store.series() == ()
    rest = KnownSource(march_candles())
    result = synced(rest, store, since=march(4))
    assert cut.requests + rest.requests == [(march(day), min(march(day + 1), march(14, 9))) for day in range(4, 15)]
    assert result.stored.path.read_bytes() == whole.stored.path.read_bytes()
    assert not list(tmp_path.rglob("pages"))


def test_the_next_call_may_end_later_than_the_one_cut_off(store):
    with pytest.raises(ConnectionError, match="cut"):
        synced(KnownSource(march_candles(), fails_at=4), store, since=march(4))
    rest = KnownSource(march_candles())
    result = synced(rest, store, since=march(5), now=march(15, 1))
    assert rest.requests[0] == (march(8), march(9))
    assert store.read(result.stored).equals(between(march(5), march(15, 1)))


def test_candles_that_came_late_are_no_hole_in_a_download_that_goes_on_days_later(store):
    def cut(progress: Progress) -> None:
        if progress.done == progress.total:
            raise ConnectionError("the line is cut")

    lagging = KnownSource(march_candles().filter(pl.col("open_time") < march(12, 6)), page=timedelta(days=4))
    with pytest.raises(ConnectionError, match="cut"):
        sync(lagging, store, SyncParameters("EURUSD", H1, march(12, 9), march(4)), cut)
    rest = KnownSource(march_candles())
    result = synced(rest, store, since=march(4), now=march(20))
    assert rest.requests[0][0] == march(12, 6)
    assert store.read(result.stored).equals(between(march(4), march(20)))


def test_a_front_cut_off_is_not_lost_when_the_tail_is_synced_in_between(store):
    synced(KnownSource(march_candles()), store, since=march(7))
    with pytest.raises(ConnectionError, match="cut"):
        synced(KnownSource(march_candles(), fails_at=3), store, since=march(2))
    synced(KnownSource(march_candles()), store, now=march(15, 1))
    rest = KnownSource(march_candles())
    result = synced(rest, store, since=march(2), now=march(15, 1))
    assert rest.requests[:3] == [(march(5), march(6)), (march(6), march(7)), (march(13, 1), march(14, 1))]
    assert store.read(result.stored).equals(between(march(2), march(15, 1)))


@pytest.mark.parametrize("damage", ["cut", "foreign", "renamed", "other"])
def test_a_page_that_is_not_what_was_kept_is_asked_for_again(tmp_path, store, damage):
    with pytest.raises(ConnectionError, match="cut"):
        synced(KnownSource(march_candles(), fails_at=3), store, since=march(4))
    page = sorted(tmp_path.rglob("pages/*.parquet"))[1]
    if damage == "cut":
        page.write_bytes(page.read_bytes()[:-30])
    elif damage == "renamed":
        page.rename(page.with_name(page.name.replace("20240305", "20240304")))
    elif damage == "foreign":
        other = CandleStore(tmp_path / "others")
        doubled = march_candles().with_columns(pl.col("open", "high", "low", "close") * 2.0)
        with pytest.raises(ConnectionError, match="cut"):
            synced(KnownSource(doubled, fails_at=3), other, since=march(4), symbol="GBPUSD")
        page.unlink()
        moved = sorted((other.root / "GBPUSD").rglob("pages/*.parquet"))[1]
        moved.rename(page.with_name(moved.name))
    else:
        page.rename(page.with_name("mine.parquet"))
    rest = KnownSource(march_candles())
    result = synced(rest, store, since=march(4))
    assert (march(5), march(6)) in rest.requests
    assert store.read(result.stored).equals(between(march(4), march(14, 9)))


def test_an_unsound_page_is_named_nothing_is_stored_and_the_others_are_kept(store):
    broken = KnownSource(changed(march(6, 3), low=1.2))
    with pytest.raises(
        CandleSchemaError, match=r"page 2024-03-06 00:00 to 2024-03-07 00:00 UTC: 1 of 24 .*OHLC \(first: 2024-03-06T03"
    ):
        synced(broken, store, since=march(4))
    assert store.series() == ()
    rest = KnownSource(march_candles())
    assert store.read(synced(rest, store, since=march(4)).stored).equals(between(march(4), march(14, 9)))
    assert rest.requests[0] == (march(6), march(7))


def test_candles_of_another_timeframe_are_refused_and_not_kept(tmp_path, store):
    with pytest.raises(CandleSchemaError, match=r"known: the usual step .* is 60 minutes, not 5m"):
        synced(KnownSource(march_candles()), store, since=march(4), timeframe=Timeframe.M5)
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_span_without_candles_is_missing_and_is_asked_for_again(store):
    with pytest.raises(MissingError, match=r"known has no 1h candles of EURUSD from 2024-03-09 00:00 to 2024-03-10 00:00 UTC"):
        synced(KnownSource(march_candles()), store, since=march(9), now=march(10))
    again = KnownSource(march_candles())
    synced(again, store, since=march(9))
    assert again.requests[0] == (march(9), march(10))


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({}, "said the first time; add `--since"),
        ({"since": march(14, 9)}, "since is 2024-03-14 09:00 UTC, and the last 1h candle closed at 2024-03-14 09:00"),
    ],
)
def test_a_since_that_cannot_be_is_told(store, wanted, words):
    with pytest.raises(BadInputError, match=words):
        synced(KnownSource(march_candles()), store, **wanted)


def test_a_clock_behind_the_stored_candles_is_told(store):
    synced(KnownSource(march_candles()), store, since=march(4))
    with pytest.raises(BadInputError, match="reach to 2024-03-14 08:00, and now is 2024-03-05 00:00 UTC"):
        synced(KnownSource(march_candles()), store, now=march(5))


@pytest.mark.parametrize(("first", "last"), [(1, 24), (0, 23), (0, 25)])
def test_a_source_that_skips_or_ends_elsewhere_is_refused(store, first, last):
    class Skipping(KnownSource):
        def pages(self, *asked):
            start = march(4)
            yield Page(start + timedelta(hours=first), start + timedelta(hours=last), march_candles().head(0))

    with pytest.raises(SourceAnswerError, match="tell the maintainers"):
        synced(Skipping(march_candles()), store, since=march(4), now=march(5))


def test_a_page_with_a_candle_from_outside_it_is_refused(store):
    class Straying(KnownSource):
        def pages(self, *asked):
            yield Page(march(4), march(5), between(march(4), march(5, 1)))

    with pytest.raises(SourceAnswerError, match="candles inside it alone, is needed; nothing was stored"):
        synced(Straying(march_candles()), store, since=march(4), now=march(5))


def test_two_downloads_of_one_series_do_not_meet(store):
    class Meeting(KnownSource):
        def pages(self, *asked):
            return iter([synced(KnownSource(march_candles()), store, since=march(4))])

    with pytest.raises(NotReadyError, match=r"another download into .* is running; wait for it"):
        synced(Meeting(march_candles()), store, since=march(4))


def test_progress_tells_what_is_there_and_how_long_the_rest_takes(store):
    with pytest.raises(ConnectionError, match="cut"):
        synced(KnownSource(march_candles(), fails_at=5), store, since=march(4))
    seconds = iter(range(0, 100, 3))
    told: list[Progress] = []
    wanted = SyncParameters("EURUSD", H1, march(14), march(4))
    sync(KnownSource(march_candles()), store, wanted, told.append, lambda: float(next(seconds)))
    day = timedelta(days=1)
    assert told == [Progress(5 * day, 10 * day, None), *(Progress(n * day, 10 * day, 3.0 * (10 - n)) for n in range(6, 11))]


@pytest.mark.parametrize(
    ("timeframe", "now", "closed"),
    [
        (Timeframe.M5, march(14, 9, 20), march(14, 9, 20)),
        (Timeframe.M5, march(14, 9, 19), march(14, 9, 15)),
        (Timeframe.H4, march(8, 1, 59), march(7, 22)),
        (Timeframe.H4, march(8, 2), march(8, 2)),
        # From the 10th of March on, 17:00 New York is 21:00 UTC.
        (Timeframe.D1, march(14, 20, 59), march(13, 21)),
        (Timeframe.D1, march(10, 21), march(10, 21)),
        (Timeframe.D1, march(10, 20, 59), march(9, 22)),
    ],
)
def test_what_is_closed_is_counted_on_the_grid_of_the_timeframe(timeframe, now, closed):
    assert closed_until(now, timeframe) == closed


def test_the_series_has_one_hash_however_it_was_fetched(tmp_path):
    at_once = synced(KnownSource(march_candles(), page=timedelta(days=30)), CandleStore(tmp_path / "one"), since=march(4))
    daily = CandleStore(tmp_path / "two")
    for day in (6, 7, 10, 14):
        result = synced(KnownSource(march_candles(), page=timedelta(hours=7)), daily, since=march(4), now=march(day, 9, 20))
    assert result.stored.sha256 == at_once.stored.sha256 == candles_sha256(between(march(4), march(14, 9)))
