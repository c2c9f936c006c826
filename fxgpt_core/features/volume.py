"""Volume and spread over windows; all are 0 where the feed gives none."""

import numpy as np

from fxgpt_core.features.columns import SPAN, CandleColumns, Features, ratio
from fxgpt_core.features.rolling import rolling_sum

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
    paid = rolling_sum(typical * volume, SPAN)
    return {
        "obv": np.clip(ratio(rolling_sum(np.sign(candles.move) * volume, SPAN), total), -1.0, 1.0),
        "cmf": np.clip(ratio(rolling_sum(candles.place * volume, SPAN), total), -1.0, 1.0),
        "vwap": ratio(candles.close * total - paid, paid),
        "volume_ratio": ratio(volume - total / SPAN, volume + total / SPAN),
    }


def spread_features(candles: CandleColumns) -> Features:
    """spread: as a fraction of the close. spread_ratio in [-1, 1]: (spread − mean)/(spread + mean) of 100 candles.

    A candle without a spread counts as 0, in the mean as well.
    """
    spread = np.nan_to_num(candles.spread)
    mean = rolling_sum(spread, SPREAD_SPAN) / SPREAD_SPAN
    return {"spread": spread / candles.close, "spread_ratio": ratio(spread - mean, spread + mean)}
