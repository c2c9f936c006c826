"""The content hash of a candle series: the same candles have the same hash, whatever file they came from."""

import hashlib

import polars as pl

from fxgpt_core.candles.schema import COLUMNS, SPREAD

FORMAT = b"fxgpt candles 1\n"
UNKNOWN = -1.0


def candles_sha256(frame: pl.DataFrame) -> str:
    """SHA-256 of a checked candle frame: row count, then each column's little-endian int64 µs or float64 values.

    Where there is a spread, its name and its float64 values follow, −1 for null; candles without one hash as before it was known.
    Parquet encoding, compression, chunking and library versions do not enter; −0.0 counts as 0.0.
    """
    digest = hashlib.sha256(FORMAT + len(frame).to_bytes(8, "little"))
    stamps = frame["open_time"].dt.cast_time_unit("us").to_physical().to_numpy()
    digest.update(stamps.astype("<i8").tobytes())
    for name in COLUMNS[1:]:
        digest.update((frame[name].to_numpy().astype("<f8") + 0.0).tobytes())
    if SPREAD in frame.columns:
        digest.update(SPREAD.encode() + (frame[SPREAD].fill_null(UNKNOWN).to_numpy().astype("<f8") + 0.0).tobytes())
    return digest.hexdigest()
