"""How every stored table is written: candle store and lake alike."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

ZSTD_LEVEL = 3
# Measured on 1.67 M real minutes and on feature tables of 40 columns: a day is read from half as many rows as with 2^17 in half
# the time, and files grow by at most 2 %; with 2^15 real minutes grow by 6 % and are read no faster.
ROWS_PER_GROUP = 1 << 16


def parquet_bytes(frame: "pl.DataFrame") -> bytes:
    """The Parquet (zstd) bytes of a table; the same table gives the same bytes, however it is chunked in memory."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=ZSTD_LEVEL, statistics=True, row_group_size=ROWS_PER_GROUP)
    return buffer.getvalue()
