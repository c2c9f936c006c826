"""Volume as windows of twenty candles; all are 0 where the feed gives no volume."""

import polars as pl

SPAN = 20


def volume_features() -> list[pl.Expr]:
    """The columns obv and cmf in [-1, 1], vwap a log-distance, each over 20 candles.

    obv is Granville's signed volume over total volume in the window (the cumulative form depends on where a series starts);
    vwap is the log of the close over the volume-weighted typical price; cmf is Chaikin's money flow: the volume-weighted
    place of the close within its candle.
    """
    volume = pl.col("volume")
    # A running sum keeps rounding dust, so "no volume" is asked of the maximum.
    silent = volume.rolling_max(SPAN) == 0.0
    total = volume.rolling_sum(SPAN)
    signed = (pl.col("move").sign() * volume).rolling_sum(SPAN)
    typical = (pl.col("high") + pl.col("low") + pl.col("close")) / 3.0
    vwap = (typical * volume).rolling_sum(SPAN) / total
    return [
        pl.when(silent).then(0.0).otherwise((signed / total).clip(-1.0, 1.0)).alias("obv"),
        pl.when(silent).then(0.0).otherwise((pl.col("close") / vwap).log()).alias("vwap"),
        pl.when(silent).then(0.0).otherwise(((pl.col("place") * volume).rolling_sum(SPAN) / total).clip(-1.0, 1.0)).alias("cmf"),
    ]
