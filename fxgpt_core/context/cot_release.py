"""When a Commitments of Traders report was published.

Rule: 15:30 New York on the third federal business day after the Tuesday of the report's week, a Friday unless a holiday falls on
Wednesday, Thursday or Friday. Source: the release schedules of the CFTC ("Release Schedule", Commitments of Traders), whose
delayed dates of 2024 (June 24, July 8, December 2 and 30) are those of this rule; a holiday on the Tuesday itself moves the
positions to Monday and not the publication. Reports of weeks without government, which the table below holds:
- 2018-12-24 to 2019-02-26, published Tuesdays and Fridays from 2019-02-01 (CFTC, January 29, 2019);
- 2025-09-30 to 2026-01-13, by the schedule of the CFTC of November 18, 2025, which may have been overtaken (earlier, if at all).
Where single dates are not established, the whole spell counts as known at its end, when all of it was out: the shutdown of
October 2013, and the failure at ION of January 31, 2023 (backlog to be cleared "by mid-March": CFTC release 8662-23).
Limits: closures by executive order or weather are not known here, nor those of 1995/96; a file's own column `published_at` goes
before this rule. Before 1993 reports came out otherwise: they are refused.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays
import numpy as np

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.sessions import NEW_YORK

FIRST = date(1993, 1, 1)
TIME_OF_DAY = time(15, 30)
BUSINESS_DAYS = 3
TUESDAY = 1

DELAYED = {
    date(2018, 12, 24): date(2019, 2, 1), date(2018, 12, 31): date(2019, 2, 5), date(2019, 1, 8): date(2019, 2, 8),
    date(2019, 1, 15): date(2019, 2, 12), date(2019, 1, 22): date(2019, 2, 15), date(2019, 1, 29): date(2019, 2, 19),
    date(2019, 2, 5): date(2019, 2, 22), date(2019, 2, 12): date(2019, 2, 26), date(2019, 2, 19): date(2019, 3, 1),
    date(2019, 2, 26): date(2019, 3, 5),
    date(2025, 9, 30): date(2025, 11, 19), date(2025, 10, 7): date(2025, 11, 21), date(2025, 10, 14): date(2025, 11, 25),
    date(2025, 10, 21): date(2025, 12, 2), date(2025, 10, 28): date(2025, 12, 5), date(2025, 11, 4): date(2025, 12, 9),
    date(2025, 11, 10): date(2025, 12, 12), date(2025, 11, 18): date(2025, 12, 16), date(2025, 11, 25): date(2025, 12, 19),
    date(2025, 12, 2): date(2025, 12, 23), date(2025, 12, 9): date(2025, 12, 30), date(2025, 12, 16): date(2026, 1, 6),
    date(2025, 12, 23): date(2026, 1, 9), date(2025, 12, 30): date(2026, 1, 13), date(2026, 1, 6): date(2026, 1, 16),
    date(2026, 1, 13): date(2026, 1, 20),
}  # fmt: skip
"""By the date of the positions: the date of publication."""

SPELLS = (
    (date(2013, 10, 1), date(2013, 11, 12), date(2013, 11, 22)),
    (date(2023, 1, 31), date(2023, 3, 21), date(2023, 3, 31)),
)
"""First and last date of positions of a spell without dates of its own, and the date by which all of it was out."""


def released_at(as_of: date) -> datetime:
    """When (UTC) the report on the positions of a Tuesday, or of the Monday before a holiday, was published.

    Raises `BadInputError` for other weekdays, which are dates of publication rather than of positions, and before 1993.
    """
    if as_of.weekday() > TUESDAY or as_of < FIRST:
        raise BadInputError(
            f"a COT report of positions on {as_of:%A} {as_of} found; the positions are of a Tuesday, or of the Monday before a "
            f"holiday, since {FIRST}; give the date of the positions, not of the publication, and leave out earlier rows"
        )
    spell = (known for first, last, known in SPELLS if first <= as_of <= last)
    day = DELAYED.get(as_of) or next(spell, None) or _third_business_day(as_of)
    return datetime.combine(day, TIME_OF_DAY, ZoneInfo(NEW_YORK)).astimezone(UTC)


def _third_business_day(as_of: date) -> date:
    tuesday = as_of + timedelta(days=TUESDAY - as_of.weekday())
    closed = [*_federal_holidays(tuesday.year), *_federal_holidays(tuesday.year + 1)]
    day: date = np.busday_offset(tuesday, BUSINESS_DAYS, roll="backward", holidays=closed).astype(date)
    return day


@cache
def _federal_holidays(year: int) -> tuple[date, ...]:
    """Those of a year as they are observed; cached, since they take a millisecond and a file has a thousand reports."""
    return tuple(holidays.country_holidays("US", years=year))
