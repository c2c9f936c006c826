"""Opening hours on the symbol's own wall clock: known moments by hand, and a slow look at every minute as the oracle."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.brokers.ctrader_simulator.symbol_terms import terms_of_symbol
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.opening_hours import LONG_US, OpeningHours, fx_hours
from fxgpt_core.market.sessions import NEW_YORK
from fxgpt_core.market.symbols import symbol

DAY_S, MINUTE_US = 86_400, 60_000_000
FX_WEEK = ((17 * 3600, 5 * DAY_S + 17 * 3600),)


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def minutes(hours: OpeningHours, text: str) -> float | None:
    left = hours.open_for_us(us(text))
    return None if left is None else left / MINUTE_US


@pytest.mark.parametrize(
    ("moment", "left"),
    [
        # New York is five hours behind UTC in winter: the week is open from Sunday 22:00 to Friday 22:00 UTC.
        ("2024-01-14T21:59:59", None),
        ("2024-01-14T22:00:00", 5 * 24 * 60),
        ("2024-01-19T21:55:00", 5.0),
        ("2024-01-19T21:59:00", 1.0),
        ("2024-01-19T22:00:00", None),
        # Clocks went forward on Sunday 10 March 2024 at 02:00: it opens at 21:00 UTC, and shut at 22:00 the Friday before.
        ("2024-03-08T21:59:00", 1.0),
        ("2024-03-10T20:59:00", None),
        ("2024-03-10T21:00:00", 5 * 24 * 60),
        ("2024-03-15T20:58:00", 2.0),
        # And back on Sunday 3 November 2024.
        ("2024-11-01T20:59:00", 1.0),
        ("2024-11-03T21:59:00", None),
        ("2024-11-03T22:00:00", 5 * 24 * 60),
    ],
)
def test_the_fx_week_follows_new_yorks_clock(moment, left):
    assert minutes(fx_hours(symbol("EURUSD")), moment) == left
    assert minutes(OpeningHours(FX_WEEK, "America/New_York"), moment) == left


@pytest.mark.parametrize(
    ("moment", "left"),
    [
        # Closed from 23:50 to 00:00 on Moscow's clock, three hours ahead of UTC, winter and summer.
        ("2024-01-16T20:49:00", 1.0),
        ("2024-01-16T20:50:00", None),
        ("2024-01-16T20:59:59", None),
        ("2024-01-16T21:00:00", 23 * 60 + 50),
        ("2024-07-16T20:49:00", 1.0),
        ("2024-07-16T20:55:00", None),
        ("2024-07-16T21:00:00", 23 * 60 + 50),
        # Saturday and Sunday in Moscow.
        ("2024-07-19T20:49:00", 1.0),
        ("2024-07-20T12:00:00", None),
        ("2024-07-21T20:59:00", None),
        ("2024-07-21T21:00:00", 23 * 60 + 50),
    ],
)
def test_a_symbol_of_moscow_keeps_moscows_hours(moment, left):
    schedule = tuple((day * DAY_S, (day + 1) * DAY_S - 600) for day in range(1, 6))
    assert minutes(OpeningHours(schedule, "Europe/Moscow"), moment) == left


def test_gold_pauses_an_hour_after_seventeen_new_york():
    gold = fx_hours(symbol("XAUUSD"))
    assert minutes(gold, "2024-01-16T21:30:00") == 30.0
    assert minutes(gold, "2024-01-16T22:30:00") is None
    assert minutes(gold, "2024-01-16T23:00:00") == 23 * 60
    assert minutes(fx_hours(symbol("EURUSD")), "2024-01-16T22:30:00") is not None


def test_christmas_and_new_year_close_the_fx_week():
    """Wednesday 25 December 2024 is the FX day from Tuesday 22:00 to Wednesday 22:00 UTC."""
    hours = fx_hours(symbol("EURUSD"))
    assert minutes(hours, "2024-12-23T23:00:00") == 23 * 60
    assert minutes(hours, "2024-12-24T21:58:00") == 2.0
    assert minutes(hours, "2024-12-24T22:00:00") is None
    assert minutes(hours, "2024-12-25T21:59:00") is None
    assert minutes(hours, "2024-12-25T22:00:00") == 2 * 24 * 60
    assert minutes(hours, "2024-12-31T21:00:00") == 60.0
    # A broker's own schedule tells its own holidays.
    assert minutes(OpeningHours(FX_WEEK, "America/New_York"), "2024-12-25T12:00:00") is not None


def test_a_holiday_closes_and_is_closed_for_ahead():
    holiday = (us("2024-01-16T12:00:00"), us("2024-01-16T14:00:00"))
    for hours in (OpeningHours(FX_WEEK, "America/New_York", (holiday,)), fx_hours(symbol("EURUSD"), (holiday,))):
        assert minutes(hours, "2024-01-16T11:57:00") == 3.0
        assert minutes(hours, "2024-01-16T12:00:00") is None
        assert minutes(hours, "2024-01-16T13:59:00") is None
        assert minutes(hours, "2024-01-16T14:00:00") == 3 * 24 * 60 + 8 * 60


def test_stretches_that_touch_are_one_and_some_markets_never_close():
    days = tuple((day * DAY_S, (day + 1) * DAY_S) for day in range(7))
    assert OpeningHours(days, "UTC").open_for_us(us("2024-01-16T23:59:00")) == LONG_US
    two = OpeningHours(((DAY_S, DAY_S + 3600), (DAY_S + 3600, DAY_S + 7200)), "UTC")
    assert minutes(two, "2024-01-15T00:30:00") == 90.0
    over_the_weekend = OpeningHours(((6 * DAY_S, 7 * DAY_S), (0, 3600)), "UTC")
    assert minutes(over_the_weekend, "2024-01-13T23:00:00") == 120.0
    assert minutes(over_the_weekend, "2024-01-14T00:30:00") == 30.0


def test_the_hours_of_a_day_on_which_the_clock_jumps_are_real_ones():
    """Berlin, 31 March 2024: from 01:00 to 04:00 by the clock are two hours; 27 October: from 01:00 to 04:00 are four."""
    hours = OpeningHours(((0, 4 * 3600),), "Europe/Berlin")
    assert minutes(hours, "2024-03-31T00:00:00") == 120.0
    assert minutes(hours, "2024-10-26T23:00:00") == 240.0


@pytest.mark.parametrize("bad", [((5, 5),), ((-1, 5),), ((10, 3),), ((0, 99 * DAY_S),)])
def test_a_stretch_that_is_none_is_refused(bad):
    with pytest.raises(BadInputError, match="cannot be open from second"):
        OpeningHours(bad, "UTC").open_for_us(0)


def test_an_unknown_zone_is_refused():
    with pytest.raises(BadInputError, match="'Mars/Olympus' of the schedule is not known"):
        OpeningHours(FX_WEEK, "Mars/Olympus").open_for_us(0)


ZONES = ("Europe/Moscow", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "UTC")
GRID = 900
stretch = st.tuples(st.integers(0, 670), st.integers(1, 200)).map(lambda each: (each[0] * GRID, (each[0] + each[1]) * GRID))


@settings(max_examples=60, deadline=None)
@given(st.lists(stretch, min_size=1, max_size=4), st.sampled_from(ZONES), st.integers(0, 366 * 96))
def test_a_slow_look_at_every_quarter_of_an_hour_agrees(schedule, zone, quarter):
    """The oracle steps through UTC and reads the wall clock anew at each step; it knows no stretch but by its seconds."""
    schedule = [(start, min(end, start + 7 * DAY_S)) for start, end in schedule]
    start = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * quarter)

    def is_open(moment: datetime) -> bool:
        wall = moment.astimezone(ZoneInfo(zone))
        second = (wall.isoweekday() % 7) * DAY_S + wall.hour * 3600 + wall.minute * 60 + wall.second
        return any(begin <= second + week < end for begin, end in schedule for week in (0, 7 * DAY_S))

    left = OpeningHours(tuple(schedule), zone).open_for_us(int(start.timestamp()) * 1_000_000)
    if not is_open(start):
        assert left is None
        return
    steps = 0
    while steps < 7 * 96 and is_open(start + timedelta(minutes=15 * steps)):
        steps += 1
    assert left is not None
    expected = steps * 15 * MINUTE_US
    # Where the wall clock jumps inside a stretch, its end may fall into the hour that is skipped or shown twice.
    jumps = any(_offset(start, zone) != _offset(start + timedelta(days=ahead), zone) for ahead in range(9))
    assert left == expected or (jumps and abs(left - expected) <= 60 * MINUTE_US) or min(left, expected) >= LONG_US - DAY_S


def _offset(moment: datetime, zone: str) -> timedelta | None:
    return moment.astimezone(ZoneInfo(zone)).utcoffset()


@pytest.mark.parametrize(("name", "zone"), [("EURUSD", NEW_YORK), ("XAUUSD", NEW_YORK), ("EURUSD", "Europe/Moscow")])
def test_the_simulated_venue_is_open_for_as_long_as_it_is_said(name, zone):
    """The venue has its own arithmetic, and would refuse an order by it."""
    terms = replace(terms_of_symbol(symbol(name), 1), zone=zone)
    hours = OpeningHours(terms.schedule, zone)
    rng = np.random.default_rng(3)
    for time_us in (us("2024-01-01T00:00:00") + rng.integers(0, 366 * DAY_S, 300) * 1_000_000).tolist():
        left = hours.open_for_us(time_us)
        assert (left is not None) is terms.is_open(time_us)
        if left is not None:
            assert terms.is_open(time_us + left - 1)
            assert not terms.is_open(time_us + left)


def test_the_calendar_of_the_tests_is_the_one_meant():
    assert [date(2024, 1, 14).isoweekday(), date(2024, 12, 25).isoweekday()] == [7, 3]
