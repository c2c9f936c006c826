"""Candles from ticks: quotes of bid and ask."""

from enum import StrEnum

import polars as pl

from fxgpt_core.candles.resample import resample
from fxgpt_core.candles.schema import COLUMNS, SPREAD, TIME_TYPE
from fxgpt_core.errors import CandleSchemaError
from fxgpt_core.market.timeframes import Timeframe


class Side(StrEnum):
    """The price of a quote that candles are made of; mid is the middle between bid and ask."""

    BID = "bid"
    ASK = "ask"
    MID = "mid"


def candles_of_ticks(ticks: pl.DataFrame, timeframe: Timeframe, side: Side) -> pl.DataFrame:
    """Candle columns from ticks (time in UTC, ascending; bid, ask): first, highest, lowest, last price and number of ticks.

    The spread is that of the last tick, null where that one is crossed.
    Only complete candles come out: the first is dropped unless a tick lies on its open time, the last always, since ticks do not
    tell how long they were recorded. A candle without a tick stays absent. 4h and 1d are made from hours as `resample` makes
    them. Raises `CandleSchemaError` for ticks that are not in order or have no price above zero, and if no candle is complete.
    """
    step = min(timeframe, Timeframe.H1, key=lambda one: one.us)
    candles = quoted_candles(ticks, step, side)
    cut_at_start = ticks["time"][0] > candles["open_time"][0]
    complete = candles.head(-1).tail(-1) if cut_at_start else candles.head(-1)
    if complete.is_empty():
        raise CandleSchemaError(
            f"{len(ticks)} ticks hold no complete {step} candle; the first and the last may be cut; give a longer span"
        )
    return complete if step is timeframe else resample(complete, step, timeframe)


def quoted_candles(ticks: pl.DataFrame, timeframe: Timeframe, side: Side) -> pl.DataFrame:
    """As `candles_of_ticks`, every candle in which a tick lies, cut off or not; `timeframe` is at most 1h."""
    _check(ticks)
    price = (pl.col("bid") + pl.col("ask")) / 2 if side is Side.MID else pl.col(side.value)
    time_us = pl.col("time").cast(TIME_TYPE).to_physical()
    spread = pl.when(pl.col("bid") <= pl.col("ask")).then(pl.col("ask") - pl.col("bid")).alias(SPREAD)
    timed = ticks.select((time_us - time_us % timeframe.us).alias("start"), price.alias("price"), spread)
    candles = timed.group_by("start", maintain_order=True).agg(
        pl.col("price").first().alias("open"),
        pl.col("price").max().alias("high"),
        pl.col("price").min().alias("low"),
        pl.col("price").last().alias("close"),
        pl.len().cast(pl.Float64).alias("volume"),
        pl.col(SPREAD).last(),
    )
    return candles.select(pl.col("start").cast(TIME_TYPE).alias("open_time"), *COLUMNS[1:], SPREAD)


def n_crossed(ticks: pl.DataFrame) -> int:
    """How many ticks have a bid above the ask."""
    return int((ticks["bid"] > ticks["ask"]).sum())


def _check(ticks: pl.DataFrame) -> None:
    if ticks.is_empty():
        raise CandleSchemaError("there are 0 ticks; candles need some; check the file and the span asked for")
    back = ticks.filter(pl.col("time") < pl.col("time").shift(1))
    if len(back):
        raise CandleSchemaError(
            f"{len(back)} of {len(ticks)} ticks are before the tick above (first: {back['time'][0].isoformat()}); the order "
            "decides what opens and closes a candle; sort the file by time, if the vendor's order is not meant"
        )
    prices = pl.col("bid", "ask")
    broken = ticks.filter(~pl.all_horizontal((prices.is_finite() & (prices > 0.0)).fill_null(False)))
    if len(broken):
        raise CandleSchemaError(
            f"{len(broken)} of {len(ticks)} ticks have no bid and ask above zero (first: {broken['time'][0].isoformat()}); "
            "remove or correct those rows"
        )
