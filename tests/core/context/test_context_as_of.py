"""The join as of the time: against a plain loop, and against every future that could leak into it."""

from datetime import date, timedelta

import polars as pl
import pytest
from context_examples import START, hours, looked_up, series_of, times, utc
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fxgpt_core.context.as_of import joined
from fxgpt_core.context.series import ContextSeries
from fxgpt_core.errors import BadInputError
from fxgpt_core.validation.lookahead import lookahead_differences

N_HOURS = 60
STALE = timedelta(hours=20)
publications = st.lists(
    st.tuples(st.integers(-10, N_HOURS * 2), st.integers(0, 4), st.none() | st.floats(-1e6, 1e6)),
    min_size=1, max_size=12, unique_by=lambda row: row[:2],
)  # fmt: skip


def published(rows: list[tuple[int, int, float | None]]) -> ContextSeries:
    """Rows of (half hours since the start, days before it to which the value refers, value)."""
    return series_of(
        *((START + timedelta(minutes=30 * at), date(2023, 12, 20) + timedelta(days=day), value) for at, day, value in rows),
        stale_after=STALE,
    )


@settings(max_examples=150, deadline=None)
@given(publications)
def test_the_join_equals_a_plain_loop(rows):
    series = published(rows)
    frame = joined(hours(N_HOURS), [series])
    expected = [looked_up(series, moment) for moment in frame["known_at"]]
    assert frame["it_value"].to_list() == [value for value, _ in expected]
    assert frame["it_age_hours"].to_list() == pytest.approx([age for _, age in expected])


@settings(max_examples=150, deadline=None)
@given(publications, st.data())
def test_shifting_a_publication_later_never_changes_an_earlier_row(rows, data):
    index = data.draw(st.integers(0, len(rows) - 1))
    at, day, value = rows[index]
    later = at + data.draw(st.integers(1, N_HOURS))
    shifted = [*rows[:index], *rows[index + 1 :], (later, day, value)]
    assume(len({row[:2] for row in shifted}) == len(rows))
    before = joined(hours(N_HOURS), [published(rows)]).filter(pl.col("known_at") < START + timedelta(minutes=30 * at))
    after = joined(hours(N_HOURS), [published(shifted)]).head(len(before))
    assert after.equals(before)


@settings(max_examples=100, deadline=None)
@given(publications)
def test_cutting_the_future_off_never_changes_a_row(rows):
    report = lookahead_differences(known_then(published(rows), joined_alone), hours(N_HOURS), time_column="known_at")
    assert report.clean


def joined_alone(rows: pl.DataFrame, series: ContextSeries) -> pl.DataFrame:
    return joined(rows, [series])


def known_then(series: ContextSeries, join):
    """A computation on rows that is given only what had been published by the last of them."""

    def compute(rows: pl.DataFrame) -> pl.DataFrame:
        known = series.frame.filter(pl.col("known_at") <= rows["known_at"].max())
        return join(rows, ContextSeries(series.name, known, series.stale_after))

    return compute


REVISED = series_of(
    (START + timedelta(hours=10), date(2023, 12, 31), 1.0),
    (START + timedelta(hours=40), date(2023, 12, 31), 1.5),
    (START + timedelta(hours=50), date(2024, 1, 1), 2.0),
)


def joined_by_the_date_itself(rows: pl.DataFrame, series: ContextSeries) -> pl.DataFrame:
    """The planted defect: a value on the day it is about, long before anybody could read it."""
    of_dates = series.frame.select(day=pl.col("refers_to"), it_value="value").sort("day")
    return rows.with_columns(day=pl.col("known_at").dt.date()).join_asof(of_dates, on="day").drop("day")


def joined_with_the_last_revision(rows: pl.DataFrame, series: ContextSeries) -> pl.DataFrame:
    """The planted defect: of each date the value as it was revised in the end, from its first publication on."""
    final = series.frame.group_by("refers_to", maintain_order=True).agg(pl.col("known_at").first(), pl.col("value").last())
    return rows.join_asof(final.select("known_at", it_value="value"), on="known_at")


@pytest.mark.parametrize("leak", [joined_by_the_date_itself, joined_with_the_last_revision])
def test_the_same_check_catches_a_join_that_leaks(leak):
    cuts = range(1, N_HOURS)
    assert lookahead_differences(known_then(REVISED, joined_alone), hours(N_HOURS), cuts, time_column="known_at").clean
    leaking = lookahead_differences(known_then(REVISED, leak), hours(N_HOURS), cuts, time_column="known_at")
    assert [difference.column for difference in leaking.differences] == ["it_value"]


def test_a_value_published_at_the_very_instant_counts_as_known():
    frame = joined(
        times(utc(2024, 1, 5, 11, 59, 59, 999_999), utc(2024, 1, 5, 12)),
        [series_of((utc(2024, 1, 5, 12), date(2024, 1, 4), 7.0))],
    )
    assert frame.rows() == [(utc(2024, 1, 5, 11, 59, 59, 999_999), None, None), (utc(2024, 1, 5, 12), 7.0, 0.0)]


def test_a_late_revision_of_an_earlier_date_does_not_displace_the_newer_date():
    series = series_of(
        (utc(2024, 1, 2), date(2024, 1, 1), 1.0),
        (utc(2024, 1, 3), date(2024, 1, 2), 2.0),
        (utc(2024, 1, 4), date(2024, 1, 1), 1.1),
        (utc(2024, 1, 5), date(2024, 1, 2), 2.2),
    )
    frame = joined(times(utc(2024, 1, 2), utc(2024, 1, 3), utc(2024, 1, 4), utc(2024, 1, 5)), [series])
    assert frame["it_value"].to_list() == [1.0, 2.0, 2.0, 2.2]
    assert frame["it_age_hours"].to_list() == [0.0, 0.0, 24.0, 0.0]


def test_a_backlog_published_at_one_moment_tells_its_newest_date():
    series = series_of((utc(2024, 1, 9), date(2024, 1, 1), 1.0), (utc(2024, 1, 9), date(2024, 1, 8), 8.0))
    assert joined(times(utc(2024, 1, 9)), [series])["it_value"].to_list() == [8.0]


def test_a_value_older_than_it_may_be_is_missing_and_its_age_says_why():
    series = series_of((utc(2024, 1, 2), date(2024, 1, 1), 1.0), stale_after=timedelta(hours=5))
    frame = joined(times(utc(2024, 1, 2, 5), utc(2024, 1, 2, 5, 0, 0, 1)), [series])
    assert frame["it_value"].to_list() == [1.0, None]
    assert frame["it_age_hours"].to_list() == pytest.approx([5.0, 5.0])


def test_rows_and_their_columns_stay_as_they_are_whatever_is_joined():
    rows = hours(5).with_columns(close=pl.int_range(5))
    one, other = series_of((START, date(2023, 12, 1), 1.0)), series_of((START, date(2023, 12, 1), 2.0), name="other")
    frame = joined(rows, [one, other])
    assert frame.columns == ["known_at", "close", "it_value", "it_age_hours", "other_value", "other_age_hours"]
    assert frame.select(rows.columns).equals(rows)
    assert joined(rows, []).equals(rows)


def test_a_series_about_nothing_here_gives_missing_values():
    frame = joined(hours(2), [series_of((START, date(2023, 12, 1), 1.0)).of("Y")])
    assert frame["it_value"].to_list() == frame["it_age_hours"].to_list() == [None, None]


def test_rows_that_cannot_be_joined_are_refused():
    series = [series_of((START, date(2023, 12, 1), 1.0))]
    for rows in (hours(3).rename({"known_at": "time"}), hours(3).reverse(), hours(3).with_columns(pl.col("known_at").shift(1))):
        with pytest.raises(BadInputError, match="UTC microseconds, none missing, ascending"):
            joined(rows, series)


def test_names_that_are_taken_and_subjects_that_are_mixed_are_refused():
    one = series_of((START, date(2023, 12, 1), 1.0))
    with pytest.raises(BadInputError, match="names not taken yet"):
        joined(hours(3), [one, one])
    mixed = ContextSeries("it", pl.concat([one.frame, one.frame.with_columns(subject=pl.lit("Y"))]), one.stale_after)
    with pytest.raises(BadInputError, match="has 2 subjects"):
        joined(hours(3), [mixed])
