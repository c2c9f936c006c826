from datetime import UTC, datetime

import polars as pl
import pytest

from fxgpt_core.candles.stamps import utc_stamps
from fxgpt_core.errors import CandleSchemaError

EXPECTED = [datetime(2024, 1, 31, 17, 0, tzinfo=UTC), datetime(2024, 1, 31, 18, 0, tzinfo=UTC)]
SECONDS = [int(stamp.timestamp()) for stamp in EXPECTED]


@pytest.mark.parametrize(
    "texts",
    [
        ["2024-01-31 17:00:00", "2024-01-31 18:00:00"],
        ["2024-01-31 17:00", "2024-01-31 18:00"],
        ["2024-01-31T17:00:00Z", "2024-01-31T18:00:00Z"],
        ["2024-01-31T17:00:00.000Z", "2024-01-31T18:00:00.000Z"],
        ["2024-01-31 17:00:00+00:00", "2024-01-31 18:00:00+00:00"],
        ["2024-01-31T19:00:00+02:00", "2024-01-31T20:00:00+02:00"],
        ["2024-01-31 12:00-0500", "2024-01-31 13:00-0500"],
        ["2024-01-31 17:00:00 UTC", "2024-01-31 18:00:00 UTC"],
        ["2024.01.31 17:00", "2024.01.31 18:00"],
        [" 2024/01/31 17:00:00", "2024/01/31 18:00:00 "],
        ["2024-01-31 17:00", "2024-01-31 18:00:00.000"],
        *[[str(second * unit) for second in SECONDS] for unit in (1, 1_000, 1_000_000, 1_000_000_000)],
        [f"{second}.0" for second in SECONDS],
    ],
)
def test_each_form_of_text_is_read_as_utc(texts: list[str]) -> None:
    assert utc_stamps(pl.Series("time", texts), "file").to_list() == EXPECTED


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_epoch_numbers_are_read_in_the_unit_their_size_tells(unit: int) -> None:
    assert utc_stamps(pl.Series("time", [second * unit for second in SECONDS]), "file").to_list() == EXPECTED
    if unit < 1_000_000_000:
        assert utc_stamps(pl.Series("time", [float(second * unit) for second in SECONDS]), "file").to_list() == EXPECTED


def test_typed_stamps_are_read_and_naive_ones_taken_for_utc() -> None:
    naive = pl.Series("time", [stamp.replace(tzinfo=None) for stamp in EXPECTED])
    assert utc_stamps(naive, "file").to_list() == EXPECTED
    aware = pl.Series("time", EXPECTED).dt.convert_time_zone("Asia/Tokyo").dt.cast_time_unit("ns")
    assert utc_stamps(aware, "file").to_list() == EXPECTED
    assert utc_stamps(pl.Series("time", [EXPECTED[0].date()]), "file").to_list() == [datetime(2024, 1, 31, tzinfo=UTC)]
    assert utc_stamps(aware, "file").dtype == pl.Datetime("us", "UTC")


def test_days_are_read_as_midnight_utc() -> None:
    assert utc_stamps(pl.Series("time", ["2024-01-31"]), "file").to_list() == [datetime(2024, 1, 31, tzinfo=UTC)]


def test_stamps_of_which_only_some_have_a_zone_are_refused_naming_the_first() -> None:
    mixed = pl.Series("time", ["2024-01-31 17:00:00+00:00", "2024-01-31 18:00:00", "2024-01-31 19:00:00"])
    with pytest.raises(CandleSchemaError, match=r"a.csv: 1 of 3 stamps have a time zone.*'2024-01-31 18:00:00'.*in UTC"):
        utc_stamps(mixed, "a.csv")


@pytest.mark.parametrize("text", ["31.01.2024 18:00", "01/31/2024 18:00", "yesterday", "", "2024-02-30 18:00"])
def test_a_stamp_that_cannot_be_read_is_named_with_its_row(text: str) -> None:
    with pytest.raises(CandleSchemaError, match=r"a.csv: 1 of 2 stamps cannot be read \(first: '.*' in data row 2\); ISO stamps"):
        utc_stamps(pl.Series("time", ["2024-01-31 17:00", text]), "a.csv")


def test_missing_stamps_and_other_types_are_refused() -> None:
    with pytest.raises(CandleSchemaError, match=r"1 of 2 stamps cannot be read \(first: an empty cell in data row 2"):
        utc_stamps(pl.Series("time", [EXPECTED[0], None]), "a.parquet")
    with pytest.raises(CandleSchemaError, match="type Boolean"):
        utc_stamps(pl.Series("time", [True]), "a.parquet")
