"""All patterns of a series, each with what surrounded it: the table that signals and events are made of."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from fxgpt_core.patterns.breakouts import upward_breakouts
from fxgpt_core.patterns.candlesticks import CANDLES_OF, FX_GAP_SLACK, candlesticks
from fxgpt_core.patterns.confidence import Judged, Swings, Weights, judged
from fxgpt_core.patterns.double_bottoms import double_bottoms
from fxgpt_core.patterns.head_and_shoulders import inverse_heads
from fxgpt_core.patterns.names import CANDLESTICKS, CHART_SHAPES, CONFIRMED
from fxgpt_core.patterns.parameters import PatternParameters
from fxgpt_core.patterns.prices import FloatArray, IntArray, Prices, mirrored
from fxgpt_core.patterns.shapes import (
    ANCHOR,
    COMPLETED,
    CONFIRMED_AT,
    FATE,
    FIRST_POINT,
    HEIGHT,
    LEVEL,
    N_POINTS,
    NOT_YET,
    QUALITY,
    Shapes,
    follow,
)
from fxgpt_core.patterns.swings import swing_lows

LARGE_RANGES = 2.0
_CANDLES_OF = np.array([CANDLES_OF[name] for name in CANDLESTICKS])


@dataclass(frozen=True, eq=False)
class Patterns:
    """E patterns in the order of the candle that confirmed them, those that none confirmed first.

    `kind` codes of `PATTERN_NAMES`, `side` 1 or -1, `fate` codes of `FATES`, all int64[E]; `completed` and `confirmed` are rows,
    `NOT_YET` where there is none; `points` int64[E,5] rows, the rest `NOT_YET`. `level` (NaN of a candlestick), `height` and
    `anchor` are in quote currency, `quality` in [0, 1]. `judged` holds what surrounded each at its completion.
    """

    kind: IntArray
    side: IntArray
    fate: IntArray
    completed: IntArray
    confirmed: IntArray
    points: IntArray
    level: FloatArray
    height: FloatArray
    anchor: FloatArray
    quality: FloatArray
    judged: Judged

    def __len__(self) -> int:
        return len(self.kind)

    def select(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Patterns":
        """Some of the patterns."""
        columns = {item.name: getattr(self, item.name)[rows] for item in fields(self)[:-1]}
        return Patterns(**columns, judged=Judged(*(column[rows] for column in self.judged)))


@dataclass(frozen=True, eq=False)
class Unjudged:
    """Patterns before anybody looked around them; the columns are those of `Patterns`."""

    kind: IntArray
    side: IntArray
    fate: IntArray
    completed: IntArray
    confirmed: IntArray
    points: IntArray
    level: FloatArray
    height: FloatArray
    anchor: FloatArray
    quality: FloatArray


def detected(prices: Prices, parameters: PatternParameters) -> Patterns:
    """Every pattern of the series, whatever the filters of signals will make of it."""
    width = parameters.swing_width
    swings = Swings(swing_lows(prices.low, width), swing_lows(-prices.high, width), width)
    upside_down = mirrored(prices)
    found = [
        *_chart_shapes(prices, swings.lows, parameters, 1),
        *_chart_shapes(upside_down, swings.highs, parameters, -1),
        _candlesticks(prices),
    ]
    columns = {item.name: np.concatenate([getattr(one, item.name) for one in found]) for item in fields(Unjudged)}
    order = np.lexsort((columns["side"], columns["kind"], columns["completed"], columns["confirmed"]))
    columns = {name: column[order] for name, column in columns.items()}
    weights = Weights(parameters.lookback_period, parameters.support_resistance_weight, parameters.trend_alignment_weight)
    events = tuple(columns[name] for name in ("side", "completed", "points", "anchor", "quality"))
    return Patterns(**columns, judged=judged(prices, swings, events, weights))


def _chart_shapes(prices: Prices, lows: IntArray, parameters: PatternParameters, side: int) -> list[Unjudged]:
    """Double bottoms, inverse heads and breakouts upwards, or, of mirrored prices and side -1, what these are there."""
    width, lookback = parameters.swing_width, parameters.lookback_period
    sizes = (parameters.min_pattern_size, parameters.max_pattern_size)
    retest_bars = parameters.breakout_retest_bars if parameters.false_breakout_filter else 0
    families = (
        double_bottoms(prices, lows, width, sizes),
        inverse_heads(prices, lows, width, sizes, lookback),
        upward_breakouts(prices, lookback, sizes),
    )
    found = []
    for number, shapes in enumerate(families):
        follow(shapes, prices, retest_bars)
        found.append(_columns(shapes, 2 * number + (side < 0), side))
    return found


def _columns(shapes: Shapes, kind: int, side: int) -> Unjudged:
    rows, prices = shapes
    return Unjudged(
        kind=np.full(len(rows), kind),
        side=np.full(len(rows), side),
        fate=rows[:, FATE],
        completed=rows[:, COMPLETED],
        confirmed=rows[:, CONFIRMED_AT],
        points=rows[:, FIRST_POINT:],
        level=side * prices[:, LEVEL],
        height=prices[:, HEIGHT],
        anchor=side * prices[:, ANCHOR],
        quality=prices[:, QUALITY],
    )


def _candlesticks(prices: Prices) -> Unjudged:
    """Candlesticks as patterns: complete and confirmed at once, as high as their candles and at least one mean range.

    Quality: the height of the candles over two mean ranges, at most 1. They lean on their own extreme.
    """
    marks = candlesticks(prices.open, prices.high, prices.low, prices.close, FX_GAP_SLACK)
    last, which = np.nonzero(marks)
    known = prices.range[last] > 0.0
    last, which = last[known], which[known]
    side = marks[last, which].astype(np.int64)
    points = np.full((len(last), N_POINTS), NOT_YET)
    high, low = prices.high[last], prices.low[last]
    for place in range(3):
        row = last - (_CANDLES_OF[which] - 1) + place
        inside = row <= last
        points[inside, place] = row[inside]
        earlier = np.minimum(row, last)
        high, low = np.maximum(high, prices.high[earlier]), np.minimum(low, prices.low[earlier])
    usual = prices.range[last]
    return Unjudged(
        kind=which + len(CHART_SHAPES),
        side=side,
        fate=np.full(len(last), CONFIRMED),
        completed=last,
        confirmed=last,
        points=points,
        level=np.full(len(last), np.nan),
        height=np.maximum(high - low, usual),
        anchor=np.where(side > 0, low, high),
        quality=np.minimum(1.0, (high - low) / (LARGE_RANGES * usual)),
    )
