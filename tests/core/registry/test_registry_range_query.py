"""A range query gives the rows of a span as reading the whole file does, reads nothing else, and refuses what cannot be right."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from registry_examples import lake_of

from fxgpt_core.candles.store import CandleStore
from fxgpt_core.errors import BadInputError, CorruptArtifactError, MissingError
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.parquet import ROWS_PER_GROUP, parquet_bytes
from fxgpt_core.registry.range_query import RangeReader, SeriesFile, lake_files, stored_files

M1 = Timeframe.M1
START = datetime(2021, 1, 4, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def minutes(n: int, first_price: float = 1.1) -> pl.DataFrame:
    start_us = int(START.timestamp()) * 1_000_000
    times = expected_open_times(start_us, start_us + 3 * n * M1.us, M1)[:n]
    close = first_price + pl.int_range(n, eager=True) % 977 * 1e-5
    return pl.DataFrame(
        {
            "open_time": pl.Series(times).cast(pl.Datetime("us", "UTC")),
            **{"open": close, "high": close + 1e-4, "low": close - 1e-4, "close": close + 1e-5},
            "volume": pl.int_range(n, eager=True).cast(pl.Float64),
        }
    )


def series_file(path: Path, frame: pl.DataFrame, symbol: str = "EURUSD") -> SeriesFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(parquet_bytes(frame))
    return SeriesFile(symbol, path, len(frame))


@pytest.fixture(scope="module")
def long() -> pl.DataFrame:
    return minutes(ROWS_PER_GROUP * 2 + 1000)


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory, long: pl.DataFrame) -> SeriesFile:
    return series_file(tmp_path_factory.mktemp("long") / "long.parquet", long)


@pytest.fixture
def reader():
    with RangeReader() as reader:
        yield reader


@pytest.mark.parametrize(
    ("first", "n"),
    [(0, 1), (0, 500), (ROWS_PER_GROUP - 1, 2), (ROWS_PER_GROUP, 1), (70_000, 65_000), (ROWS_PER_GROUP * 2 + 999, 1)],
)
def test_a_span_is_what_filtering_the_whole_file_gives(reader, long, long_file, first, n):
    expected = long[first : first + n]
    span = expected["open_time"][0], expected["open_time"][-1] + timedelta(microseconds=1)
    found = reader.read([long_file], *span)
    assert found.drop("symbol").equals(expected)
    assert found.columns == ["symbol", *long.columns]
    assert set(found["symbol"]) == {"EURUSD"}


def test_the_start_is_in_the_span_and_the_stop_is_not(reader, long, long_file):
    found = reader.read([long_file], long["open_time"][10], long["open_time"][12])
    assert found["open_time"].to_list() == long["open_time"][10:12].to_list()


def test_a_span_without_rows_is_an_empty_table_with_every_column(reader, long, long_file):
    saturday = datetime(2021, 1, 9, tzinfo=UTC)
    found = reader.read([long_file], saturday, saturday + timedelta(hours=5))
    assert (len(found), found.columns) == (0, ["symbol", *long.columns])


def test_the_columns_asked_for_come_in_that_order_after_the_time(reader, long, long_file):
    found = reader.read([long_file], START, START + 3 * MINUTE, ["volume", "open"])
    assert found.columns == ["symbol", "open_time", "volume", "open"]
    assert found["volume"].to_list() == [0.0, 1.0, 2.0]


def test_row_groups_outside_the_span_are_not_read(reader, tmp_path, long, long_file):
    content = bytearray(long_file.path.read_bytes())
    groups = pq.ParquetFile(long_file.path).metadata
    last = groups.row_group(groups.num_row_groups - 1).column(0)
    starts_at = min(last.data_page_offset, last.dictionary_page_offset or last.data_page_offset)
    content[4:starts_at] = bytes(starts_at - 4)
    (tmp_path / "damaged.parquet").write_bytes(bytes(content))
    damaged = SeriesFile("EURUSD", tmp_path / "damaged.parquet", long_file.rows)
    tail = long.tail(500)
    assert reader.read([damaged], tail["open_time"][0], tail["open_time"][-1] + MINUTE).drop("symbol").equals(tail)
    with pytest.raises(CorruptArtifactError, match=r"damaged\.parquet: not every file can be read .*; restore it from a backup"):
        reader.read([damaged], START, START + MINUTE)


def test_several_symbols_come_in_one_table_by_symbol_and_time_with_null_for_a_column_one_lacks(reader, tmp_path):
    euro, pound = minutes(50), minutes(60, 1.3).with_columns(spread=pl.lit(2e-4))
    files = [series_file(tmp_path / "a.parquet", pound, "GBPUSD"), series_file(tmp_path / "b.parquet", euro, "EURUSD")]
    found = reader.read(files, START + 5 * MINUTE, START + 8 * MINUTE)
    assert found["symbol"].to_list() == ["EURUSD"] * 3 + ["GBPUSD"] * 3
    assert found["close"].to_list() == [*euro["close"][5:8], *pound["close"][5:8]]
    assert found["spread"].to_list() == [None] * 3 + [2e-4] * 3


def test_stamps_are_utc_whatever_the_zone_of_the_machine(monkeypatch, long, long_file):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        with RangeReader() as reader:
            found = reader.read([long_file], START, START + 2 * MINUTE)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found["open_time"].equals(long["open_time"][:2])
    assert found.schema["open_time"] == pl.Datetime("us", "UTC")


@pytest.mark.parametrize("folder", ["a*", "b[1]", "symbol=GBPUSD"])
def test_the_letters_of_a_path_mean_themselves(reader, tmp_path, folder):
    file = series_file(tmp_path / folder / "x.parquet", minutes(30))
    series_file(tmp_path / "abc" / "x.parquet", minutes(30, 5.0))
    series_file(tmp_path / "b1" / "x.parquet", minutes(30, 5.0))
    found = reader.read([file], START, START + 3 * MINUTE)
    assert found["close"].to_list() == minutes(30)["close"][:3].to_list()
    assert found["symbol"].to_list() == ["EURUSD"] * 3


@pytest.mark.parametrize("name", ["spread", 'close"; DROP TABLE x; --', ".*", "symbol"])
def test_a_column_that_is_not_there_is_named_with_those_that_are(reader, long_file, name):
    with pytest.raises(BadInputError, match=r"there are no columns .* in the files of EURUSD; there are open_time, open, high"):
        reader.read([long_file], START, START + MINUTE, [name])


def test_a_table_without_open_times_has_no_span(reader, tmp_path):
    file = series_file(tmp_path / "x.parquet", pl.DataFrame({"step": [1, 2]}))
    with pytest.raises(BadInputError, match=r"no columns open_time .* there are step; .*has no span to ask for"):
        reader.read([file], START, START + MINUTE)


def test_spans_and_symbols_that_cannot_be_are_refused(reader, long_file):
    with pytest.raises(BadInputError, match="names no time zone"):
        reader.read([long_file], START.replace(tzinfo=None), START + MINUTE)
    with pytest.raises(BadInputError, match="the start must be before the stop"):
        reader.read([long_file], START, START)
    with pytest.raises(BadInputError, match="the symbols are EURUSD, EURUSD; one or more are needed, each once"):
        reader.read([long_file, long_file], START, START + MINUTE)
    with pytest.raises(BadInputError, match="the symbols are none"):
        reader.read([], START, START + MINUTE)


def test_a_file_that_is_gone_is_junk_or_lost_rows_is_corrupt(reader, tmp_path):
    file = series_file(tmp_path / "x.parquet", minutes(100))
    file.path.write_bytes(parquet_bytes(minutes(99)))
    with pytest.raises(CorruptArtifactError, match="has 99 rows, 100 were recorded"):
        reader.read([file], START, START + MINUTE)
    file.path.write_bytes(b"no Parquet file at all")
    with pytest.raises(CorruptArtifactError, match="not every file can be read"):
        reader.read([file], START, START + MINUTE)
    file.path.unlink()
    with pytest.raises(CorruptArtifactError, match="not every file can be read"):
        reader.read([file], START, START + MINUTE)


def test_the_latest_artifacts_of_the_lake_are_asked_and_verified_on_request(reader, tmp_path, sqlite_ledger):
    lake = lake_of(sqlite_ledger, tmp_path / "lake")
    for symbol, price in (("EURUSD", 1.0), ("EURUSD", 1.1), ("GBPUSD", 1.3)):
        with lake.making("candles", symbol, "1m", {"price": price}, code_sha256="a" * 64, run_id="r") as making:
            made = making.write_frame(minutes(200, price), {})
    files = lake_files(lake, "candles", ["GBPUSD", "EURUSD"], M1)
    found = reader.read(files, START, START + MINUTE)
    assert found.select("symbol", "open").rows() == [("EURUSD", 1.1), ("GBPUSD", 1.3)]
    assert lake_files(lake, "candles", ["GBPUSD"], M1, verify=True) == files[:1]
    with pytest.raises(MissingError, match="EURUSD 1m has no features yet"):
        lake_files(lake, "features", ["EURUSD"], M1)
    content = bytearray(made.path.read_bytes())
    content[100] ^= 1
    made.path.write_bytes(bytes(content))
    with pytest.raises(CorruptArtifactError, match="hashes to"):
        lake_files(lake, "candles", ["GBPUSD"], M1, verify=True)


def test_stored_candles_are_asked_and_verified_on_request(reader, tmp_path):
    store = CandleStore(tmp_path)
    store.put(minutes(150), "EURUSD", M1, "older")
    stored = store.put(minutes(100), "EURUSD", M1, "newer")
    files = stored_files(store, ["EURUSD"], M1)
    assert reader.read(files, START, START + timedelta(days=9)).drop("symbol").equals(minutes(100))
    minutes(100, 1.2).write_parquet(stored.path)
    assert stored_files(store, ["EURUSD"], M1) == files
    with pytest.raises(CorruptArtifactError, match="holds candles of hash"):
        stored_files(store, ["EURUSD"], M1, verify=True)
