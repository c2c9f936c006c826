"""How much the price moves."""

import math

import numpy as np
import talib

from fxgpt_core.features.columns import SPAN, CandleColumns, Features, FloatArray, logarithm, ratio
from fxgpt_core.features.rolling import rolling_deviation, rolling_sum

ATR_SPAN = 14
BOLLINGER_WIDTH = 2.0
SHORT_SPAN, LONG_SPAN = 10, 50
REALISED_SPAN = 100


def band_features(candles: CandleColumns) -> Features:
    """atr: Wilder's average true range of 14 candles, as a fraction of the close.

    bollinger_upper, bollinger_lower: distance from the close to mean ± 2 population standard deviations of 20 closes, over the
    close. Positive upper: the band is above the close; positive lower: the band is below it.
    """
    close = candles.close
    mean = talib.SMA(close, SPAN)
    width = BOLLINGER_WIDTH * rolling_deviation(close, SPAN)
    return {
        "atr": talib.ATR(candles.high, candles.low, close, ATR_SPAN) / close,
        "bollinger_upper": (mean + width - close) / close,
        "bollinger_lower": (close - mean + width) / close,
    }


def deviation_features(candles: CandleColumns) -> Features:
    """volatility_20: standard deviation of log-returns; volatility_ratio in [-1, 1]: (short − long)/(short + long) of those of
    10 and 50 candles, 0 where nothing moved.
    """
    short, long = rolling_deviation(candles.log_return, SHORT_SPAN), rolling_deviation(candles.log_return, LONG_SPAN)
    return {
        "volatility_20": rolling_deviation(candles.log_return, SPAN),
        "volatility_ratio": ratio(short - long, short + long),
    }


def realised_features(candles: CandleColumns) -> Features:
    """realised_100: root of the mean squared log-return of 100 candles. semivariance_20 in [-1, 1]: squared returns upwards less
    downwards over all (Barndorff-Nielsen, Kinnebrock & Shephard 2010), 0 where nothing moved.
    """
    returns = candles.log_return
    squares = returns * returns
    signed = ratio(rolling_sum(np.copysign(squares, returns), SPAN), rolling_sum(squares, SPAN))
    return {"realised_100": _root_mean(squares, REALISED_SPAN), "semivariance_20": np.clip(signed, -1.0, 1.0)}


def range_volatility_features(candles: CandleColumns) -> Features:
    """parkinson_20: root of mean(log(high/low)²)/(4 log 2) (Parkinson 1980); garman_klass_20: root of the mean of
    log(high/low)²/2 − (2 log 2 − 1) log(close/open)² (Garman & Klass 1980); fractions a candle, of 20 candles.
    """
    ranges = logarithm(candles.high / candles.low) ** 2
    bodies = logarithm(candles.close / candles.open) ** 2
    return {
        "parkinson_20": _root_mean(ranges, SPAN) / math.sqrt(4.0 * math.log(2.0)),
        "garman_klass_20": _root_mean(0.5 * ranges - (2.0 * math.log(2.0) - 1.0) * bodies, SPAN),
    }


def shape_features(candles: CandleColumns) -> Features:
    """close_position and body in [-1, 1]: the close between low and high, and close less open over high less low; 0 if equal."""
    return {"close_position": candles.place, "body": ratio(candles.close - candles.open, candles.height)}


def _root_mean(squares: FloatArray, span: int) -> FloatArray:
    return np.sqrt(np.maximum(rolling_sum(squares, span), 0.0) / span)
