"""The features of candles that arrive later, without computing those of the whole history again."""

import polars as pl

from fxgpt_core.errors import BadInputError
from fxgpt_core.features.matrix import features
from fxgpt_core.market.timeframes import Timeframe

# What the slowest average, an exponential one of span 50, still weighs after so many candles is below 1e-20 of its sum.
MEMORY = 1200


def extended(known: pl.DataFrame, candles: pl.DataFrame, timeframe: Timeframe) -> pl.DataFrame:
    """`features(candles, timeframe)`, when `known` are the features of the first len(known) of these candles.

    Only the new rows are computed, from `MEMORY` candles before them: equal to the whole computation within 1e-9 of a column's
    largest value (rounding: the averages start elsewhere); the rows of `known` come back as they are. Raises `BadInputError`
    where `known` is not about the first of these candles.
    """
    n_known = len(known)
    if n_known > len(candles) or not known["open_time"].equals(candles["open_time"].head(n_known)):
        raise BadInputError(
            f"{n_known} rows of features do not belong to the first of {len(candles)} candles; each row's open_time must be its "
            "candle's; compute the features of the whole series"
        )
    if n_known <= MEMORY:
        return pl.concat([known, features(candles, timeframe).slice(n_known)])
    recent = features(candles.slice(n_known - MEMORY), timeframe)
    return pl.concat([known, recent.slice(MEMORY)])
