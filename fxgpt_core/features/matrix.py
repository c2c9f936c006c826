"""The matrix of all features: one row for each candle, known at its close."""

import polars as pl

from fxgpt_core.features.clock import clock_features
from fxgpt_core.features.momentum import rsi_features
from fxgpt_core.features.returns import return_features
from fxgpt_core.features.shared import with_shared_columns
from fxgpt_core.features.trend import distance_features, efficiency_features, macd_features
from fxgpt_core.features.volatility import atr_features, bollinger_features, realised_features
from fxgpt_core.features.volume import volume_features
from fxgpt_core.market.timeframes import Timeframe

FEATURES: tuple[str, ...] = (
    "return_1", "return_2", "return_3", "return_5", "return_8", "return_13", "return_20",
    "sma_5", "sma_10", "sma_20", "sma_50", "sma_100", "ema_5", "ema_10", "ema_20", "ema_30", "ema_50",
    "macd", "macd_signal", "macd_hist",
    "efficiency_20",
    "rsi_7", "rsi_14", "rsi_21",
    "atr", "bollinger_upper", "bollinger_lower", "volatility_20", "parkinson_20", "volatility_ratio", "close_position",
    "obv", "vwap", "cmf",
    "hour_sin", "hour_cos", "weekday_sin", "weekday_cos", "month_sin", "month_cos",
)  # fmt: skip
# Longest window 100; after 200 candles the first close weighs less than 0.0004 in the slowest exponential average.
WARM_UP = 200


def features(candles: pl.DataFrame, timeframe: Timeframe, *, warm_up: int = WARM_UP) -> pl.DataFrame:
    """open_time, known_at and the 40 `FEATURES` (Float64) of a checked candle frame, row for row.

    Each row uses candles up to its own only, and is bit-equal whether later candles exist or not. The features of the first
    `warm_up` rows are null; from `WARM_UP` on every value is finite. All are free of the price's scale.
    """
    known = (pl.col("open_time") + timeframe.duration).alias("known_at")
    ready = pl.int_range(pl.len()) >= warm_up
    computed = with_shared_columns(candles.rechunk()).select(pl.col("open_time"), known, *feature_expressions())
    return computed.with_columns(pl.when(ready).then(pl.col(*FEATURES)).otherwise(None))


def feature_expressions() -> list[pl.Expr]:
    """The expressions of all features, in the order of `FEATURES`, without the warm-up blanked out; of `with_shared_columns`."""
    return [
        *return_features(),
        *distance_features(),
        *macd_features(),
        *efficiency_features(),
        *rsi_features(),
        *atr_features(),
        *bollinger_features(),
        *realised_features(),
        *volume_features(),
        *clock_features(),
    ]
