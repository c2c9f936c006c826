"""Volume and spread over windows; all are 0 where the feed gives none."""

import numpy as np
import talib

from fxgpt_core.features.columns import SPAN, CandleColumns, Features, ratio, rolling_sum

SPREAD_SPAN = 100


def volume_features(candles: CandleColumns) -> Features:
    """obv, cmf and volume_ratio in [-1, 1], vwap as a fraction, each over 20 candles.

    obv is Granville's signed volume over total volume in the window (the cumulative form depends on where a series starts);
    cmf is Chaikin's money flow: the volume-weighted place of the close within its candle; vwap the close over the
    volume-weighted typical price, less 1; volume_ratio (volume − mean)/(volume + mean).
    """
    volume = candles.volume
    total = rolling_sum(volume, SPAN)
    typical = (candles.high + candles.low + candles.close) / 3.0
    found = {
        "obv": np.clip(ratio(rolling_sum(np.sign(candles.move) * volume, SPAN), total), -1.0, 1.0),
        "cmf": np.clip(ratio(rolling_sum(candles.place * volume, SPAN), total), -1.0, 1.0),
        "vwap": ratio(candles.close * total, rolling_sum(typical * volume, SPAN)) - 1.0,
        "volume_ratio": ratio(volume - total / SPAN, volume + total / SPAN),
    }
    # A running sum keeps rounding dust, so "no volume" is asked of the maximum.
    silent = talib.MAX(volume, SPAN) == 0.0
    for values in found.values():
        values[silent] = 0.0
    return found


def spread_features(candles: CandleColumns) -> Features:
    """spread: as a fraction of the close. spread_ratio in [-1, 1]: (spread − mean)/(spread + mean) of 100 candles.

    A candle without a spread counts as 0, in the mean as well.
    """
    spread = np.nan_to_num(candles.spread)
    mean = np.maximum(rolling_sum(spread, SPREAD_SPAN), 0.0) / SPREAD_SPAN
    return {"spread": spread / candles.close, "spread_ratio": ratio(spread - mean, spread + mean)}
