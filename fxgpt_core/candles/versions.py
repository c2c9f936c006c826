"""The content hash of a candle series: the same candles have the same hash, whatever file they came from."""

import hashlib

import polars as pl

from fxgpt_core.candles.schema import COLUMNS

FORMAT = b"fxgpt candles 1\n"


def candles_sha256(frame: pl.DataFrame) -> str:
    """SHA-256 of a checked candle frame: row count, then each column's little-endian int64 µs or float64 values.

    Parquet encoding, compression, chunking and library versions do not enter; −0.0 counts as 0.0.
    """
    digest = hashlib.sha256(FORMAT + len(frame).to_bytes(8, "little"))
    stamps = frame["open_time"].dt.cast_time_unit("us").to_physical().to_numpy()
    digest.update(stamps.astype("<i8").tobytes())
    for name in COLUMNS[1:]:
        digest.update((frame[name].to_numpy().astype("<f8") + 0.0).tobytes())
    return digest.hexdigest()
