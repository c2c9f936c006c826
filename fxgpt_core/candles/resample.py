"""Longer candles from shorter ones: 4h and 1d start at 17:00 New York, through both changes of the clock."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fxgpt_core.candles.schema import SPREAD, candle_columns
from fxgpt_core.errors import BadInputError, CandleSchemaError
from fxgpt_core.market.sessions import FX_CLOCK_AHEAD_US, NEW_YORK, fx_clock_us, is_open
from fxgpt_core.market.timeframes import HOUR_US, Timeframe


def resample(frame: pl.DataFrame, source: Timeframe, target: Timeframe) -> pl.DataFrame:
    """Candles of `target` from a checked frame of `source`: first open, highest high, lowest low, last close, summed volume, and,
    where the source has spreads, the mean of those that are known.

    Only complete candles come out: the last is dropped unless the source reaches its end, the first unless the source holds
    its start. Stray candles outside the FX week (a feed's last ticks after Friday 17:00 New York) are left out. Candles
    wholly without source stay absent. Raises `BadInputError` if target is not longer, `CandleSchemaError` if none is complete.
    """
    if target.us <= source.us:
        raise BadInputError(
            f"cannot make {target} candles of {source} candles; the target must be longer; import a shorter timeframe"
        )
    inside = frame.filter(pl.Series(is_open(frame["open_time"].to_physical().to_numpy())))
    # Grouped by its start on the FX clock: unlike UTC starts, these cannot split a candle at a change of the clock.
    start = pl.Series("start", _starts(inside["open_time"].to_physical().to_numpy(), target))
    longer = inside.with_columns(start).group_by("start", maintain_order=True).agg(
        pl.col("open_time").first().alias("first"),
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
        pl.col(f"^{SPREAD}$").mean(),
    ).with_columns(_open_time(target))  # fmt: skip
    complete = _complete(longer, inside, source, target)
    if complete.is_empty():
        raise CandleSchemaError(
            f"{len(frame)} candles of {source} hold no complete {target} candle; at least one is needed; give a longer span"
        )
    return complete.select(candle_columns(complete))


def _starts(open_time_us: NDArray[np.int64], target: Timeframe) -> NDArray[np.int64]:
    clock = open_time_us if target.us <= HOUR_US else fx_clock_us(open_time_us)
    return clock - clock % target.us


def _open_time(target: Timeframe) -> pl.Expr:
    if target.us <= HOUR_US:
        return pl.col("start").cast(pl.Datetime("us", "UTC")).alias("open_time")
    wall_clock = (pl.col("start") - FX_CLOCK_AHEAD_US).cast(pl.Datetime("us"))
    return wall_clock.dt.replace_time_zone(NEW_YORK).dt.convert_time_zone("UTC").alias("open_time")


def _complete(longer: pl.DataFrame, source_frame: pl.DataFrame, source: Timeframe, target: Timeframe) -> pl.DataFrame:
    if longer.is_empty():
        return longer
    reached = source_frame["open_time"][-1] + source.duration
    kept = longer if longer["open_time"][-1] + target.duration <= reached else longer.head(-1)
    starts_late = not kept.is_empty() and kept["first"][0] > kept["open_time"][0]
    return kept.tail(-1) if starts_late else kept
