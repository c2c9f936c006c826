"""The days on which the FX market is closed or thin, against dates written down by hand."""

from datetime import UTC, datetime

import numpy as np
import pytest

from fxgpt_core.market.holidays import is_closed, is_thin


def at(*moment: int) -> np.ndarray:
    return np.array([int(datetime(*moment, tzinfo=UTC).timestamp() * 1e6)], dtype=np.int64)


@pytest.mark.parametrize(
    ("moment", "closed", "thin"),
    [
        # Christmas Eve is open until noon in New York (17:00 UTC), then thin; Christmas Day begins at 17:00 New York.
        ((2018, 12, 24, 16), False, False),
        ((2018, 12, 24, 17), False, True),
        ((2018, 12, 24, 21), False, True),
        ((2018, 12, 24, 22), True, False),
        ((2018, 12, 25, 21), True, False),
        # Some open at 17:00 New York again, some at midnight.
        ((2018, 12, 25, 22), False, True),
        ((2018, 12, 26, 4), False, True),
        ((2018, 12, 26, 5), False, False),
        ((2018, 12, 31, 17), False, True),
        ((2018, 12, 31, 22), True, False),
        ((2019, 1, 1, 22), False, True),
        # Christmas 2016 was a Sunday: Monday is closed, Tuesday's first hours are thin.
        ((2016, 12, 26, 12), True, False),
        ((2016, 12, 26, 22), False, True),
        ((2017, 1, 2, 12), True, False),
        # Christmas 2021 was a Saturday: Monday is a day like any other.
        ((2021, 12, 27, 12), False, False),
        # Good Friday and Thanksgiving, from the evening before.
        ((2022, 4, 14, 20), False, False),
        ((2022, 4, 14, 21), False, True),
        ((2022, 4, 15, 12), False, True),
        ((2020, 11, 26, 15), False, True),
        ((2020, 11, 25, 15), False, False),
        ((2020, 11, 30, 15), False, False),
    ],
)
def test_a_moment_is_closed_thin_or_neither(moment, closed, thin):
    assert (bool(is_closed(at(*moment))[0]), bool(is_thin(at(*moment))[0])) == (closed, thin)


def test_no_time_is_no_holiday():
    none = np.empty(0, dtype=np.int64)
    assert (len(is_closed(none)), len(is_thin(none))) == (0, 0)


def test_each_of_many_years_has_two_closed_days_of_24_hours():
    first, last = (int(datetime(year, 1, 10, tzinfo=UTC).timestamp()) * 1_000_000 for year in (2010, 2030))
    hours = np.arange(first, last, 3_600_000_000, dtype=np.int64)
    # Every Christmas and New Year's Day, and the Monday after those of 2011/12, 2016/17, 2022/23, which were Sundays.
    assert is_closed(hours).sum() == (20 * 2 + 3 * 2) * 24
    assert not (is_closed(hours) & is_thin(hours)).any()
