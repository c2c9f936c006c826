from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.sessions import (
    SESSIONS,
    Session,
    closure_before_us,
    expected_open_times,
    fx_clock_us,
    fx_day,
    hour_of_week,
    is_open,
    missing_candles,
    periods_per_year,
    session_left,
    stretch_starts,
    wall_clock_us,
)
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe

NEW_YORK = ZoneInfo("America/New_York")
EPOCH = date(1970, 1, 1)


def us(*stamp: int) -> int:
    return int(datetime(*stamp, tzinfo=UTC).timestamp()) * 1_000_000


def hours(start: int, n: int) -> np.ndarray:
    return start + np.arange(n, dtype=np.int64) * HOUR_US


def fx_day_by_hand(time_us: int) -> int:
    """The oracle: zoneinfo's New York wall clock; from 17:00 on it is the next day's date."""
    local = datetime.fromtimestamp(time_us / 1e6, NEW_YORK)
    return (local.date() - EPOCH).days + (local.hour >= 17)


def is_open_by_hand(time_us: int) -> bool:
    local = datetime.fromtimestamp(time_us / 1e6, NEW_YORK)
    weekday = local.weekday()
    return weekday < 4 or (weekday == 4 and local.hour < 17) or (weekday == 6 and local.hour >= 17)


# 2017: summer time from 12 March to 5 November; two weeks around each change.
@pytest.mark.parametrize("start", [us(2017, 3, 5), us(2017, 10, 29), us(2024, 2, 26)])
def test_day_and_week_follow_new_york_through_both_changes_of_the_clock(start: int) -> None:
    times = hours(start, 14 * 24)
    assert fx_day(times).tolist() == [fx_day_by_hand(int(time)) for time in times]
    assert is_open(times).tolist() == [is_open_by_hand(int(time)) for time in times]


@pytest.mark.parametrize("zone", sorted({session.zone for session in SESSIONS}))
def test_the_wall_clock_of_any_moment_in_any_order_is_that_of_zoneinfo(zone: str) -> None:
    times = np.random.default_rng(3).integers(us(1965, 1, 1), us(2035, 1, 1), 2_000)
    local = [datetime.fromtimestamp(time // 1_000_000, ZoneInfo(zone)) for time in times.tolist()]
    ahead_us = [stamp.utcoffset() // timedelta(microseconds=1) for stamp in local]
    # A zone whose distance from UTC was no whole number of hours then is none that sessions ask for.
    whole = np.array(ahead_us) % HOUR_US == 0
    assert whole.mean() > 0.9
    assert (wall_clock_us(times, zone) - times)[whole].tolist() == np.array(ahead_us)[whole].tolist()
    assert wall_clock_us(times[:0], zone).tolist() == []


def test_sunday_evening_in_new_york_belongs_to_monday() -> None:
    opening = np.array([us(2017, 7, 2, 21), us(2017, 7, 2, 20)])
    assert fx_day(opening).tolist() == [(date(2017, 7, 3) - EPOCH).days, (date(2017, 7, 2) - EPOCH).days]
    assert fx_day(opening).dtype == np.int32


@pytest.mark.parametrize(("winter", "opens_at"), [(us(2017, 1, 15), 22), (us(2017, 7, 16), 21)])
def test_the_week_opens_on_sunday_at_22_utc_in_winter_and_21_in_summer(winter: int, opens_at: int) -> None:
    sunday = hours(winter, 24)
    assert np.flatnonzero(is_open(sunday)).tolist() == list(range(opens_at, 24))


def test_an_open_week_has_120_hours_and_an_open_day_24_all_year() -> None:
    year = hours(us(2016, 12, 31), 366 * 24)
    days, counts = np.unique(fx_day(year[is_open(year)]), return_counts=True)
    assert set(counts[1:-1].tolist()) == {24}
    assert len(days) == pytest.approx(366 * 5 / 7, abs=2)


def test_hour_of_week_counts_from_the_week_s_open_and_120_is_the_close() -> None:
    monday = us(2017, 7, 2, 21)
    assert hour_of_week(hours(monday, 168)).tolist() == list(range(168))
    assert hour_of_week(np.array([us(2017, 7, 7, 21), us(2017, 7, 7, 20)])).tolist() == [120, 119]


def test_the_fx_clock_shows_midnight_at_17_new_york() -> None:
    assert fx_clock_us(np.array([us(2017, 7, 3, 21), us(2017, 1, 3, 22)])).tolist() == [us(2017, 7, 4), us(2017, 1, 4)]


@pytest.mark.parametrize("timeframe", [Timeframe.M30, Timeframe.H1, Timeframe.H4, Timeframe.D1])
@pytest.mark.parametrize("start", [us(2017, 3, 5, 22), us(2017, 10, 29, 21)])
def test_a_full_series_has_no_gap_and_a_removed_candle_is_the_only_one(timeframe: Timeframe, start: int) -> None:
    series = expected_open_times(start, start + 15 * DAY_US, timeframe)
    assert missing_candles(series, timeframe).size == 0
    holed = np.delete(series, [3, 7])
    assert missing_candles(holed, timeframe).tolist() == [int(series[3]), int(series[7])]


def test_weekend_hours_are_no_gaps() -> None:
    friday_and_monday = np.array([us(2017, 7, 7, 20), us(2017, 7, 9, 21)])
    assert missing_candles(friday_and_monday, Timeframe.H1).size == 0
    with_saturday = np.array([us(2017, 7, 7, 20), us(2017, 7, 8, 12), us(2017, 7, 9, 21)])
    assert missing_candles(with_saturday, Timeframe.H1).size == 0


def test_daily_candles_are_expected_five_a_week_at_17_new_york() -> None:
    week = expected_open_times(us(2017, 7, 2, 21), us(2017, 7, 9, 20), Timeframe.D1)
    assert week.tolist() == [us(2017, 7, day, 21) for day in (2, 3, 4, 5, 6)]


def test_gold_s_pause_after_17_new_york_is_no_gap_but_a_longer_candle_through_it_is_expected() -> None:
    start, pause = us(2017, 7, 2, 21), timedelta(hours=1)
    hourly = expected_open_times(start, start + 5 * DAY_US - 1, Timeframe.H1, pause)
    assert len(hourly) == 5 * 23
    assert us(2017, 7, 3, 21) not in hourly.tolist()
    assert len(expected_open_times(start, start + 5 * DAY_US - 1, Timeframe.H4, pause)) == 5 * 6
    assert missing_candles(hourly, Timeframe.H1, pause).size == 0
    assert missing_candles(hourly, Timeframe.H1).size == 4


def test_no_candles_have_no_gaps() -> None:
    assert missing_candles(np.empty(0, dtype=np.int64), Timeframe.H1).size == 0


def test_periods_a_year_are_measured_from_the_stamps() -> None:
    assert periods_per_year(np.array([0, DAY_US, 2 * DAY_US])) == pytest.approx(365.25)
    weeks = expected_open_times(us(2017, 1, 1, 22), us(2018, 1, 1, 21), Timeframe.H1)
    assert periods_per_year(weeks) == pytest.approx(120 * 365.25 / 7, rel=0.005)


def test_one_candle_tells_no_rate() -> None:
    with pytest.raises(BadInputError, match="1 candles tell no rate; at least two"):
        periods_per_year(np.array([0]))


def session_left_by_hand(time_us: int, zone: str, first: int, last: int) -> float:
    local = datetime.fromtimestamp(time_us / 1e6, ZoneInfo(zone))
    hour = local.hour + local.minute / 60
    return (last - hour) / (last - first) if first <= hour < last else 0.0


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.name)
def test_what_is_left_of_a_session_follows_its_own_wall_clock(session: Session) -> None:
    # Through a year: every zone's summer time begins and ends on another day.
    times = us(2021, 1, 1) + np.arange(0, 365 * 48, dtype=np.int64) * HOUR_US // 2
    expected = [session_left_by_hand(int(t), session.zone, session.first_hour, session.last_hour) for t in times]
    assert session_left(times, session) == pytest.approx(expected, abs=1e-12)


def test_the_closure_before_a_candle_is_what_the_calendar_misses() -> None:
    times = np.array(expected_open_times(us(2021, 3, 1), us(2021, 4, 30), Timeframe.H1))
    holed = np.delete(times, [5, *range(300, 380), *range(700, 705)])
    missing = missing_candles(holed, Timeframe.H1)
    by_hand = np.bincount(np.searchsorted(holed, missing), minlength=len(holed)) * HOUR_US
    assert closure_before_us(times, Timeframe.H1).tolist() == [0] * len(times)
    assert closure_before_us(holed, Timeframe.H1).tolist() == by_hand.tolist()
    assert closure_before_us(holed, Timeframe.H1)[299:301].tolist() == [80 * HOUR_US, 0]


def test_a_stretch_begins_behind_each_hole_longer_than_a_holiday() -> None:
    times = np.array(expected_open_times(us(2021, 3, 1), us(2021, 4, 30), Timeframe.H1))
    holed = np.delete(times, [*range(100, 148), *range(300, 349)])
    starts = stretch_starts(holed, Timeframe.H1)
    assert sorted(set(starts.tolist())) == [0, 252]
    assert holed[252] == times[349]
    assert (starts == np.where(np.arange(len(holed)) < 252, 0, 252)).all()


def test_no_closure_is_seen_before_the_first_candle() -> None:
    assert closure_before_us(np.array([us(2021, 3, 1)]), Timeframe.D1).tolist() == [0]
    assert closure_before_us(np.empty(0, dtype=np.int64), Timeframe.D1).tolist() == []
