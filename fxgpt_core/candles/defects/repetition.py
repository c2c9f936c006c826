"""Defects of a feed that stands still or says the same again: stale runs, flat candles, repeated blocks, lost volume."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fxgpt_core.candles.defects.findings import Defect, flagged, run_lengths, time_us
from fxgpt_core.candles.defects.limits import QualityLimits
from fxgpt_core.candles.defects.stamps import may_lack
from fxgpt_core.candles.schema import PRICES
from fxgpt_core.market.sessions import fx_clock_us, is_open
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe

# London's morning to New York's afternoon, 03:00 to 16:00 New York, on the FX clock.
LIQUID_HOURS = (10, 23)
# Odd, so that products of it do not vanish modulo 2^64.
ROLLING_FACTOR = 0x9E3779B97F4A7C15


def stale_runs(frame: pl.DataFrame, timeframe: Timeframe, limits: QualityLimits) -> pl.DataFrame:
    """A finding for each candle that has the OHLC of the one before, in a long run of them; value: the candles of the run.

    Only in liquid hours of working days; candles of 4h and more are judged wherever they lie.
    """
    lengths = run_lengths(_as_before(frame) & pl.Series(_liquid(time_us(frame), timeframe)))
    # The run's first candle is the last one that was true: it is counted and not found.
    candles = pl.select(pl.when(lengths > 0).then(lengths + 1).otherwise(0)).to_series()
    rows = limits.stale_rows(timeframe)
    return flagged(Defect.STALE_RUN, frame, candles >= rows, candles, rows)


def flat_candles(frame: pl.DataFrame, timeframe: Timeframe, limits: QualityLimits) -> pl.DataFrame:
    """A finding for each candle of liquid hours without range, in a month that has many; value: their share of those hours.

    A feed of single quotes instead of candles: every measure of range is wrong, though each minute may be real.
    """
    liquid = frame.with_columns(flat=pl.col("high") == pl.col("low")).filter(pl.Series(_liquid(time_us(frame), timeframe)))
    share = liquid.select(pl.col("flat").mean().over(pl.col("open_time").dt.strftime("%Y-%m"))).to_series()
    return flagged(Defect.FLAT_CANDLE, liquid, liquid["flat"] & (share > limits.flat_share), share, limits.flat_share)


def repeated_blocks(frame: pl.DataFrame, timeframe: Timeframe, limits: QualityLimits) -> pl.DataFrame:
    """A finding for each candle of a block whose OHLC equal those of an earlier block; value: the candles of the block.

    The hour before, said twice (as at the end of summer time), is found however few candles it has; any other block from
    `repeated_candles` on. A stale run is not a block.
    """
    rows = limits.repeated_rows(timeframe)
    hour = max(1, HOUR_US // timeframe.us)
    moving = frame["high"] > frame["low"]
    stale = frame["open_time"].is_in(stale_runs(frame, timeframe, limits)["open_time"].implode())
    hour_again = (run_lengths(_as_before(frame, hour) & moving) >= hour).to_numpy()
    repeated = pl.Series(hour_again | _seen_before(frame, rows)) & moving & ~stale
    return flagged(Defect.REPEATED_BLOCK, frame, repeated, run_lengths(repeated), 0.0)


def zero_volume(frame: pl.DataFrame, limits: QualityLimits) -> pl.DataFrame:
    """A finding for each candle without volume while the market is open, where the feed has volume; value: the volume."""
    traded = frame["volume"].fill_null(0.0) > 0.0
    times = time_us(frame)
    lost = ~traded & pl.Series(is_open(times) & ~may_lack(times))
    found = flagged(Defect.ZERO_VOLUME, frame, lost, frame["volume"].fill_null(0.0), 0.0)
    return found if limits.has_volume(frame["volume"]) else found.clear()


def _as_before(frame: pl.DataFrame, rows: int = 1) -> pl.Series:
    same = (pl.col(name) == pl.col(name).shift(rows) for name in PRICES)
    return frame.select(pl.all_horizontal(*same).fill_null(False)).to_series()


def _liquid(times: NDArray[np.int64], timeframe: Timeframe) -> NDArray[np.bool_]:
    working = is_open(times) & ~may_lack(times)
    if timeframe.us > HOUR_US:
        return working
    hour = fx_clock_us(times) % DAY_US // HOUR_US
    liquid: NDArray[np.bool_] = working & (hour >= LIQUID_HOURS[0]) & (hour < LIQUID_HOURS[1])
    return liquid


def _seen_before(frame: pl.DataFrame, rows: int) -> NDArray[np.bool_]:
    """bool[N]: does the candle lie in a block of `rows`, at least half of them moving, that equals an earlier block?"""
    found = np.zeros(len(frame), dtype=np.bool_)
    starts = len(frame) - rows + 1
    if starts < 1:
        return found
    hashes = frame.select(pl.struct(*PRICES).hash()).to_series().to_numpy()
    blocks = np.zeros(starts, dtype=np.uint64)
    for row in range(rows):
        blocks = blocks * np.uint64(ROLLING_FACTOR) + hashes[row : row + starts]
    moving = np.concatenate([[0], np.cumsum((frame["high"] > frame["low"]).to_numpy())])
    enough = 2 * (moving[rows:] - moving[:starts]) >= rows
    again = ~pl.Series(blocks).is_first_distinct().to_numpy() & enough
    for row in range(rows):
        found[row : row + starts] |= again
    return found
