"""What a detector gives: a table of findings."""

from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fxgpt_core.candles.schema import TIME_TYPE


class Defect(StrEnum):
    """The kinds of defect; the value is what a table shows."""

    GAP = "gap"
    DUPLICATED_STAMP = "duplicated_stamp"
    OFF_GRID = "off_grid"
    MIXED_GRANULARITY = "mixed_granularity"
    SHIFTED_WEEK = "shifted_week"
    WRONG_TIME_ZONE = "wrong_time_zone"
    WEEKEND_FLAT = "weekend_flat"
    BROKEN_OHLC = "broken_ohlc"
    CROSSED_QUOTES = "crossed_quotes"
    PRICE_SCALE = "price_scale"
    SPIKE = "spike"
    STALE_RUN = "stale_run"
    FLAT_CANDLE = "flat_candle"
    REPEATED_BLOCK = "repeated_block"
    ZERO_VOLUME = "zero_volume"


# Not the fault of a row that is there: there is nothing to put in quarantine.
WITHOUT_ROW = frozenset({Defect.GAP, Defect.SHIFTED_WEEK, Defect.WRONG_TIME_ZONE})
# A month with one of these cannot be used: the schema refuses it, or every number made of it is wrong.
FATAL = frozenset(
    {
        Defect.DUPLICATED_STAMP,
        Defect.OFF_GRID,
        Defect.MIXED_GRANULARITY,
        Defect.SHIFTED_WEEK,
        Defect.WRONG_TIME_ZONE,
        Defect.BROKEN_OHLC,
        Defect.PRICE_SCALE,
    }
)


def findings(kind: Defect, open_time: pl.Series, value: pl.Series | float, limit: float) -> pl.DataFrame:
    """Table (open_time, kind, value, limit), one row for each stamp; `value` is what was measured, `limit` what is allowed."""
    values = value if isinstance(value, pl.Series) else pl.repeat(value, len(open_time), eager=True)
    return pl.DataFrame(
        {
            "open_time": open_time.cast(TIME_TYPE),
            "kind": pl.repeat(kind.value, len(open_time), dtype=pl.String, eager=True),
            "value": values.cast(pl.Float64),
            "limit": pl.repeat(limit, len(open_time), dtype=pl.Float64, eager=True),
        }
    )


def flagged(kind: Defect, frame: pl.DataFrame, mask: pl.Series, value: pl.Series | float, limit: float) -> pl.DataFrame:
    """Findings for the rows of `frame` where bool[N] `mask` is true; `value` is one for all, or one for each row of `frame`."""
    picked = mask.fill_null(False)
    values = value.filter(picked) if isinstance(value, pl.Series) else value
    return findings(kind, frame["open_time"].filter(picked), values, limit)


def run_lengths(mask: pl.Series) -> pl.Series:
    """int64[N]: for each true row the length of the run of true rows it lies in, 0 for the others."""
    runs = mask.fill_null(False).rle()
    lengths = runs.struct.field("len").cast(pl.Int64).to_numpy()
    true = runs.struct.field("value").to_numpy()
    return pl.Series(np.repeat(np.where(true, lengths, 0), lengths))


def time_us(frame: pl.DataFrame) -> NDArray[np.int64]:
    """int64[N]: the open times in µs UTC."""
    return frame["open_time"].cast(TIME_TYPE).to_physical().to_numpy()


def distinct_us(frame: pl.DataFrame) -> NDArray[np.int64]:
    """int64[M]: the open times in µs UTC, ascending, each once."""
    # Not numpy.unique, which takes ten times as long on a million stamps.
    return frame["open_time"].cast(TIME_TYPE).unique().sort().to_physical().to_numpy()
