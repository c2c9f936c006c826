"""Oscillators: who is stronger, and where the price stands in its recent range; all in [-1, 1], 0 where nothing moved."""

import talib

from fxgpt_core.features.columns import CandleColumns, Features, ratio

RSI_SPANS = (7, 14, 21)
SPAN = 14
SLOW_SPAN = 3
AROON_SPAN = 25


def rsi_features(candles: CandleColumns) -> Features:
    """rsi_7, rsi_14, rsi_21: (RSI − 50)/50 = (gain − loss)/(gain + loss), Wilder's smoothing (Wilder 1978).

    This is TA-Lib's CMO over 100; its RSI calls a price that never moved 0, which would be the strongest fall.
    """
    return {f"rsi_{span}": talib.CMO(candles.close, span) / 100.0 for span in RSI_SPANS}


def direction_features(candles: CandleColumns) -> Features:
    """dmi_14: Wilder's +DI − −DI over 100; adx_14: his index of how directed the movement is, over 100, in [0, 1]."""
    prices = candles.high, candles.low, candles.close
    difference = talib.PLUS_DI(*prices, SPAN) - talib.MINUS_DI(*prices, SPAN)
    return {"dmi_14": difference / 100.0, "adx_14": talib.ADX(*prices, SPAN) / 100.0}


def range_features(candles: CandleColumns) -> Features:
    """stochastic_14: the close between lowest low (−1) and highest high (1) of 14 candles (Lane's %K), stochastic_slow_14 its
    mean of 3; aroon_25: how much later the highest high of 25 candles came than the lowest low, over 25 (Chande).
    """
    highest, lowest = talib.MAX(candles.high, SPAN), talib.MIN(candles.low, SPAN)
    fast = ratio((candles.close - lowest) - (highest - candles.close), highest - lowest)
    aroon = talib.AROONOSC(candles.high, candles.low, AROON_SPAN) / 100.0
    return {"stochastic_14": fast, "stochastic_slow_14": talib.SMA(fast, SLOW_SPAN), "aroon_25": aroon}
