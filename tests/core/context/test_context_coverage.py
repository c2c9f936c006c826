"""How much of joined context there is: the share with a value, and when the first and last value was known."""

from datetime import UTC, datetime

import polars as pl

from fxgpt_core.context.coverage import coverage


def test_the_share_counts_rows_with_a_value_and_the_span_is_theirs():
    hours = [datetime(2024, 3, 4, hour, tzinfo=UTC) for hour in range(4)]
    frame = pl.DataFrame({"open_time": hours, "known_at": hours, "vix_close": [None, 14.5, 0.0, None], "news": [None] * 4})
    assert coverage(frame) == [
        {"column": "vix_close", "coverage": 0.5, "first": "2024-03-04T01:00:00+00:00", "last": "2024-03-04T02:00:00+00:00"},
        {"column": "news", "coverage": 0.0, "first": None, "last": None},
    ]
