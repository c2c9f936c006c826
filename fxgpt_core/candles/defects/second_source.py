"""A feed on the wrong clock, from a second source of the same symbol."""

import polars as pl

from fxgpt_core.candles.defects.findings import Defect, findings
from fxgpt_core.candles.time_zone import best_offset

# Fewer closes in common tell no hour.
LEAST_COMPARED = 48


def wrong_time_zone(frame: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """A finding for each month (UTC) whose closes agree best with the second source's at another hour; value: hours to add.

    Stamped with the month's first candle. `second` has open_time and close, and candles as long as those of `frame` or longer.
    A month of which the two have fewer than two days in common is not judged.
    """
    stamps, hours = [], []
    for _, part in frame.group_by(pl.col("open_time").dt.strftime("%Y-%m"), maintain_order=True):
        near = second.filter(pl.col("open_time").is_between(part["open_time"][0], part["open_time"][-1]))
        if min(len(part), len(near)) < LEAST_COMPARED:
            continue
        fit = best_offset(part, near)
        if fit.compared >= LEAST_COMPARED and fit.hours != 0.0:
            stamps.append(part["open_time"][0])
            hours.append(fit.hours)
    stamp, hour = pl.Series(stamps, dtype=frame.schema["open_time"]), pl.Series(hours, dtype=pl.Float64)
    return findings(Defect.WRONG_TIME_ZONE, stamp, hour, 0.0)
