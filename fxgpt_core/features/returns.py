"""Log-returns over one to twenty candles."""

import polars as pl

SPANS = (1, 2, 3, 5, 8, 13, 20)


def return_features() -> list[pl.Expr]:
    """return_1 … return_20: log-returns, as fractions."""
    return [(pl.col("close") / pl.col("close").shift(span)).log().alias(f"return_{span}") for span in SPANS]
