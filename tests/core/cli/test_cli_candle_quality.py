"""fxgpt candles quality, as a person meets it."""

from datetime import timedelta

import polars as pl
import pytest

from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.timeframes import Timeframe

SERIES = ("--symbol", "EURUSD", "--timeframe", "1h")


@pytest.fixture(scope="module")
def sample() -> pl.DataFrame:
    return SampleProvider().candles("EURUSD", Timeframe.H1)


def test_the_sample_is_green_in_every_month(fxgpt, stored):
    answer = fxgpt("candles", "quality", *SERIES, "--json")
    assert answer.code == 0
    assert (answer.json["grade"], answer.json["source"], answer.json["counts"]) == ("GREEN", "sample", {})
    assert [month["month"] for month in answer.json["months"]] == [
        *(f"2017-{number:02d}" for number in range(4, 13)),
        "2018-01",
        "2018-02",
    ]
    assert sum(month["holiday"] for month in answer.json["months"]) == 48
    assert stored() == {}


def test_a_longer_timeframe_is_graded_by_the_candles_it_is_made_of(fxgpt):
    answer = fxgpt("candles", "quality", "--symbol", "EURUSD", "--timeframe", "1d", "--json")
    assert (answer.json["timeframe"], answer.json["rows"]) == ("1h", 5000)


def test_a_raw_file_that_no_import_would_take_is_read_and_ends_with_5(fxgpt, tmp_path, sample):
    file = tmp_path / "raw.csv"
    pl.concat([sample, sample[300]]).write_csv(file)
    answer = fxgpt("candles", "quality", *SERIES, "--file", file)
    assert answer.code == 5
    (line,) = [line for line in answer.out.splitlines() if "RED" in line and line.startswith("2017")]
    assert "duplicated_stamp: 1 (0.18%), none is allowed" in line
    assert answer.out.splitlines()[-1].endswith("RED; months: 10 GREEN, 0 YELLOW, 1 RED; found: 1 duplicated_stamp")


def test_bid_and_ask_of_a_parquet_file_are_compared_row_by_row_whatever_their_order(fxgpt, tmp_path, sample):
    quotes = sample.with_columns(bid_close=pl.col("close") - 0.0001, ask_close=pl.col("close") + 0.0001)
    crossed = pl.int_range(pl.len()) == 700
    quotes = quotes.with_columns(bid_close=pl.when(crossed).then(pl.col("close") + 0.001).otherwise("bid_close"))
    file = tmp_path / "quotes.parquet"
    quotes.reverse().write_parquet(file)
    answer = fxgpt("candles", "quality", *SERIES, "--file", file, "--json")
    (finding,) = answer.json["findings"]
    assert (answer.code, finding["kind"]) == (0, "crossed_quotes")
    assert finding["open_time"] == sample["open_time"][700].isoformat()
    assert finding["value"] == pytest.approx(0.0009)


def test_a_second_source_tells_the_hours_by_which_a_file_is_wrong(fxgpt, tmp_path, sample):
    right, late = tmp_path / "right.csv", tmp_path / "late.csv"
    sample.write_csv(right)
    sample.with_columns(pl.col("open_time") + timedelta(hours=3)).write_csv(late)
    answer = fxgpt("candles", "quality", *SERIES, "--file", late, "--against", right, "--json")
    assert answer.code == 5
    assert answer.json["counts"]["wrong_time_zone"] == 11
    assert fxgpt("candles", "quality", *SERIES, "--file", right, "--against", right).code == 0


def test_a_series_that_nobody_has_is_missing_and_a_file_that_is_none_is_bad_input(fxgpt, tmp_path):
    assert fxgpt("candles", "quality", "--symbol", "USDJPY", "--timeframe", "1h").code == 4
    assert fxgpt("candles", "quality", *SERIES, "--file", tmp_path / "none.csv").code == 3
