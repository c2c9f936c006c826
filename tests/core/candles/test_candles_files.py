import gzip
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from fxgpt_core.candles.providers.files import FilesProvider, checked_candle_file, read_candle_file
from fxgpt_core.errors import BadInputError, CandleSchemaError
from fxgpt_core.market.timeframes import Timeframe

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
    EXPECTED.rename({"open_time": "ts", "close": "Close"}).with_columns(bid_open=pl.lit(1)).write_parquet(tmp_path / name)
    assert read_candle_file(tmp_path / name).equals(EXPECTED)


@pytest.mark.parametrize("name", ["candles.csv", "candles.parquet"])
def test_a_spread_is_read_and_an_empty_cell_is_one_that_is_not_known(tmp_path: Path, name: str) -> None:
    given = EXPECTED.with_columns(pl.Series(" Spread", [0.0002, None]), bid_close=pl.lit(1.0), ask_close=pl.lit(2.0))
    given.write_csv(tmp_path / name) if name.endswith("csv") else given.write_parquet(tmp_path / name)
    assert read_candle_file(tmp_path / name).equals(EXPECTED.with_columns(spread=pl.Series([0.0002, None])))


def test_without_a_spread_the_quotes_at_the_close_tell_it(tmp_path: Path) -> None:
    quotes = EXPECTED.with_columns(BID_CLOSE=pl.Series([1.109, 1.25]), ask_close=pl.Series([1.111, 1.125]), bid_open=pl.lit(9.0))
    quotes.write_csv(tmp_path / "quotes.csv")
    assert read_candle_file(tmp_path / "quotes.csv")["spread"].to_list() == [1.111 - 1.109, -0.125]
    with pytest.raises(CandleSchemaError, match=r"quotes\.csv: 1 of 2 candles with a crossed quote .*first: 2024-01-31T18:00"):
        checked_candle_file(tmp_path / "quotes.csv", Timeframe.H1)
    quotes.drop("ask_close").write_csv(tmp_path / "bids.csv")
    assert read_candle_file(tmp_path / "bids.csv").equals(EXPECTED)


def test_a_spread_that_is_no_number_is_named_with_its_row(tmp_path: Path) -> None:
    EXPECTED.with_columns(spread=pl.Series(["", "wide"])).write_csv(tmp_path / "wide.csv")
    with pytest.raises(CandleSchemaError, match="1 values of spread are not numbers \\(first: 'wide' in data row 2"):
        read_candle_file(tmp_path / "wide.csv")


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
        ("open,high,low,close\n1,2,3,4\n", CandleSchemaError,
         r"has 0 time columns \(none; found: open, high, low, close\); exactly one of time"),
        ("time,ts,open,high,low,close\n1,1,2,3,4,5\n", CandleSchemaError,
         r"has 2 time columns \(time, ts; found: time, ts, open, high, low, close\)"),
        ("time,open,high,low,close,Close\n1,2,3,4,5,6\n", CandleSchemaError,
         r"more than one column named close .*remove the other"),
        ("time,open,high,low,close\n2024-01-31 17:00,1.1,1.2,1.0,x\n", CandleSchemaError,
         r"1 values of close are not numbers \(first: 'x' in data row 1\); a decimal point"),
        ("time;open;high;low;close\n2024-01-31 17:00;1,1;1,2;1,0;1,1\n", CandleSchemaError,
         r"1 values of open are not numbers \(first: '1,1'"),
        ("time,open,high,low,close\n2024-01-31 17:00,1.1,1.2,,1.1\n", CandleSchemaError,
         r"1 values of low are not numbers \(first: an empty cell in data row 1"),
        ("2024-01-31 17:00,1.1,1.2,1.0,1.1\n", CandleSchemaError,
         r"has 0 time columns \(none; found: 2024-01-31 17:00, 1.1, .*; the first line looks like data: add a header line\)"),
        ("stamp,o,h,l,c,v\n2024-01-31 17:00,1.1,1.2,1.0,1.1,1\n", CandleSchemaError, r"found: stamp, o, h, l, c, v\); exactly"),
        ("time,open,high,low,Closing\n2024-01-31 17:00,1.1,1.2,1.0,1.1\n", CandleSchemaError,
         r"lacks the columns close \(found: time, open, high, low, Closing\)"),
        ("time,open,high,low,close\n2024-01-31 17:00,1,1,1,1\n2024-01-31 18:00,1,1,1,1,9\n", BadInputError,
         r"candles\.csv cannot be read \(found more fields than defined in 'Schema', in line 3\); a CSV file"),
        ('time,open,high,low,close\n2024-01-31 17:00,1,1,1,1\n"2024-01-31 18:00,1,1,1,1\n', BadInputError,
         r"candles\.csv cannot be read \([^\n]*, in line 3\); a CSV file"),
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


def test_a_nameless_index_beside_a_named_time_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    named = EXPECTED.with_columns(pl.col("open_time").dt.strftime("%Y-%m-%d %H:%M")).rename({"open_time": "date"})
    named.with_row_index("").write_csv(path)
    assert read_candle_file(path).equals(EXPECTED)


def test_what_the_check_of_the_series_refuses_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "time,open,high,low,close,volume", stamps=("2024-01-31 17:30", "2024-01-31 18:30"))
    with pytest.raises(CandleSchemaError, match=r"candles\.csv: 2 of 2 candles off the grid of 1h"):
        checked_candle_file(path, Timeframe.H1)
    with pytest.raises(CandleSchemaError, match=r"candles\.csv: 2 of 2 candles off the grid of 1h"):
        FilesProvider({("EURUSD", Timeframe.H1): path}).candles("EURUSD", Timeframe.H1)


def test_a_directory_another_encoding_and_a_cut_archive_are_called_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(BadInputError, match=r"folder\.csv is a directory; a CSV or Parquet file"):
        read_candle_file(tmp_path / "folder.csv")
    with pytest.raises(BadInputError, match=r"there is no file x+\.csv"):
        read_candle_file(Path("x" * 300 + ".csv"))
    wide = tmp_path / "wide.csv"
    wide.write_bytes("time,open,high,low,close\n".encode("utf-16"))
    with pytest.raises(BadInputError, match=r"wide\.csv is written in UTF-16; UTF-8 is needed; save it"):
        read_candle_file(wide)
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(b"time,open,high,low,close\n" + b"2024-01-31 17:00,1.1,1.2,1.0,1.1\n" * 99)[:-9])
    with pytest.raises(BadInputError, match=r"cut\.csv\.gz cannot be read \([^\n]*\); a CSV file"):
        read_candle_file(cut)


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
