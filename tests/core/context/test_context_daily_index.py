"""Daily indices: known at 16:15 New York, summer and winter, and what is refused."""

import polars as pl
import pytest
from context_examples import times, utc, written

from fxgpt_core.context.as_of import joined
from fxgpt_core.context.daily_index import read_daily_index
from fxgpt_core.errors import BadInputError


def vix(folder, *lines, header="date,open,high,low,close"):
    return read_daily_index(written(folder, "\n".join([header, *lines]) + "\n"), "vix")


def test_a_close_is_known_a_quarter_of_an_hour_after_it_in_summer_and_winter(tmp_path):
    dates = ["2024-03-08", "2024-03-11", "2024-11-01", "2024-11-04", "2024-11-29"]
    series = vix(tmp_path, *(f"{day},1,2,0.5,{14 + i}" for i, day in enumerate(dates)))
    # New York's summer time began on March 10 and ended on November 3; November 29 was a half day, taken as a whole one.
    assert series.frame["known_at"].to_list() == [
        utc(2024, 3, 8, 21, 15), utc(2024, 3, 11, 20, 15), utc(2024, 11, 1, 20, 15), utc(2024, 11, 4, 21, 15),
        utc(2024, 11, 29, 21, 15),
    ]  # fmt: skip
    assert series.frame["close"].to_list() == [14.0, 15.0, 16.0, 17.0, 18.0]
    assert set(series.frame["subject"]) == {"VIX"}


def test_the_value_of_a_day_is_not_there_during_that_day(tmp_path):
    series = vix(tmp_path, "2024-01-04,1,1,1,14.13", "2024-01-05,1,1,1,13.35")
    frame = joined(
        times(utc(2024, 1, 5, 20), utc(2024, 1, 5, 21), utc(2024, 1, 5, 22), utc(2024, 1, 8, 12), utc(2024, 1, 11)), [series]
    )
    assert frame["vix_close"].to_list() == [14.13, 14.13, 13.35, 13.35, None]


def test_parquet_with_stamps_of_midnight_and_csv_of_cboe_say_the_same(tmp_path):
    path = tmp_path / "vix.parquet"
    pl.DataFrame({"ts": [utc(2024, 1, 2), utc(2024, 1, 16)], "close": [13.2, 13.84]}).write_parquet(path)
    american = vix(tmp_path, "01/02/2024,13.21,14.23,13.10,13.20", "01/16/2024,13,14,13,13.84", header="DATE,OPEN,HIGH,LOW,CLOSE")
    assert read_daily_index(path, "vix").frame.equals(american.frame)


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (["01/02/2024,1,1,1,1", "03/04/2024,1,1,1,1"], "stamps cannot be read"),
        (["02/01/2024,1,1,1,1", "16/01/2024,1,1,1,1"], "stamps cannot be read"),
        (["2024-01-06,1,1,1,13"], "1 of 1 rows are of a Saturday or Sunday"),
        (["2024-01-05,1,1,1,0"], "have no close above zero"),
        (["2024-01-05,1,1,1,"], "have no close above zero"),
        (["2024-01-05,1,1,1,1e999"], "1 of 1 values of close are not numbers"),
        (["2024-01-05,1,1,1,thirteen"], "'thirteen' in data row 1"),
        (["2024-01-05 09:30,1,1,1,13"], "1 of 1 values of date have a time of day"),
        (["2024-01-05,1,1,1,13", "2024-01-05,1,1,1,14"], "2 of 2 rows for the same date"),
        ([], "no row below its header"),
    ],
)
def test_what_is_no_daily_close_is_refused_in_words(tmp_path, lines, match):
    with pytest.raises(BadInputError, match=match):
        vix(tmp_path, *lines)


def test_a_file_without_close_or_name_or_at_all_is_refused(tmp_path):
    with pytest.raises(BadInputError, match=r"has no column close or vix_close \(found: date, last"):
        vix(tmp_path, "2024-01-05,13", header="date,last")
    with pytest.raises(BadInputError, match="more than one column close"):
        vix(tmp_path, "2024-01-05,13,14", header="date,close,Close")
    with pytest.raises(BadInputError, match="there is no file"):
        read_daily_index(tmp_path / "nothing.csv", "vix")
    with pytest.raises(BadInputError, match="not a table by its name"):
        read_daily_index(written(tmp_path, "x", "vix.xlsx"), "vix")
    with pytest.raises(BadInputError, match="cannot be read"):
        read_daily_index(written(tmp_path, "this is no parquet", "vix.parquet"), "vix")
