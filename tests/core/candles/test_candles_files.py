import gzip
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from fxgpt_core.candles.providers.files import read_candle_file
from fxgpt_core.errors import BadInputError, CandleSchemaError

ROWS = [(1.10, 1.12, 1.09, 1.11, 5.0), (1.11, 1.13, 1.10, 1.12, 6.0)]
STAMPS = [datetime(2024, 1, 31, 17, tzinfo=UTC), datetime(2024, 1, 31, 18, tzinfo=UTC)]
EXPECTED = pl.DataFrame(
    {"open_time": STAMPS} | dict(zip(("open", "high", "low", "close", "volume"), zip(*ROWS, strict=True), strict=True))
)


ISO = ("2024-01-31 17:00", "2024-01-31 18:00")


def write(folder: Path, header: str, separator: str = ",", stamps: tuple[str, ...] = ISO) -> Path:
    lines = [header] + [separator.join((stamp, *map(str, row))) for stamp, row in zip(stamps, ROWS, strict=True)]
    path = folder / "candles.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("time", ["time", "timestamp", "Date", "DATETIME", "open_time", "ts", "", "<TIME>"])
def test_each_name_of_the_time_column_is_read_in_any_case(tmp_path: Path, time: str) -> None:
    assert read_candle_file(write(tmp_path, f"{time},Open,HIGH,low,Close,Volume")).equals(EXPECTED)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_commas_semicolons_and_tabs_separate(tmp_path: Path, separator: str) -> None:
    header = separator.join(("time", "open", "high", "low", "close", "tick_volume"))
    assert read_candle_file(write(tmp_path, header, separator)).equals(EXPECTED)


def test_a_metatrader_export_with_date_and_time_in_two_columns_is_read(tmp_path: Path) -> None:
    header = "\t".join(("<DATE>", "<TIME>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<TICKVOL>"))
    path = write(tmp_path, header, "\t", ("2024.01.31\t17:00:00", "2024.01.31\t18:00:00"))
    assert read_candle_file(path).equals(EXPECTED)


def test_volume_may_be_absent_and_is_then_zero(tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    EXPECTED.drop("volume").write_csv(path)
    assert read_candle_file(path).equals(EXPECTED.with_columns(volume=pl.lit(0.0)))


@pytest.mark.parametrize("name", ["candles.parquet", "CANDLES.PARQUET"])
def test_parquet_is_read_with_other_columns_ignored(tmp_path: Path, name: str) -> None:
    EXPECTED.rename({"open_time": "ts", "close": "Close"}).with_columns(spread=pl.lit(1)).write_parquet(tmp_path / name)
    assert read_candle_file(tmp_path / name).equals(EXPECTED)


def test_a_byte_order_mark_and_a_compressed_file_are_read(tmp_path: Path) -> None:
    marked = tmp_path / "marked.csv"
    marked.write_bytes(b"\xef\xbb\xbf" + write(tmp_path, "time,open,high,low,close,volume").read_bytes())
    assert read_candle_file(marked).equals(EXPECTED)
    packed = tmp_path / "packed.csv.gz"
    for separator in (b",", b";"):
        packed.write_bytes(gzip.compress(marked.read_bytes().replace(b",", separator)))
        assert read_candle_file(packed).equals(EXPECTED)


def test_rows_come_out_in_time_order_and_duplicates_are_left_for_the_schema_check(tmp_path: Path) -> None:
    header = "time,open,high,low,close,volume"
    newest_first = write(tmp_path, header, stamps=("2024-01-31 18:00", "2024-01-31 17:00"))
    assert read_candle_file(newest_first)["open_time"].to_list() == STAMPS
    twice = write(tmp_path, header, stamps=("2024-01-31 18:00", "2024-01-31 18:00"))
    assert len(read_candle_file(twice)) == 2


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("", BadInputError, r"cannot be read .*CSV file with a header"),
        ("time,open,high\n1,2,3\n", CandleSchemaError, r"lacks the columns low, close \(found: time, open, high\); needed"),
        ("open,high,low,close\n1,2,3,4\n", CandleSchemaError, r"has 0 time columns \(none\); exactly one of time, timestamp"),
        ("time,ts,open,high,low,close\n1,1,2,3,4,5\n", CandleSchemaError, r"has 2 time columns \(time, ts\)"),
        ("time,open,high,low,close,Close\n1,2,3,4,5,6\n", CandleSchemaError,
         r"more than one column named close .*remove the other"),
        ("time,open,high,low,close\n2024-01-31 17:00,1.1,1.2,1.0,x\n", CandleSchemaError,
         r"1 values of close are not numbers \(first: 'x' in data row 1\); a decimal point"),
        ("time;open;high;low;close\n2024-01-31 17:00;1,1;1,2;1,0;1,1\n", CandleSchemaError,
         r"1 values of open are not numbers \(first: '1,1'"),
        ("time,open,high,low,close\n2024-01-31 17:00,1.1,1.2,,1.1\n", CandleSchemaError,
         r"1 values of low are not numbers \(first: None"),
        ("time,open,high,low,close\n31/01/2024,1.1,1.2,1.0,1.1\n", CandleSchemaError,
         r"1 of 1 stamps cannot be read \(first: '31/01/2024'"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_naming_why(
    tmp_path: Path, content: str, error: type[Exception], message: str
) -> None:
    path = tmp_path / "candles.csv"
    path.write_text(content)
    with pytest.raises(error, match=message):
        read_candle_file(path)


def test_a_missing_file_a_foreign_name_and_a_broken_parquet_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"there is no file .*none\.csv; .*check the path"):
        read_candle_file(tmp_path / "none.csv")
    (tmp_path / "candles.xlsx").write_bytes(b"PK")
    with pytest.raises(BadInputError, match=r"not a candle file by its name; allowed are \.csv, "):
        read_candle_file(tmp_path / "candles.xlsx")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(BadInputError, match=r"broken\.parquet cannot be read"):
        read_candle_file(tmp_path / "broken.parquet")


def test_a_header_without_rows_gives_no_candles(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("time,open,high,low,close\n")
    assert read_candle_file(tmp_path / "empty.csv").shape == (0, 6)
