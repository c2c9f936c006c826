"""The moment from which a person wants candles is UTC, unless it names another zone."""

from datetime import UTC, datetime

import pytest

from fxgpt_core.candles.since import moment_of
from fxgpt_core.errors import BadInputError


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-01-31", datetime(2020, 1, 31, tzinfo=UTC)),
        ("2020-01-31T17:00", datetime(2020, 1, 31, 17, tzinfo=UTC)),
        ("2020-01-31T17:00-05:00", datetime(2020, 1, 31, 22, tzinfo=UTC)),
    ],
)
def test_a_day_or_time_is_that_moment(text, moment):
    found = moment_of(text, "since")
    assert (found, found.utcoffset()) == (moment, moment.utcoffset())


@pytest.mark.parametrize("text", ["", "soon", "2020-02-30", "31.01.2020"])
def test_what_is_no_moment_is_refused_under_its_name(text):
    with pytest.raises(BadInputError, match=f"--since {text!r} is no moment; a day or time in UTC"):
        moment_of(text, "--since")
