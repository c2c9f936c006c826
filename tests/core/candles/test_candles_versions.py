import hashlib
import struct
from pathlib import Path

import polars as pl
import pytest

from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.candles.versions import candles_sha256
from fxgpt_core.market.timeframes import Timeframe


@pytest.fixture(scope="module")
def sample() -> pl.DataFrame:
    return SampleProvider().candles("EURUSD", Timeframe.H1)


def test_the_hash_of_the_sample_never_changes(sample: pl.DataFrame) -> None:
    assert candles_sha256(sample) == "17d82d6afe20a355f9611b4454d17360f4ca58d7e05b9dc7d2e9c9e0e0a3cfa6"


def test_a_spread_adds_its_name_and_values_and_minus_one_for_what_is_not_known(sample: pl.DataFrame) -> None:
    rows = list(sample.head(3).iter_rows())
    content = b"fxgpt candles 1\n" + struct.pack("<Q", 3)
    content += struct.pack("<3q", *(int(row[0].timestamp()) * 1_000_000 for row in rows))
    for column in range(1, 6):
        content += struct.pack("<3d", *(row[column] for row in rows))
    content += b"spread" + struct.pack("<3d", 0.0002, -1.0, 0.0)
    with_spread = sample.head(3).with_columns(spread=pl.Series([0.0002, None, -0.0]))
    assert candles_sha256(with_spread) == hashlib.sha256(content).hexdigest()


def test_a_spread_its_smallest_change_and_an_unknown_one_are_other_candles(sample: pl.DataFrame) -> None:
    spreads = [pl.lit(1e-4), pl.lit(1e-4 + 2e-20), pl.when(pl.int_range(pl.len()) > 0).then(1e-4), pl.lit(0.0)]
    hashes = {candles_sha256(sample.with_columns(spread=spread)) for spread in spreads}
    assert len(hashes | {candles_sha256(sample)}) == 5


def test_the_hash_is_the_documented_bytes(sample: pl.DataFrame) -> None:
    rows = list(sample.head(3).iter_rows())
    expected = b"fxgpt candles 1\n" + struct.pack("<Q", 3)
    expected += struct.pack("<3q", *(int(row[0].timestamp()) * 1_000_000 for row in rows))
    for column in range(1, 6):
        expected += struct.pack("<3d", *(row[column] for row in rows))
    assert candles_sha256(sample.head(3)) == hashlib.sha256(expected).hexdigest()


@pytest.mark.parametrize("compression", ["zstd", "snappy", "uncompressed"])
def test_encoding_and_chunks_do_not_change_the_hash(sample: pl.DataFrame, tmp_path: Path, compression: str) -> None:
    sample.write_parquet(tmp_path / "candles.parquet", compression=compression, row_group_size=700)
    assert candles_sha256(pl.read_parquet(tmp_path / "candles.parquet")) == candles_sha256(sample)
    chunked = pl.concat([sample.head(1234), sample.tail(-1234)], rechunk=False)
    assert candles_sha256(chunked) == candles_sha256(sample)


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume"])
def test_the_smallest_change_of_any_value_changes_the_hash(sample: pl.DataFrame, column: str) -> None:
    step = pl.when(pl.int_range(pl.len()) == 4321).then(1 + 4e-16).otherwise(1.0)
    changed = sample.with_columns(pl.col(column) * step)
    assert changed[column][4321] != sample[column][4321]
    assert candles_sha256(changed) != candles_sha256(sample)


def test_a_shifted_stamp_and_a_dropped_row_change_the_hash(sample: pl.DataFrame) -> None:
    shifted = sample.with_columns(pl.col("open_time") + pl.duration(microseconds=1))
    assert len({candles_sha256(frame) for frame in (sample, shifted, sample.head(-1), sample.tail(-1))}) == 4


def test_negative_zero_counts_as_zero(sample: pl.DataFrame) -> None:
    zero, negative = (sample.with_columns(volume=pl.lit(value)) for value in (0.0, -0.0))
    assert candles_sha256(zero) == candles_sha256(negative)
