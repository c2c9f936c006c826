"""The days on which the FX market is closed or thin, by FX day (17:00 to 17:00 New York, named by its last date).

Closed: Christmas Day and New Year's Day, and the Monday after one that falls on a Sunday. Thin, so that a feed may lack hours:
from noon of 24 and 31 December (brokers close between 12:00 and 17:00 New York), the first seven hours after a closed day (some
open at midnight of their server), and the holidays of the New York stock exchange, Good Friday among them.
Measured on seven hourly series of two brokers, 2015 to 2022: outside these hours a series lacks at most 8 hours of a year.
"""

from datetime import date

import holidays
import numpy as np
from numpy.typing import NDArray

from fxgpt_core.market.sessions import fx_clock_us, fx_day
from fxgpt_core.market.timeframes import DAY_US, HOUR_US

EXCHANGE = "XNYS"
CLOSED_DATES = ((12, 25), (1, 1))
# Hours of the FX clock, which shows midnight at 17:00 New York.
EARLY_CLOSE_HOUR = 19
LATE_OPEN_HOUR = 7
_SUNDAY = 6
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def is_closed(time_us: NDArray[np.int64]) -> NDArray[np.bool_]:
    """bool[N]: do these UTC times (int64 µs) lie in an FX day on which the market does not open? The weekend is not asked."""
    days = fx_day(time_us)
    closed: NDArray[np.bool_] = np.isin(days, _closed_days(days))
    return closed


def is_thin(time_us: NDArray[np.int64]) -> NDArray[np.bool_]:
    """bool[N]: is the market open at these UTC times (int64 µs), but so thin for a holiday that a feed may lack the hour?"""
    days = fx_day(time_us)
    hour = fx_clock_us(time_us) % DAY_US // HOUR_US
    closed = _closed_days(days)
    early = np.isin(days + 1, _fixed_days(days)) & (hour >= EARLY_CLOSE_HOUR)
    late = np.isin(days - 1, closed) & (hour < LATE_OPEN_HOUR)
    thin: NDArray[np.bool_] = (early | late | np.isin(days, _exchange_days(days))) & ~np.isin(days, closed)
    return thin


def _years(days: NDArray[np.int32]) -> range:
    if len(days) == 0:
        return range(0)
    # One year more at either end: 31 December belongs to the next one's first day.
    first, last = (date.fromordinal(int(day) + _EPOCH_ORDINAL).year for day in (days.min(), days.max()))
    return range(first - 1, last + 2)


def _fixed_days(days: NDArray[np.int32]) -> NDArray[np.int32]:
    return _numbers([date(year, month, day) for year in _years(days) for month, day in CLOSED_DATES])


def _closed_days(days: NDArray[np.int32]) -> NDArray[np.int32]:
    fixed = [date(year, month, day) for year in _years(days) for month, day in CLOSED_DATES]
    after_sunday = [date.fromordinal(day.toordinal() + 1) for day in fixed if day.weekday() == _SUNDAY]
    return _numbers([*fixed, *after_sunday])


def _exchange_days(days: NDArray[np.int32]) -> NDArray[np.int32]:
    return _numbers(list(holidays.financial_holidays(EXCHANGE, years=_years(days))))


def _numbers(dates: list[date]) -> NDArray[np.int32]:
    return np.array([day.toordinal() - _EPOCH_ORDINAL for day in dates], dtype=np.int32)
