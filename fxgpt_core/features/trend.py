"""Where the price stands against its own averages, and how straight its way there was."""

import numpy as np
import talib

from fxgpt_core.features.columns import SPAN, CandleColumns, Features, change, ratio
from fxgpt_core.features.rolling import rolling_sum

SMA_SPANS = (5, 10, 20, 50, 100)
EMA_SPANS = (5, 10, 20, 30, 50)
MACD_FAST, MACD_SLOW, MACD_SIGNAL = 12, 26, 9


def average_features(candles: CandleColumns) -> Features:
    """sma_n and ema_n: the close over its simple or exponential average (weight 2/(n + 1)) of n candles, less 1."""
    close = candles.close
    simple = {f"sma_{span}": close / talib.SMA(close, span) - 1.0 for span in SMA_SPANS}
    return simple | {f"ema_{span}": close / talib.EMA(close, span) - 1.0 for span in EMA_SPANS}


def macd_features(candles: CandleColumns) -> Features:
    """macd, macd_signal, macd_hist (Appel: 12, 26, 9), each as a fraction of the close."""
    lines = talib.MACD(candles.close, MACD_FAST, MACD_SLOW, MACD_SIGNAL)
    return {name: line / candles.close for name, line in zip(("macd", "macd_signal", "macd_hist"), lines, strict=True)}


def straightness_features(candles: CandleColumns) -> Features:
    """efficiency_20 in [-1, 1]: net move over the sum of moves of 20 candles, signed (Kaufman's efficiency ratio); 0 if flat.

    slope_20: slope of the least-squares line through 20 closes, as a fraction of the close a candle.
    """
    path = rolling_sum(np.abs(candles.move), SPAN)
    efficiency = np.clip(ratio(change(candles.close, SPAN), path), -1.0, 1.0)
    return {"efficiency_20": efficiency, "slope_20": talib.LINEARREG_SLOPE(candles.close, SPAN) / candles.close}
