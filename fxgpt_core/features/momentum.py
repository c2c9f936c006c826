"""Wilder's relative strength index."""

import polars as pl

SPANS = (7, 14, 21)


def wilder(series: pl.Expr, span: int) -> pl.Expr:
    """Wilder's smoothing: exponential with weight 1/span, started at the first value."""
    return series.ewm_mean(alpha=1.0 / span, adjust=False)


def rsi_features() -> list[pl.Expr]:
    """rsi_7, rsi_14, rsi_21 in [-1, 1]: (RSI − 50)/50 = (gain − loss)/(gain + loss) (Wilder 1978); 0 if the price never moved."""
    return [_rsi(span).alias(f"rsi_{span}") for span in SPANS]


def _rsi(span: int) -> pl.Expr:
    gain, loss = wilder(pl.col("gain"), span), wilder(pl.col("loss"), span)
    total = gain + loss
    return pl.when(total > 0.0).then((gain - loss) / total).otherwise(0.0)
