"""When a symbol is traded: weekly stretches on a wall clock, less holidays; and how long it stays open from a moment on."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.holidays import is_closed
from fxgpt_core.market.sessions import NEW_YORK, fx_clock_us
from fxgpt_core.market.symbols import Symbol
from fxgpt_core.market.timeframes import DAY_US

WEEK_S = 7 * 24 * 3600
_DAY_S = 24 * 3600
_ROLL_S = 17 * 3600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
LONG_US = 7 * DAY_US
"""What `open_for_us` answers of a market that does not close within a week."""


@dataclass(frozen=True)
class OpeningHours:
    """`schedule`: open stretches [start, end) in seconds from Sunday 00:00 on the wall clock of `time_zone`; `holidays`: closed
    stretches in µs since the epoch; `fx_holidays`: closed on Christmas and New Year's Day, too.
    """

    schedule: tuple[tuple[int, int], ...]
    time_zone: str
    holidays: tuple[tuple[int, int], ...] = ()
    fx_holidays: bool = False

    def open_for_us(self, time_us: int) -> int | None:
        """How long the market stays open from a time on, in µs, at most about a week; None while it is closed.

        Raises `BadInputError` for an unknown zone and a stretch that is none.
        """
        zone = _zone(self.time_zone)
        local = (_EPOCH + time_us * _MICROSECOND).astimezone(zone)
        sunday = local.date() - timedelta(days=local.isoweekday() % 7)
        second = (local.replace(tzinfo=None) - datetime.combine(sunday, time())) / timedelta(seconds=1)
        ends = [end for start, end in _stretches(self.schedule) if start <= second < end]
        if not ends or any(start <= time_us < end for start, end in self.holidays):
            return None
        closing = datetime.combine(sunday, time()) + timedelta(seconds=min(ends[0], 2 * WEEK_S))
        closes_us = (closing.replace(tzinfo=zone).astimezone(UTC) - _EPOCH) // _MICROSECOND
        closes_us = min([closes_us, time_us + LONG_US, *(start for start, _ in self.holidays if start > time_us)])
        if not self.fx_holidays:
            return closes_us - time_us
        return _less_fx_holidays(time_us, closes_us)


def fx_hours(symbol: Symbol, holidays: tuple[tuple[int, int], ...] = ()) -> OpeningHours:
    """The FX week of a symbol with its daily break, where no broker told a schedule."""
    break_s = symbol.daily_break_minutes * 60
    days = range(5)
    schedule = tuple((day * _DAY_S + _ROLL_S + break_s, (day + 1) * _DAY_S + _ROLL_S) for day in days)
    return OpeningHours(schedule, NEW_YORK, holidays, fx_holidays=True)


def _less_fx_holidays(time_us: int, closes_us: int) -> int | None:
    """The same, less the FX days on which nobody trades."""
    clock = int(fx_clock_us(np.array([time_us]))[0])
    # The start of each FX day still to come, on the way to the close.
    begins = [time_us + DAY_US * (1 + n) - clock % DAY_US for n in range((closes_us - time_us) // DAY_US + 1)]
    closed = is_closed(np.array([time_us, *begins], dtype=np.int64))
    if closed[0]:
        return None
    return min([closes_us, *(begin for begin, shut in zip(begins, closed[1:], strict=True) if shut)]) - time_us


@cache
def _stretches(schedule: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """The stretches of three weeks around the present one, those that touch put together."""
    if misfit := [each for each in schedule if not 0 <= each[0] < each[1] <= 2 * WEEK_S or each[0] > WEEK_S]:
        raise BadInputError(f"a market cannot be open from second {misfit[0][0]} to {misfit[0][1]} of the week")
    every = sorted((start + week * WEEK_S, end + week * WEEK_S) for start, end in schedule for week in (-1, 0, 1, 2))
    merged: list[tuple[int, int]] = []
    for start, end in every:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInputError(f"the time zone {name!r} of the schedule is not known") from error
