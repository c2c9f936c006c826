"""What a candle frame is, and the check every series passes before anything else reads it."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fxgpt_core.errors import CandleSchemaError
from fxgpt_core.market.sessions import fx_clock_us
from fxgpt_core.market.timeframes import HOUR_US, Timeframe

TIME_TYPE = pl.Datetime("us", "UTC")
PRICES = ("open", "high", "low", "close")
COLUMNS = ("open_time", *PRICES, "volume")
# Beside these, where a source tells it: ask minus bid at the close, in price units; null where it is not known.
SPREAD = "spread"
SHOWN = 3


def check_candles(frame: pl.DataFrame, timeframe: Timeframe) -> pl.DataFrame:
    """The frame with exactly the candle columns, and the spread where it has one, in candle order and types, if it is sound.

    Sound: at least one row; open_time ascending, unique, time-zone aware, on the timeframe's grid (4h and 1d count from 17:00
    New York); prices finite, above zero, low <= open, close <= high; volume finite and not negative; the spread finite and not
    negative, or null: one part of a series may have it and another not, and 0 would be a price. A column of nulls is left out.
    Nothing is repaired: `CandleSchemaError` names what was found (count, first stamp), what is allowed, and what to do.
    """
    checked = _typed(frame)
    _check_order(checked)
    _check_grid(checked, timeframe)
    _check_values(checked)
    return checked


def candle_columns(frame: pl.DataFrame) -> tuple[str, ...]:
    """The columns of a candle frame: the six, and the spread where there is one."""
    return (*COLUMNS, SPREAD) if SPREAD in frame.columns else COLUMNS


def on_grid(open_time_us: NDArray[np.int64], timeframe: Timeframe) -> pl.Series:
    """bool[N]: does each open time (int64 µs UTC) lie on the grid of the timeframe? 4h and 1d count from 17:00 New York."""
    clock = open_time_us if timeframe.us <= HOUR_US else fx_clock_us(open_time_us)
    return pl.Series(clock % timeframe.us == 0)


def _typed(frame: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise CandleSchemaError(
            f"the candles lack the columns {', '.join(missing)} (found: {', '.join(frame.columns) or 'none'}); "
            f"needed are {', '.join(COLUMNS)}; rename or add them"
        )
    if frame.is_empty():
        raise CandleSchemaError("there are 0 candles; a series needs at least one; check the file and the span asked for")
    time_type = frame.schema["open_time"]
    if not isinstance(time_type, pl.Datetime) or time_type.time_zone is None:
        raise CandleSchemaError(
            f"open_time is of type {time_type}, without a time zone; allowed are time-zone aware stamps; convert them to UTC "
            "(`read_candle_file` takes naive stamps for UTC)"
        )
    known = frame.drop(SPREAD) if SPREAD in frame.columns and frame[SPREAD].is_null().all() else frame
    values = candle_columns(known)[1:]
    wrong = [f"{name} ({frame.schema[name]})" for name in values if not frame.schema[name].is_numeric()]
    if wrong:
        raise CandleSchemaError(
            f"not numeric: {', '.join(wrong)}; prices, volume and spread must be numbers; convert the columns"
        )
    return known.select(
        pl.col("open_time").dt.convert_time_zone("UTC").dt.cast_time_unit("us"),
        *(pl.col(name).cast(pl.Float64) for name in values),
    )


def _check_order(frame: pl.DataFrame) -> None:
    _refuse(frame, pl.col("open_time").is_null(), "without an open_time", "every candle needs one", "remove or stamp those rows")
    # A candle that repeats the one before is told as a duplicate even where the series is not in order.
    _refuse(
        frame, ~pl.col("open_time").is_first_distinct(), "with a stamp that was there before",
        "each stamp may occur once", "remove the duplicates, keeping the candle you trust",
    )  # fmt: skip
    _refuse(
        frame, pl.col("open_time") < pl.col("open_time").shift(1), "before the candle above",
        "stamps must ascend", "sort by open_time",
    )  # fmt: skip


def _check_grid(frame: pl.DataFrame, timeframe: Timeframe) -> None:
    aligned = on_grid(frame["open_time"].to_physical().to_numpy(), timeframe)
    rule = "whole multiples of it, in UTC" if timeframe.us <= HOUR_US else "counted from 17:00 New York"
    _refuse(
        frame, ~aligned, f"off the grid of {timeframe}", f"open times must be {rule}",
        "choose the timeframe of the data, correct its time zone, or import a smaller timeframe and let it be resampled",
    )  # fmt: skip


def _check_values(frame: pl.DataFrame) -> None:
    sound = pl.all_horizontal(pl.col(*PRICES).is_finite() & (pl.col(*PRICES) > 0.0))
    _refuse(frame, ~sound.fill_null(False), "with a price that is missing, not finite or not above zero",
            "prices must be finite and above zero", "remove or correct those rows")  # fmt: skip
    inside = pl.all_horizontal(pl.col("open", "close") >= pl.col("low"), pl.col("open", "close") <= pl.col("high"))
    _refuse(frame, ~inside, "with broken OHLC", "low <= open, close <= high must hold",
            "check the order of the columns, or correct those rows at the source")  # fmt: skip
    volume = pl.col("volume").is_finite() & (pl.col("volume") >= 0.0)
    _refuse(frame, ~volume.fill_null(False), "with a volume that is missing, not finite or negative",
            "volume must be finite and at least 0", "write 0 where it is not known")  # fmt: skip
    if SPREAD in frame.columns:
        spread = pl.col(SPREAD).is_finite() & (pl.col(SPREAD) >= 0.0)
        _refuse(frame, ~spread.fill_null(True), "with a crossed quote (the bid above the ask), or a spread that is not finite",
                "a spread must be finite and at least 0", "leave it empty in those rows, or remove the column")  # fmt: skip


def _refuse(frame: pl.DataFrame, broken: pl.Expr | pl.Series, found: str, allowed: str, remedy: str) -> None:
    rows = frame.filter(broken)
    if rows.is_empty():
        return
    first = ", ".join("none" if stamp is None else stamp.isoformat() for stamp in rows["open_time"].head(SHOWN))
    raise CandleSchemaError(f"{len(rows)} of {len(frame)} candles {found} (first: {first}); {allowed}; {remedy}")
