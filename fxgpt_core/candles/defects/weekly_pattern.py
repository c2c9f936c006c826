"""A feed on the wrong clock, from itself alone: its week has to begin and end at 17:00 New York."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fxgpt_core.candles.defects.findings import Defect, distinct_us, findings
from fxgpt_core.market.sessions import fx_clock_us
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe

# A pause between these is a weekend's; holidays make longer ones, and their edges say nothing.
WEEKEND_HOURS = (40, 56)
LONGEST_WEEK_HOURS = 128
WEEK_US = 7 * DAY_US
# 1970-01-05, the first Monday, and the Saturday after it, on the FX clock.
_MONDAY_US, _SATURDAY_US = 4 * DAY_US, 9 * DAY_US


def shifted_weeks(frame: pl.DataFrame, timeframe: Timeframe) -> pl.DataFrame:
    """A finding for each week that begins and ends equally many whole hours off; value: the hours, later is positive.

    Stamped with the week's first candle. Hours that are lost make one end wrong, not both: such a week has candles while the
    market is closed. A feed that misses summer time, or changes on other dates, is found in the weeks in which it is wrong.
    1d candles tell nothing: their hours are the grid's.
    """
    weeks = _weeks(_without_fills(frame), timeframe)
    shifted = weeks.filter((pl.col("begins_late") == pl.col("ends_late")) & (pl.col("begins_late") != 0.0))
    return findings(Defect.SHIFTED_WEEK, shifted["open_time"], shifted["begins_late"], 0.0)


def _without_fills(frame: pl.DataFrame) -> pl.DataFrame:
    """The candles somebody traded: a feed that fills the weekend with empty candles has its week all the same."""
    filled = frame.select((pl.col("volume") == 0.0) & (pl.col("high") == pl.col("low"))).to_series()
    has_volume = bool((frame["volume"] > 0.0).any())
    return frame.filter(~filled) if has_volume else frame


def _weeks(frame: pl.DataFrame, timeframe: Timeframe) -> pl.DataFrame:
    """Table (open_time, begins_late, ends_late) of the whole weeks between two weekends, in hours."""
    times = distinct_us(frame)
    if timeframe is Timeframe.D1:
        times = times[:0]
    pause = np.diff(times) - timeframe.us
    rows = np.flatnonzero((pause >= WEEKEND_HOURS[0] * HOUR_US) & (pause <= WEEKEND_HOURS[1] * HOUR_US))
    first, end = times[rows[:-1] + 1], times[rows[1:]] + timeframe.us
    whole = end - first <= LONGEST_WEEK_HOURS * HOUR_US
    return pl.DataFrame(
        {
            "open_time": pl.Series(first[whole]).cast(pl.Datetime("us", "UTC")),
            "begins_late": _hours_after(first[whole], _MONDAY_US),
            "ends_late": _hours_after(end[whole], _SATURDAY_US),
        }
    )


def _hours_after(times: NDArray[np.int64], moment_us: int) -> NDArray[np.float64]:
    """float64[N]: whole hours since the nearest such moment of a week on the FX clock."""
    since = (fx_clock_us(times) - moment_us + WEEK_US // 2) % WEEK_US - WEEK_US // 2
    return np.asarray(np.rint(since / HOUR_US), dtype=np.float64)
