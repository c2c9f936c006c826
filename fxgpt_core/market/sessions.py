"""The FX week and day: open from Sunday 17:00 to Friday 17:00 New York, a new day at 17:00 New York.

Everything rests on the FX clock: New York wall-clock time plus seven hours, on which a day starts at midnight and the week is
Monday to Friday. New York changes its clock on Sundays at 02:00, while the week is closed, so an open FX day has 24 hours.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache, lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, MINUTE_US, Timeframe

NEW_YORK = "America/New_York"
FX_CLOCK_AHEAD_US = 7 * HOUR_US
OPEN_DAYS = 5
YEAR_US = 365.25 * DAY_US
_BLOCK_HOURS = 8192
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0
_NO_BREAK = timedelta(0)
# Christmas and New Year close the market for a day each, and the week does not know them.
LONGEST_CLOSURE = timedelta(hours=48)


@dataclass(frozen=True)
class Session:
    """A centre of FX trading: its usual hours on its own wall clock, Monday to Friday."""

    name: str
    zone: str
    first_hour: int
    last_hour: int


SESSIONS = (
    Session("sydney", "Australia/Sydney", 7, 16),
    Session("tokyo", "Asia/Tokyo", 9, 18),
    Session("london", "Europe/London", 8, 17),
    Session("new_york", NEW_YORK, 8, 17),
)


def fx_clock_us(time_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[N]: µs on the FX clock (New York wall clock + 7 h, midnight = 17:00 New York) of UTC times int64[N] in µs."""
    return wall_clock_us(time_us, NEW_YORK) + np.int64(FX_CLOCK_AHEAD_US)


def wall_clock_us(time_us: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """int64[N]: µs on the wall clock of a zone (one that is whole hours from UTC) at UTC times int64[N] in µs."""
    times = np.asarray(time_us, dtype=np.int64)
    # The distance from UTC changes at whole hours only.
    wall: NDArray[np.int64] = times + _hours_ahead(times // HOUR_US, zone) * np.int64(HOUR_US)
    return wall


def _hours_ahead(hours: NDArray[np.int64], zone: str) -> NDArray[np.int8]:
    """int8[N]: how many hours a zone's wall clock is ahead of UTC in UTC hours int64[N] since the epoch."""
    if len(hours) == 0:
        return np.empty(0, dtype=np.int8)
    first, last = int(hours.min()) // _BLOCK_HOURS, int(hours.max()) // _BLOCK_HOURS
    return _blocks_ahead(zone, first, last)[hours - first * _BLOCK_HOURS]


@lru_cache(maxsize=64)
def _blocks_ahead(zone: str, first: int, last: int) -> NDArray[np.int8]:
    """int8[H]: `_hours_ahead` of each hour of the blocks from `first` to `last`."""
    return np.concatenate([_block_ahead(zone, block) for block in range(first, last + 1)])


@cache
def _block_ahead(zone: str, block: int) -> NDArray[np.int8]:
    """int8[H]: `_hours_ahead` of one block, numbered from the epoch; kept, because a conversion of one time takes as long as that
    of thousands.
    """
    hour_us = (np.arange(_BLOCK_HOURS, dtype=np.int64) + block * _BLOCK_HOURS) * HOUR_US
    utc = pl.Series(hour_us).cast(pl.Datetime("us", "UTC"))
    wall_us = utc.dt.convert_time_zone(zone).dt.replace_time_zone(None).to_physical().to_numpy()
    return ((wall_us - hour_us) // HOUR_US).astype(np.int8)


def session_left(time_us: NDArray[np.int64], session: Session) -> NDArray[np.float64]:
    """float64[N]: what share of a session's hours is still to come in the minute of UTC times int64[N] in µs; 0 outside it."""
    hours = np.arange(DAY_US // MINUTE_US) * (MINUTE_US / HOUR_US)
    left = (session.last_hour - hours) / (session.last_hour - session.first_hour)
    of_minute = np.where((hours >= session.first_hour) & (left > 0.0), left, 0.0)
    return of_minute[wall_clock_us(time_us, session.zone) // MINUTE_US % len(hours)]


def fx_day(open_time_us: NDArray[np.int64]) -> NDArray[np.int32]:
    """int32[N]: the FX day of each candle, in days since the epoch, named by the date on which it closes (a trade date).

    The candle that opens on Sunday at 17:00 New York belongs to Monday.
    """
    return (fx_clock_us(open_time_us) // DAY_US).astype(np.int32)


def weekday(day: NDArray[np.integer]) -> NDArray[np.integer]:
    """integer[N]: the weekday of each day (integer[N], since the epoch); 0 is Monday."""
    return (day + _EPOCH_WEEKDAY) % 7


def hour_of_week(open_time_us: NDArray[np.int64]) -> NDArray[np.int16]:
    """int16[N]: hour of the FX week, 0 from Sunday 17:00 New York, 119 the last open hour, 120..167 the weekend."""
    hours = open_time_us // HOUR_US
    on_clock = hours + (_hours_ahead(hours, NEW_YORK) + np.int64(FX_CLOCK_AHEAD_US // HOUR_US + _EPOCH_WEEKDAY * 24))
    return (on_clock % (7 * 24)).astype(np.int16)


def is_open(time_us: NDArray[np.int64]) -> NDArray[np.bool_]:
    """bool[N]: is the FX market open at these UTC times (int64 µs)? Open at Sunday 17:00 New York, closed at Friday 17:00."""
    return weekday(fx_day(time_us)) < OPEN_DAYS


def missing_candles(
    open_time_us: NDArray[np.int64], timeframe: Timeframe, daily_break: timedelta = _NO_BREAK
) -> NDArray[np.int64]:
    """int64[M]: open times expected between the first and the last candle, inside the FX week, that are absent.

    Weekend hours are no gaps, nor are candles that lie wholly inside `daily_break` after 17:00 New York (one hour for gold).
    Holidays are not known here: their hours are reported as missing.
    """
    if len(open_time_us) == 0:
        return np.empty(0, dtype=np.int64)
    expected = expected_open_times(int(open_time_us[0]), int(open_time_us[-1]), timeframe, daily_break)
    return np.setdiff1d(expected, open_time_us)


def closure_before_us(open_time_us: NDArray[np.int64], timeframe: Timeframe) -> NDArray[np.int64]:
    """int64[N]: how much time of open market, in µs, has no candle between each candle and the one before it; 0 for the first."""
    missing = np.zeros(len(open_time_us), dtype=np.int64)
    far, closures_us = _closures(open_time_us, timeframe)
    missing[far] = closures_us
    return missing


def stretches(open_time_us: NDArray[np.int64], timeframe: Timeframe) -> NDArray[np.int64]:
    """int64[S]: the rows at which stretches begin: a hole, or the start of the series, lies right before each.

    A hole is more than `LONGEST_CLOSURE` of open market without a candle.
    """
    longest_us = LONGEST_CLOSURE // timedelta(microseconds=1)
    far, closures_us = _closures(open_time_us, timeframe, longest_us)
    holes = far[closures_us > longest_us]
    return np.concatenate((np.zeros(min(1, len(open_time_us)), dtype=np.int64), holes))


def stretch_starts(open_time_us: NDArray[np.int64], timeframe: Timeframe) -> NDArray[np.int64]:
    """int64[N]: for each candle, the row at which its stretch begins; one of `stretches`."""
    begins = stretches(open_time_us, timeframe)
    return np.repeat(begins, np.concatenate((begins, [len(open_time_us)]))[1:] - begins)


def _closures(
    open_time_us: NDArray[np.int64], timeframe: Timeframe, least_us: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[M] twice: rows before which no candle opens for more than `least_us`, and how much of that the market was open."""
    times = np.asarray(open_time_us, dtype=np.int64)
    far = np.flatnonzero(times[1:] - times[:-1] > timeframe.us + least_us) + 1
    if len(far) == 0:
        return far, far
    now, before = open_market_us(np.concatenate([times[far], times[far - 1]])).reshape(2, -1)
    return far, now - before - timeframe.us


def open_market_us(time_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[N]: how long the market was open from a Monday's start of the FX week before 1970 to each of the times."""
    since_monday = fx_clock_us(time_us) + _EPOCH_WEEKDAY * DAY_US
    weeks, in_week = np.divmod(since_monday, 7 * DAY_US)
    return weeks * (OPEN_DAYS * DAY_US) + np.minimum(in_week, OPEN_DAYS * DAY_US)


def expected_open_times(
    first_us: int, last_us: int, timeframe: Timeframe, daily_break: timedelta = _NO_BREAK
) -> NDArray[np.int64]:
    """int64[M]: every open time of a timeframe in [first_us, last_us] while the market is open, on the timeframe's grid."""
    # 4h and 1d candles start on the FX clock, whose distance from UTC changes with summer time, by whole hours.
    step = min(timeframe.us, HOUR_US)
    times = np.arange(-(-first_us // step) * step, last_us + 1, step, dtype=np.int64)
    clock = fx_clock_us(times)
    break_us = daily_break // timedelta(microseconds=1)
    on_grid = clock % timeframe.us == 0
    after_break = clock % DAY_US + timeframe.us > break_us
    expected: NDArray[np.int64] = times[on_grid & after_break & (weekday(clock // DAY_US) < OPEN_DAYS)]
    return expected


def periods_per_year(known_at_us: NDArray[np.int64]) -> float:
    """Candles a year as measured from a series' own stamps (int64[N] µs, ascending); raises `BadInputError` below two."""
    if len(known_at_us) < 2 or known_at_us[-1] <= known_at_us[0]:
        raise BadInputError(
            f"{len(known_at_us)} candles tell no rate; at least two at different times are needed; give a longer span"
        )
    return float((len(known_at_us) - 1) * YEAR_US / (known_at_us[-1] - known_at_us[0]))
