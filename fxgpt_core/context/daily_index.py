"""Daily closes of VIX, S&P 500, SPY and QQQ: known a quarter of an hour after the close in New York.

The cash session of the New York exchanges ends at 16:00 (NYSE, "Holidays & Trading Hours"), and Cboe computes the VIX until 16:15
(Cboe, "VIX Index FAQ"): 16:15 New York, with its summer time, of the trade date. On half days (close at 13:00) too: three hours
late there and never early, and no table of half days that could be wrong. A value revised since is not known as such: a file
holds what its maker has now.
"""

from datetime import timedelta
from pathlib import Path

import polars as pl

from fxgpt_core.context.series import ContextSeries, checked_series
from fxgpt_core.context.table import column, dates, numbers, read_table
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.sessions import NEW_YORK

DATE_NAMES = ("date", "ts", "time", "timestamp", "trade_date")
CLOSE_NAMES = ("close", "vix_close")
KNOWN_AFTER = timedelta(hours=16, minutes=15)
# From Thursday's close over a long weekend to Tuesday's: five days.
STALE_AFTER = timedelta(days=5)
# 13:00 New York in summer, the earliest end of a session.
ENDS_AFTER = timedelta(hours=17)
SATURDAY = 6


def read_daily_index(path: Path, name: str) -> ContextSeries:
    """The closes of a file with a trade date (date, ts, …) and close: value `close`, subject is the name in upper case.

    Raises `BadInputError` for files, dates and numbers that cannot be used, closes not above zero, and trade dates on a weekend.
    """
    table = read_table(path)
    days = dates(column(table, DATE_NAMES, path), path)
    closes = numbers(column(table, CLOSE_NAMES, path), path)
    return closes_series(name, pl.DataFrame({"refers_to": days, "close": closes}), str(path))


def closes_series(name: str, frame: pl.DataFrame, origin: str) -> ContextSeries:
    """The series of a frame with `refers_to` (Date) and `close` (Float64), from `origin`. Raises as `read_daily_index`."""
    broken = frame.filter((pl.col("refers_to").dt.weekday() >= SATURDAY) | ~(pl.col("close") > 0.0).fill_null(False))
    if len(broken):
        first = f"{broken['refers_to'][0]}: {broken['close'][0]}"
        raise BadInputError(
            f"{origin}: {len(broken)} of {len(frame)} rows are of a Saturday or Sunday, or have no close above zero (first: "
            f"{first}); trade dates with a close are needed; remove or correct those rows"
        )
    known = published(pl.col("refers_to"), KNOWN_AFTER)
    return checked_series(name, frame.with_columns(known_at=known, subject=pl.lit(name.upper())), STALE_AFTER, ENDS_AFTER)


def published(day: pl.Expr, time_of_day: timedelta) -> pl.Expr:
    """The moment (UTC µs) of a time of day on New York's wall clock, for an expression of dates."""
    wall_clock = day.cast(pl.Datetime("us")) + time_of_day
    return wall_clock.dt.replace_time_zone(NEW_YORK).dt.convert_time_zone("UTC")
