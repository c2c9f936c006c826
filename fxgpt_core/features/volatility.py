"""How much the price moves."""

import math

import polars as pl

from fxgpt_core.features.momentum import wilder

ATR_SPAN = 14
BOLLINGER_SPAN = 20
BOLLINGER_WIDTH = 2.0
SPAN = 20
SHORT_SPAN, LONG_SPAN = 10, 50


def true_range() -> pl.Expr:
    """Wilder's true range in price units; the first candle, without a close before it, has high − low."""
    before = pl.col("close").shift(1)
    return pl.max_horizontal(pl.col("high") - pl.col("low"), (pl.col("high") - before).abs(), (pl.col("low") - before).abs())


def atr_features() -> list[pl.Expr]:
    """atr: Wilder's average true range of 14 candles, as a fraction of the close."""
    return [(wilder(true_range(), ATR_SPAN) / pl.col("close")).alias("atr")]


def bollinger_features() -> list[pl.Expr]:
    """bollinger_upper, bollinger_lower: distance from the close to mean ± 2 standard deviations of 20 closes, over the close.

    Positive upper: the band is above the close; positive lower: the band is below it. Population deviation, as Bollinger has it.
    """
    close = pl.col("close")
    mean = close.rolling_mean(BOLLINGER_SPAN)
    width = BOLLINGER_WIDTH * _deviation(close, BOLLINGER_SPAN)
    return [
        ((mean + width - close) / close).alias("bollinger_upper"),
        ((close - mean + width) / close).alias("bollinger_lower"),
    ]


def realised_features() -> list[pl.Expr]:
    """volatility_20 and parkinson_20 (fractions per candle), volatility_ratio and close_position in [-1, 1].

    volatility_20 is the standard deviation of log-returns; parkinson_20 the square root of mean(log(high/low)²)/(4 log 2)
    (Parkinson 1980); volatility_ratio (short − long)/(short + long) of 10 and 50 candles; close_position where the close lies
    between low (−1) and high (1) of its candle. The last two are 0 where nothing moved.
    """
    log_range = (pl.col("high") / pl.col("low")).log()
    parkinson = ((log_range * log_range).rolling_mean(SPAN).clip(lower_bound=0.0) / (4.0 * math.log(2.0))).sqrt()
    short, long = _deviation(pl.col("log_return"), SHORT_SPAN), _deviation(pl.col("log_return"), LONG_SPAN)
    return [
        _deviation(pl.col("log_return"), SPAN).alias("volatility_20"),
        parkinson.alias("parkinson_20"),
        pl.when(long > 0.0).then((short - long) / (short + long)).otherwise(0.0).alias("volatility_ratio"),
        pl.col("place").alias("close_position"),
    ]


def _deviation(series: pl.Expr, span: int) -> pl.Expr:
    return series.rolling_std(span, ddof=0)
