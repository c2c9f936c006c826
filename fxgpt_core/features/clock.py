"""When a candle opened, on the FX clock (New York + 7 h), as points on circles."""

import math

import polars as pl

HOURS, WEEKDAYS, MONTHS = 24, 7, 12


def clock_features() -> list[pl.Expr]:
    """Hour, weekday and month of the open time, each as sine and cosine; hour 0 is 17:00 New York, weekday 0 is Monday."""
    fx_clock = pl.col("fx_clock")
    hour = fx_clock.dt.hour().cast(pl.Float64) + fx_clock.dt.minute().cast(pl.Float64) / 60.0
    weekday = fx_clock.dt.weekday().cast(pl.Float64) - 1.0
    month = fx_clock.dt.month().cast(pl.Float64) - 1.0
    return [*_circle(hour, HOURS, "hour"), *_circle(weekday, WEEKDAYS, "weekday"), *_circle(month, MONTHS, "month")]


def _circle(position: pl.Expr, period: int, name: str) -> list[pl.Expr]:
    angle = position * (2.0 * math.pi / period)
    return [angle.sin().alias(f"{name}_sin"), angle.cos().alias(f"{name}_cos")]
