"""Defects of the stamps: gaps, duplicates, stamps off the grid, stretches of another timeframe, candles of a closed market."""

from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fxgpt_core.candles.defects.findings import Defect, distinct_us, findings, flagged, run_lengths, time_us
from fxgpt_core.candles.defects.limits import QualityLimits
from fxgpt_core.candles.schema import on_grid
from fxgpt_core.market.holidays import is_closed, is_thin
from fxgpt_core.market.sessions import expected_open_times, is_open, missing_candles
from fxgpt_core.market.timeframes import MINUTE_US, Timeframe

_NO_BREAK = timedelta(0)


def gaps(frame: pl.DataFrame, timeframe: Timeframe, limits: QualityLimits, daily_break: timedelta = _NO_BREAK) -> pl.DataFrame:
    """A finding for each candle the market traded and the series lacks; value: how many lack in one go (holidays not counted).

    Where the steps are those of a longer timeframe, that is the finding (`mixed_granularity`) and no gap.
    """
    times = distinct_us(frame)
    missing = missing_candles(times, timeframe, daily_break)
    missing = missing[~may_lack(missing)]
    before = np.searchsorted(times, missing) - 1
    missing = missing[~_other_steps(times, timeframe, limits)[before]]
    expected = expected_open_times(int(times[0]), int(times[-1]), timeframe, daily_break) if len(times) else missing
    in_one_go = run_lengths(pl.Series(np.isin(expected, missing)))
    return findings(Defect.GAP, _stamps(missing), in_one_go.filter(in_one_go > 0), 0.0)


def may_lack(open_time_us: NDArray[np.int64]) -> NDArray[np.bool_]:
    """bool[N]: is it a holiday's candle, so that a series may lack it?"""
    return is_closed(open_time_us) | is_thin(open_time_us)


def duplicated_stamps(frame: pl.DataFrame) -> pl.DataFrame:
    """A finding for each row whose stamp an earlier row has; value: how many rows have it."""
    rows = pl.len().over("open_time")
    counted = frame.select("open_time", rows=rows, again=~pl.col("open_time").is_first_distinct())
    return flagged(Defect.DUPLICATED_STAMP, counted, counted["again"], counted["rows"], 1.0)


def off_grid(frame: pl.DataFrame, timeframe: Timeframe, limits: QualityLimits) -> pl.DataFrame:
    """A finding for each stamp off the timeframe's grid; value: minutes since the stamp before it on the UTC grid.

    Where the steps are those of a shorter timeframe, that is the finding (`mixed_granularity`).
    """
    times = time_us(frame)
    distinct = distinct_us(frame)
    steps = _other_steps(distinct, timeframe, limits)
    stretch = np.zeros(len(distinct), dtype=np.bool_)
    stretch[:-1] |= steps
    stretch[1:] |= steps
    wrong = ~on_grid(times, timeframe).to_numpy() & ~stretch[np.searchsorted(distinct, times)]
    minutes = pl.Series(times % timeframe.us / MINUTE_US)
    return flagged(Defect.OFF_GRID, frame, pl.Series(wrong), minutes, 0.0)


def mixed_granularity(frame: pl.DataFrame, timeframe: Timeframe, limits: QualityLimits) -> pl.DataFrame:
    """A finding for each candle at the start of such a step: several in a row are of another timeframe; value: its minutes."""
    times = distinct_us(frame)
    picked = _other_steps(times, timeframe, limits)
    minutes = pl.Series(np.diff(times)[picked] / MINUTE_US)
    return findings(Defect.MIXED_GRANULARITY, _stamps(times[:-1][picked]), minutes, timeframe.us / MINUTE_US)


def weekend_flats(frame: pl.DataFrame, limits: QualityLimits) -> pl.DataFrame:
    """A finding for each candle without range and volume while the market is closed: nobody traded it.

    On a weekday's holiday only where the feed has volume: without, a quiet minute of Christmas looks the same.
    """
    times = time_us(frame)
    closed = ~is_open(times) | (is_closed(times) & limits.has_volume(frame["volume"]))
    empty = frame.select((pl.col("high") == pl.col("low")) & (pl.col("volume") == 0.0)).to_series()
    return flagged(Defect.WEEKEND_FLAT, frame, empty & pl.Series(closed), 1.0, 0.0)


def _other_steps(times: NDArray[np.int64], timeframe: Timeframe, limits: QualityLimits) -> NDArray[np.bool_]:
    """bool[N-1]: does the step lie in a run of equal steps of the length of another timeframe?"""
    steps = np.diff(times)
    found = np.zeros(len(steps), dtype=np.bool_)
    for other in Timeframe:
        if other != timeframe:
            found |= run_lengths(pl.Series(steps == other.us)).to_numpy() >= limits.other_steps
    return found


def _stamps(times: NDArray[np.int64]) -> pl.Series:
    return pl.Series(times, dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
