"""Log-returns over one to twenty candles, and what happened between two candles."""

from fxgpt_core.features.columns import CandleColumns, Features, change, logarithm

SPANS = (1, 2, 3, 5, 8, 13, 20)


def return_features(candles: CandleColumns) -> Features:
    """return_1 … return_20: log-returns, as fractions. gap: log of the open over the close before."""
    returns = {f"return_{span}": change(candles.log_close, span) for span in SPANS}
    gap = logarithm(candles.open)
    gap[1:] -= candles.log_close[:-1]
    return returns | {"gap": gap}
