import math
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.validation.lookahead import ROWS, lookahead_differences, spread_cuts

START = datetime(2024, 1, 2, tzinfo=UTC)


def candles(n: int = 20) -> pl.DataFrame:
    stamps = [START + timedelta(hours=row) for row in range(n)]
    return pl.DataFrame({"open_time": stamps, "close": [float(row * row) for row in range(n)]})


def honest(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select("open_time", value=pl.col("close").rolling_mean(3), text=pl.col("close").cast(pl.String))


def test_an_honest_computation_is_clean_and_the_report_says_what_was_compared() -> None:
    report = lookahead_differences(honest, candles(), [5, 12])
    assert report.clean
    assert (report.cuts, report.rows_compared, report.columns_compared) == ((5, 12), 17, ("value", "text"))


def test_a_difference_names_column_times_rows_and_size() -> None:
    leaky = lookahead_differences(
        lambda f: f.select("open_time", value=pl.col("close") - pl.col("close").last()), candles(), [5, 12]
    )
    (found,) = leaky.differences
    assert found.column == "value"
    assert found.first_time == START
    assert found.cut_time == START + timedelta(hours=4)
    assert found.n_rows == 17
    assert found.max_difference == 19.0**2 - 4.0**2


def test_a_value_that_only_the_future_gives_is_an_infinite_difference() -> None:
    (found,) = lookahead_differences(lambda f: f.select("open_time", value=pl.col("close").shift(-1)), candles(), [5]).differences
    assert (found.n_rows, found.max_difference) == (1, math.inf)
    assert found.first_time == found.cut_time == START + timedelta(hours=4)


def test_null_equals_null_and_nan_equals_nan_but_not_each_other() -> None:
    both = lookahead_differences(lambda f: f.select("open_time", a=pl.lit(None, pl.Float64), b=pl.lit(math.nan)), candles(), [5])
    assert both.clean
    swapped = lookahead_differences(
        lambda f: f.select("open_time", a=pl.when(pl.len() == 20).then(math.nan).otherwise(None)), candles(), [5]
    )
    assert swapped.differences[0].max_difference == math.inf


def test_a_row_that_vanishes_with_the_future_is_a_difference() -> None:
    (found,) = lookahead_differences(lambda f: f.head(-1), candles(), [5]).differences
    assert (found.column, found.n_rows) == (ROWS, 1)
    assert found.first_time == START + timedelta(hours=4)


def test_a_row_that_only_appears_without_the_future_is_a_difference() -> None:
    (found,) = lookahead_differences(lambda f: f.tail(6), candles(), [8]).differences
    assert (found.column, found.n_rows) == (ROWS, 6)


def test_a_column_that_comes_only_with_the_future_is_a_difference() -> None:
    (found,) = lookahead_differences(lambda f: f if len(f) == 20 else f.drop("close"), candles(), [8]).differences
    assert (found.column, found.n_rows, found.max_difference) == ("close", 8, math.inf)


def test_text_that_changes_is_a_difference() -> None:
    report = lookahead_differences(lambda f: f.select("open_time", label=pl.len().cast(pl.String)), candles(), [8])
    assert [found.column for found in report.differences] == ["label"]


@pytest.mark.parametrize(("tolerance", "clean"), [(0.0, False), (1e-13, False), (1e-11, True)])
def test_the_tolerance_is_relative_to_the_larger_value(tolerance: float, clean: bool) -> None:
    def drifting(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.select("open_time", value=1e6 * (1.0 + 1e-12 * pl.len()))

    assert lookahead_differences(drifting, candles(), [19], relative_tolerance=tolerance).clean is clean


def test_a_change_of_the_last_bit_is_seen() -> None:
    report = lookahead_differences(lambda f: f.select("open_time", value=pl.lit(1.0 + 2.0**-52 * (len(f) == 20))), candles(), [5])
    assert report.differences[0].max_difference == 2.0**-52


def test_another_time_column_can_be_named() -> None:
    renamed = candles().rename({"open_time": "known_at"})
    assert lookahead_differences(lambda f: f, renamed, time_column="known_at").clean


@pytest.mark.parametrize("cuts", [[], [0], [20], [5, 21], [-1]])
def test_cuts_that_leave_nothing_to_compare_are_refused(cuts: list[int]) -> None:
    with pytest.raises(BadInputError, match=r"the cuts \[.*\] cannot be used on 20 candles; .*choose such cuts"):
        lookahead_differences(honest, candles(), cuts)


def test_a_computation_without_the_time_column_or_with_repeated_times_is_refused() -> None:
    with pytest.raises(BadInputError, match="gave the columns close; it must give 'open_time'"):
        lookahead_differences(lambda f: f.select("close"), candles())
    with pytest.raises(BadInputError, match="one row for each time"):
        lookahead_differences(lambda f: pl.concat([f, f]), candles())


def test_spread_cuts_spread_from_a_third_to_the_last_row_but_one() -> None:
    assert spread_cuts(5000) == (1666, 2499, 3332, 4165, 4999)
    assert spread_cuts(3) == (1, 2)
    assert spread_cuts(1) == ()
    assert spread_cuts(100, 1) == (99,)
    assert len(spread_cuts(5000, 40)) == 40
