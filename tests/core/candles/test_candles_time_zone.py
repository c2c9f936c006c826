from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fxgpt_core.candles.time_zone import best_offset
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe

SUNDAY_US = int(datetime(2019, 1, 6, 22, tzinfo=UTC).timestamp()) * 1_000_000


def walk(timeframe: Timeframe, days: int = 5, seed: int = 3) -> pl.DataFrame:
    times = expected_open_times(SUNDAY_US, SUNDAY_US + days * DAY_US - 1, timeframe)
    close = 1.1 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 1e-4, len(times))))
    return pl.DataFrame({"open_time": pl.Series(times).cast(pl.Datetime("us", "UTC")), "close": close})


def hourly_of(minutes: pl.DataFrame, factor: float = 1.0) -> pl.DataFrame:
    """Hourly closes by a plain loop: the last minute of each hour."""
    last: dict[datetime, float] = {}
    for stamp, close in minutes.iter_rows():
        last[stamp.replace(minute=0)] = close * factor
    return pl.DataFrame({"open_time": list(last), "close": list(last.values())}).cast({"open_time": pl.Datetime("us", "UTC")})


def test_right_stamps_need_no_shift_and_the_difference_is_that_of_the_closes() -> None:
    minutes = walk(Timeframe.M1)
    fit = best_offset(minutes, hourly_of(minutes, factor=1.00005))
    assert (fit.hours, fit.compared) == (0.0, 120)
    assert fit.difference == pytest.approx(np.log(1.00005), rel=1e-9)


@pytest.mark.parametrize("wrong_hours", [-12, -7, -5.5, -1, -0.5, 0.5, 1, 2, 3, 12])
def test_a_planted_wrong_zone_is_named_by_the_shift_that_mends_it(wrong_hours: float) -> None:
    minutes = walk(Timeframe.M5)
    shifted = minutes.with_columns(pl.col("open_time") + timedelta(hours=wrong_hours))
    fit = best_offset(shifted, hourly_of(minutes))
    assert fit.hours == -wrong_hours
    assert fit.difference < 1e-12


def test_of_equal_differences_the_shift_nearest_to_none_is_taken() -> None:
    flat = walk(Timeframe.M1).with_columns(close=pl.lit(1.1))
    assert best_offset(flat, hourly_of(flat)).hours == 0.0


def test_hourly_candles_on_both_sides_meet_at_whole_hours_only() -> None:
    hourly = walk(Timeframe.H1)
    assert best_offset(hourly.with_columns(pl.col("open_time") + timedelta(hours=2)), hourly).hours == -2


def test_holes_in_the_minutes_leave_out_those_hours_only() -> None:
    minutes = walk(Timeframe.M1)
    holed = minutes.filter(pl.col("open_time").dt.hour() != 3)
    fit = best_offset(holed, hourly_of(minutes))
    assert (fit.hours, fit.compared, fit.difference) == (0.0, 115, 0.0)


def test_an_offset_with_few_common_closes_does_not_win_by_chance() -> None:
    minutes = walk(Timeframe.M1).head(12 * 60)
    hourly = hourly_of(minutes, factor=1.0001)
    # Eleven hours off a single close is compared, and there the difference is planted to be none.
    planted = hourly.with_columns(close=pl.when(pl.int_range(pl.len()) == 0).then(minutes["close"][-1]).otherwise("close"))
    fit = best_offset(minutes, planted)
    assert (fit.hours, fit.compared) == (0.0, 12)
    assert fit.difference == pytest.approx(np.log(1.0001), rel=1e-9)


def test_series_that_never_meet_and_a_single_candle_are_refused() -> None:
    minutes = walk(Timeframe.M1)
    later = hourly_of(minutes).with_columns(pl.col("open_time") + timedelta(days=30))
    with pytest.raises(BadInputError, match=r"no close of 7200 candles meets one of the 120 candles .* give such candles"):
        best_offset(minutes, later)
    with pytest.raises(BadInputError, match=r"1 candles tell no time zone; at least two"):
        best_offset(minutes.head(1), later)


def real_closes(fx: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    stamp = pl.col("ts").alias("open_time")
    minutes = pl.concat([pl.read_parquet(path).select(stamp, "close") for path in sorted((fx / "histdata_m1").glob("*.parquet"))])
    hourly = pl.read_parquet(fx / "oanda_h1" / "EURUSD_h1.parquet").select(stamp, pl.col("bid_close").alias("close"))
    return minutes, hourly


@pytest.mark.shared_data
@pytest.mark.parametrize(("span", "n_spans"), [("%Y-%m", 54), ("%G week %V", 235)])
def test_the_minutes_of_every_month_and_week_2018_to_2022_meet_the_hours_of_another_source(
    shared_data: Path, span: str, n_spans: int
) -> None:
    minutes, hourly = real_closes(shared_data / "fx")
    key = pl.col("open_time").dt.strftime(span)
    parts = {str(name): part for (name,), part in minutes.group_by(key, maintain_order=True)}
    fits = {name: best_offset(part, hourly.filter(key == name)) for name, part in parts.items()}
    for name, fit in fits.items():
        print(f"{name} offset {fit.hours:+.1f} h, median difference {fit.difference * 1e4:.3f} bp of {fit.compared} closes")
    assert len(fits) == n_spans
    assert {name: fit.hours for name, fit in fits.items() if fit.hours != 0.0} == {}
    assert {name: fit.difference for name, fit in fits.items() if fit.difference >= 1e-4} == {}
