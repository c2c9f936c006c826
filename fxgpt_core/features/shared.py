"""Columns that several groups of features read, computed once."""

import polars as pl

from fxgpt_core.market.sessions import fx_clock_us


def with_shared_columns(candles: pl.DataFrame) -> pl.DataFrame:
    """The candles with what the groups share; all but `fx_clock` are Float64.

    `fx_clock`: open time on the FX clock. `log_return`: log of the close over the close before. `move`: close less the close
    before, `gain` and `loss` its parts above and below zero (both >= 0). `place` in [-1, 1]: where the close lies between low
    and high of its candle, 0 where these are equal.
    """
    clock = fx_clock_us(candles["open_time"].to_physical().to_numpy())
    height = pl.col("high") - pl.col("low")
    place = (2.0 * pl.col("close") - pl.col("high") - pl.col("low")) / height
    return candles.with_columns(
        pl.Series("fx_clock", clock).cast(pl.Datetime("us")),
        log_return=(pl.col("close") / pl.col("close").shift(1)).log(),
        move=pl.col("close").diff(),
        place=pl.when(height > 0.0).then(place).otherwise(0.0),
    ).with_columns(
        gain=pl.col("move").clip(lower_bound=0.0),
        loss=(-pl.col("move")).clip(lower_bound=0.0),
    )
