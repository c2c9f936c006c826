"""Where the price stands against its own averages."""

import polars as pl

SMA_SPANS = (5, 10, 20, 50, 100)
EMA_SPANS = (5, 10, 20, 30, 50)
MACD_FAST, MACD_SLOW, MACD_SIGNAL = 12, 26, 9
EFFICIENCY_SPAN = 20


def ema(series: pl.Expr, span: int) -> pl.Expr:
    """Exponential average with weight 2/(span + 1), started at the first value (no bias correction)."""
    return series.ewm_mean(span=span, adjust=False)


def distance_features() -> list[pl.Expr]:
    """sma_n and ema_n: log of the close over its simple or exponential average of n candles."""
    close = pl.col("close")
    simple = [(close / close.rolling_mean(span)).log().alias(f"sma_{span}") for span in SMA_SPANS]
    exponential = [(close / ema(close, span)).log().alias(f"ema_{span}") for span in EMA_SPANS]
    return simple + exponential


def macd_features() -> list[pl.Expr]:
    """macd, macd_signal, macd_hist (Appel: 12, 26, 9), each as a fraction of the close."""
    close = pl.col("close")
    macd = ema(close, MACD_FAST) - ema(close, MACD_SLOW)
    signal = ema(macd, MACD_SIGNAL)
    return [
        (macd / close).alias("macd"),
        (signal / close).alias("macd_signal"),
        ((macd - signal) / close).alias("macd_hist"),
    ]


def efficiency_features() -> list[pl.Expr]:
    """efficiency_20 in [-1, 1]: net move over the sum of moves of 20 candles, signed (Kaufman's efficiency ratio); 0 if flat."""
    path = pl.col("move").abs()
    net = pl.col("close") - pl.col("close").shift(EFFICIENCY_SPAN)
    # A running sum keeps rounding dust after large moves, so flatness is asked of the maximum, which keeps none.
    flat = path.rolling_max(EFFICIENCY_SPAN) == 0.0
    ratio = (net / path.rolling_sum(EFFICIENCY_SPAN)).clip(-1.0, 1.0)
    return [pl.when(flat).then(0.0).otherwise(ratio).alias("efficiency_20")]
