"""The matrix of all features: one row for each candle, known at its close."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import polars as pl

from fxgpt_core.candles.schema import TIME_TYPE
from fxgpt_core.features import clock, momentum, returns, trend, volatility, volume
from fxgpt_core.features.columns import CandleColumns, Features, candle_columns
from fxgpt_core.market.sessions import stretches
from fxgpt_core.market.timeframes import Timeframe

FEATURES: tuple[str, ...] = (
    "return_1", "return_2", "return_3", "return_5", "return_8", "return_13", "return_20", "gap",
    "sma_5", "sma_10", "sma_20", "sma_50", "sma_100", "ema_5", "ema_10", "ema_20", "ema_30", "ema_50",
    "macd", "macd_signal", "macd_hist", "efficiency_20", "slope_20",
    "rsi_7", "rsi_14", "rsi_21", "dmi_14", "adx_14", "stochastic_14", "stochastic_slow_14", "aroon_25",
    "atr", "bollinger_upper", "bollinger_lower", "volatility_20", "volatility_ratio", "realised_100", "semivariance_20",
    "parkinson_20", "garman_klass_20", "close_position", "body",
    "obv", "vwap", "cmf", "volume_ratio", "spread", "spread_ratio",
    "hour_sin", "hour_cos", "weekday_sin", "weekday_cos", "month_sin", "month_cos",
    "session_sydney", "session_tokyo", "session_london", "session_new_york", "to_roll", "roll_nights",
)  # fmt: skip
GROUPS: tuple[Callable[[CandleColumns], Features], ...] = (
    volume.volume_features,
    volatility.deviation_features,
    volatility.range_volatility_features,
    volatility.realised_features,
    volatility.band_features,
    volatility.shape_features,
    volume.spread_features,
    trend.average_features,
    trend.macd_features,
    trend.straightness_features,
    momentum.rsi_features,
    momentum.direction_features,
    momentum.range_features,
    returns.return_features,
    clock.clock_features,
    clock.session_features,
    clock.roll_features,
)
# Longest window 100; after 200 candles the start of the slowest exponential average weighs less than 0.003.
WARM_UP = 200
# Below it, threads take longer to take turns than they save.
ROWS_FOR_THREADS = 100_000


def features(candles: pl.DataFrame, timeframe: Timeframe, *, warm_up: int = WARM_UP) -> pl.DataFrame:
    """open_time, known_at and the 60 `FEATURES` (Float64) of a checked candle frame, row for row.

    Each row uses candles up to its own only, and is bit-equal whether later candles exist or not. The features of the first
    `warm_up` rows are null, and so are those of the first after a hole: more than `LONGEST_CLOSURE` of open market without a
    candle. From `WARM_UP` on every other value is finite. All are free of the price's scale.
    """
    columns = candle_columns(candles.rechunk())
    computed = {name: values for group in _computed(columns) for name, values in group.items()}
    times = candles.select("open_time", known_at=pl.col("open_time") + timeframe.duration)
    matrix = times.hstack([pl.Series(name, computed[name]) for name in FEATURES])
    return _blanked(matrix, stretches(columns.open_time_us, timeframe).tolist(), warm_up)


def features_by_symbol(candles: pl.LazyFrame, timeframe: Timeframe) -> pl.LazyFrame:
    """`features` of many symbols, lazily: `symbol` before the columns of `features`, symbols in the order they first appear.

    `candles`: checked candles of one timeframe with a column `symbol`, each symbol's in order. What is filtered behind is not
    pushed in front, so a span of the result has seen all candles before it.
    """
    schema: dict[str, pl.DataType | type[pl.DataType]] = {"symbol": pl.String, "open_time": TIME_TYPE, "known_at": TIME_TYPE}
    schema |= dict.fromkeys(FEATURES, pl.Float64)

    def computed(frame: pl.DataFrame) -> pl.DataFrame:
        parts = frame.partition_by("symbol", maintain_order=True)
        # One symbol after the other: each takes all cores, and only one's intermediate columns are in memory.
        return pl.concat([features(part, timeframe).select(part["symbol"], pl.all()) for part in parts])

    return candles.map_batches(computed, schema=schema, predicate_pushdown=False, projection_pushdown=False, slice_pushdown=False)


def _computed(columns: CandleColumns) -> list[Features]:
    if len(columns.close) < ROWS_FOR_THREADS:
        return [group(columns) for group in GROUPS]
    # numpy and TA-Lib let go of the interpreter while they compute; more threads than cores only hold more memory.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda group: group(columns), GROUPS))


def _blanked(matrix: pl.DataFrame, starts: list[int], warm_up: int) -> pl.DataFrame:
    """The matrix with the features of `warm_up` rows from each start on null; the other rows are not copied."""
    nothing = pl.lit(None, pl.Float64)
    pieces = []
    for start, stop in zip(starts, [*starts[1:], len(matrix)], strict=True):
        ready = min(start + warm_up, stop)
        pieces += [
            matrix.slice(start, ready - start).select("open_time", "known_at", *(nothing.alias(name) for name in FEATURES)),
            matrix.slice(ready, stop - ready),
        ]
    return pl.concat(pieces, rechunk=False)
