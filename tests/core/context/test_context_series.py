"""What a context series is, and that its hash is that of its rows."""

from datetime import date, timedelta

import polars as pl
import pytest
from context_examples import ALWAYS, series_of, utc

from fxgpt_core.context.series import checked_series, context_sha256
from fxgpt_core.errors import BadInputError

ROWS = ((utc(2024, 1, 3), date(2024, 1, 2), 2.0), (utc(2024, 1, 2), date(2024, 1, 1), 1.0))


def refused(frame: pl.DataFrame, match: str, ends_after: timedelta = timedelta(0)) -> None:
    with pytest.raises(BadInputError, match=match):
        checked_series("it", frame, ALWAYS, ends_after)


def test_rows_are_sorted_by_when_they_were_known():
    assert series_of(*ROWS).frame["value"].to_list() == [1.0, 2.0]
    assert series_of(*ROWS).values == ("value",)


def test_several_publications_for_one_date_are_revisions_and_allowed():
    revised = series_of(*ROWS, (utc(2024, 1, 4), date(2024, 1, 2), 2.5))
    assert revised.frame["value"].to_list() == [1.0, 2.0, 2.5]


def test_the_same_date_twice_at_one_moment_contradicts_itself():
    frame = series_of(*ROWS).frame
    refused(pl.concat([frame, frame.head(1)]), match="2 of 3 rows for the same date, subject and moment")


def test_a_value_cannot_be_known_before_its_day_has_ended():
    frame = series_of(*ROWS).frame
    assert len(checked_series("it", frame, ALWAYS, timedelta(days=1)).frame) == 2
    refused(frame, match="2 of 2 rows published before what they are about had ended", ends_after=timedelta(hours=24, seconds=1))


@pytest.mark.parametrize(
    ("broken", "match"),
    [
        (pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("known_at"), "2 of 2 rows without known_at"),
        (pl.lit(None, dtype=pl.String).alias("subject"), "without known_at, refers_to or subject"),
        (pl.col("known_at").dt.replace_time_zone(None), r"known_at \(Datetime.* cannot be used"),
        (pl.lit(float("nan")).alias("value"), "2 of 2 rows with a number that is not finite"),
        (pl.lit(float("inf")).alias("value"), "with a number that is not finite"),
        (pl.lit(1).alias("value"), r"value \(Int32\) cannot be used"),
    ],
)
def test_what_is_no_series_is_refused_in_words(broken, match):
    refused(series_of(*ROWS).frame.with_columns(broken), match=match)


def test_a_series_without_values_or_rows_is_refused():
    refused(series_of(*ROWS).frame.drop("value"), match="no value column")
    refused(series_of(*ROWS).frame.clear(), match="there are 0 rows")


def test_a_missing_value_is_allowed():
    assert series_of((utc(2024, 1, 2), date(2024, 1, 1), None)).frame["value"].to_list() == [None]


MIXED = series_of(*ROWS).frame.with_columns(word=pl.Series(["a", None]), flag=pl.Series([True, None]))
CHANGES = {
    "a value": pl.col("value") + 1e-12,
    "a value that is gone": pl.when(pl.col("value") > 1.0).then("value"),
    "a moment": pl.col("known_at") + timedelta(microseconds=1),
    "a date": pl.col("refers_to") - timedelta(days=1),
    "a subject": pl.lit("Y").alias("subject"),
    "a word": pl.lit("b").alias("word"),
    "a word that is gone": pl.lit(None, dtype=pl.String).alias("word"),
    "an empty word for none": pl.col("word").fill_null(""),
    "false for none": pl.col("flag").fill_null(False),
    "a name": pl.col("value").alias("other"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_hash_changes_with_any_change(change):
    assert context_sha256(MIXED.with_columns(CHANGES[change])) != context_sha256(MIXED)


def test_the_hash_does_not_depend_on_how_rows_are_held():
    chunked = pl.concat([MIXED.head(1), MIXED.tail(1)], rechunk=False)
    assert context_sha256(chunked) == context_sha256(MIXED)
    minus_zero = series_of((utc(2024, 1, 2), date(2024, 1, 1), -0.0)).frame
    assert context_sha256(minus_zero) == context_sha256(minus_zero.with_columns(value=pl.lit(0.0)))


def test_words_that_run_together_are_different_words():
    first, second = (MIXED.with_columns(word=pl.Series(words)) for words in (["ab", "c"], ["a", "bc"]))
    assert context_sha256(first) != context_sha256(second)
