"""The table of patterns: what was found where, how it was believed, and what became of it."""

from typing import Final

import numpy as np
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.candles.schema import TIME_TYPE
from fxgpt_core.patterns.detection import detected
from fxgpt_core.patterns.names import CHART_SHAPES, FATES, PATTERN_NAMES
from fxgpt_core.patterns.parameters import PatternParameters
from fxgpt_core.patterns.prices import FloatArray, IntArray, unbroken
from fxgpt_core.patterns.shapes import (
    COMPLETED,
    CONFIDENCE,
    CONFIRMED_AT,
    DEADLINE,
    FATE,
    FIRST_POINT,
    FORMED,
    HEIGHT,
    KIND,
    LEVEL,
    QUALITY,
    SIDE,
    SUPPORT,
    TREND,
    VOLUME,
    Shapes,
    room_for,
)
from fxgpt_core.patterns.stages import Stretch

VALUES: Final = {
    "confidence": CONFIDENCE,
    "quality": QUALITY,
    "support": SUPPORT,
    "trend": TREND,
    "volume": VOLUME,
    "level": LEVEL,
    "height": HEIGHT,
}
ROWS: Final = {"first": FIRST_POINT, "completed": COMPLETED, "confirmed": CONFIRMED_AT}
BREAKOUTS: Final = tuple(CHART_SHAPES.index(name) for name in ("upward_breakout", "downward_breakout"))


def events(candles: CandleArrays, parameters: PatternParameters) -> pl.DataFrame:
    """Every pattern, whatever the filters of signals make of it, in the order of their first candles.

    `kind`, `side` (1 or -1) and `fate` (one of `FATES`); `first_at`, `completed_at` and `confirmed_at`: when these candles were
    known, and `…_row`, which they are, null where there is none; `confidence` and its parts quality, support and trend in [0, 1];
    `volume` over its mean; `level` and `height` in quote currency; null where not known. `point_rows` and `point_prices` are
    lists. A fate looks back: no signal knows it before it happens.
    """
    shapes = _shapes(candles, parameters)
    rows, values = shapes
    columns = {
        "kind": pl.Series([PATTERN_NAMES[kind] for kind in rows[:, KIND].tolist()], dtype=pl.String),
        "side": pl.Series(rows[:, SIDE].astype(np.int8)),
        "fate": pl.Series([FATES[fate] for fate in rows[:, FATE].tolist()], dtype=pl.String),
        **{f"{name}_at": _times(rows[:, column], candles.known_at_us) for name, column in ROWS.items()},
        **{name: pl.Series(values[:, column]).fill_nan(None) for name, column in VALUES.items()},
        **{f"{name}_row": _known(rows[:, column]) for name, column in ROWS.items()},
    }
    points = rows[:, FIRST_POINT:]
    lists = {"point_rows": (points, pl.Int64), "point_prices": (_point_prices(rows, candles), pl.Float64)}
    for name, (column, kind) in lists.items():
        told = [row[there].tolist() for row, there in zip(column, points >= 0, strict=True)]
        columns[name] = pl.Series(told, dtype=pl.List(kind))
    table = pl.DataFrame(columns)
    return table.sort("first_row", "completed_row", "kind", "side", nulls_last=True, maintain_order=True)


def _shapes(candles: CandleArrays, parameters: PatternParameters) -> Shapes:
    """The shapes of all stretches, with rows counted from the first candle of the series."""
    parts = [room_for(0)]
    for start, stop in unbroken(candles):
        found = detected(Stretch(candles.slice(start, stop)), parameters)
        for column in (FORMED, DEADLINE, COMPLETED, CONFIRMED_AT, *range(FIRST_POINT, found.rows.shape[1])):
            found.rows[:, column] += np.where(found.rows[:, column] >= 0, start, 0)
        parts.append(found)
    return Shapes(np.concatenate([part.rows for part in parts]), np.concatenate([part.values for part in parts]))


def _known(rows: IntArray) -> pl.Series:
    return pl.Series(rows).replace(-1, None)


def _times(rows: IntArray, known_at_us: IntArray) -> pl.Series:
    """When the candles of these rows were known; null for -1."""
    if not len(known_at_us):
        return pl.Series(dtype=TIME_TYPE)
    stamps = pl.Series(known_at_us[rows]).cast(TIME_TYPE)
    return pl.select(pl.when(pl.Series(rows) >= 0).then(stamps)).to_series()


def _point_prices(rows: IntArray, candles: CandleArrays) -> FloatArray:
    """float64[M,5]: the price of each point: lows and highs in turn of a chart shape, closes of a candlestick."""
    points, kind = rows[:, FIRST_POINT:], rows[:, KIND, None]
    if not len(candles):
        return np.empty(points.shape)
    # A double bottom begins with a low, a breakout upwards with the high it breaks.
    turned = (rows[:, SIDE, None] < 0) ^ np.isin(kind, BREAKOUTS) ^ (np.arange(points.shape[1]) % 2 == 1)
    extremes = np.where(turned, candles.high[points], candles.low[points])
    return np.where(kind < len(CHART_SHAPES), extremes, candles.close[points])
