"""All patterns of a series, whatever the filters of signals will make of them."""

from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled
from fxgpt_core.patterns.breakouts import upward_breakouts
from fxgpt_core.patterns.candlesticks import CANDLES_OF, FX_GAP_SLACK, candlesticks
from fxgpt_core.patterns.confidence import Swings, Weights, judge, volume_ratio, weigh
from fxgpt_core.patterns.double_bottoms import double_bottoms
from fxgpt_core.patterns.head_and_shoulders import inverse_heads
from fxgpt_core.patterns.names import CANDLESTICKS, CHART_SHAPES, CONFIRMED
from fxgpt_core.patterns.parameters import PatternParameters
from fxgpt_core.patterns.prices import IntArray, Prices, mirrored
from fxgpt_core.patterns.shapes import (
    ANCHOR,
    COMPLETED,
    CONFIRMED_AT,
    FATE,
    FIRST_POINT,
    FORMED,
    HEIGHT,
    KIND,
    LEVEL,
    QUALITY,
    SIDE,
    VOLUME,
    Shapes,
    follow,
    room_for,
)
from fxgpt_core.patterns.swings import swing_lows

LARGE_RANGES: Final = 2.0
_CANDLES_OF: Final = np.array([CANDLES_OF[name] for name in CANDLESTICKS])
_NEVER: Final = np.iinfo(np.int64).max


def detected(prices: Prices, parameters: PatternParameters) -> Shapes:
    """Every pattern, judged, in the order of the candles that confirmed them; those that none confirmed come last."""
    return _judged(_found(prices, parameters), prices, parameters)


def tradable(prices: Prices, parameters: PatternParameters) -> Shapes:
    """Of `detected` those that are confirmed, and had enough volume at completion where that is asked for and known."""
    return _judged([_chosen(part, parameters) for part in _found(prices, parameters)], prices, parameters)


def _chosen(shapes: Shapes, parameters: PatternParameters) -> Shapes:
    chosen = shapes.rows[:, CONFIRMED_AT] >= 0
    if parameters.use_volume_confirmation:
        # Not known is no reason against a pattern: many feeds of currencies have no volume.
        chosen &= ~(shapes.values[:, VOLUME] < parameters.volume_threshold)
    return shapes.select(chosen)


def _found(prices: Prices, parameters: PatternParameters) -> list[Shapes]:
    width = parameters.swing_width
    upside_down = mirrored(prices)
    found = [
        *_chart_shapes(prices, swing_lows(prices.low, width), parameters, 1),
        *_chart_shapes(upside_down, swing_lows(upside_down.low, width), parameters, -1),
        candlestick_shapes(prices, candlesticks(*prices[:4], FX_GAP_SLACK), _CANDLES_OF),
    ]
    ratio = volume_ratio(prices.volume, parameters.lookback_period)
    for part in found:
        weigh(part, ratio)
    return found


def _judged(parts: list[Shapes], prices: Prices, parameters: PatternParameters) -> Shapes:
    width = parameters.swing_width
    shapes = Shapes(np.concatenate([part.rows for part in parts]), np.concatenate([part.values for part in parts]))
    confirmed = shapes.rows[:, CONFIRMED_AT]
    ordered = shapes.select(np.argsort(np.where(confirmed < 0, _NEVER, confirmed), kind="stable"))
    swings = Swings(swing_lows(prices.low, width), swing_lows(-prices.high, width), width)
    weights = Weights(parameters.lookback_period, parameters.support_resistance_weight, parameters.trend_alignment_weight)
    judge(ordered, prices, swings, weights)
    return ordered


def _chart_shapes(prices: Prices, lows: IntArray, parameters: PatternParameters, side: int) -> list[Shapes]:
    """Double bottoms, inverse heads and breakouts upwards, or, of mirrored prices and side -1, what these are there."""
    width, lookback = parameters.swing_width, parameters.lookback_period
    sizes = (parameters.min_pattern_size, parameters.max_pattern_size)
    families = [
        double_bottoms(prices, lows, width, sizes),
        inverse_heads(prices, lows, width, sizes, lookback),
        upward_breakouts(prices, lookback, sizes),
    ]
    for number, shapes in enumerate(families):
        follow(shapes, prices, parameters.breakout_retest_bars if parameters.false_breakout_filter else 0)
        shapes.rows[:, KIND], shapes.rows[:, SIDE] = 2 * number + (side < 0), side
        shapes.values[:, [LEVEL, ANCHOR]] *= side
    return families


@compiled
def candlestick_shapes(prices: Prices, marks: npt.NDArray[np.int8], candles_of: IntArray) -> Shapes:
    """Candlesticks int8[N,18] as shapes: complete and confirmed at once, as high as their candles and at least one mean range.

    Quality: the height of the candles over two mean ranges, at most 1. They lean on their own extreme.
    """
    shapes, found = room_for(int(np.count_nonzero(marks))), 0
    for i in range(len(marks)):
        usual = prices.range[i]
        if not usual > 0.0:
            continue
        for kind in range(marks.shape[1]):
            side = marks[i, kind]
            if side == 0:
                continue
            shape, values, first = shapes.rows[found], shapes.values[found], i - candles_of[kind] + 1
            shape[KIND], shape[SIDE], shape[FATE] = kind + len(CHART_SHAPES), side, CONFIRMED
            shape[FORMED] = shape[COMPLETED] = shape[CONFIRMED_AT] = i
            high, low = prices.high[i], prices.low[i]
            for row in range(first, i + 1):
                shape[FIRST_POINT + row - first] = row
                high, low = max(high, prices.high[row]), min(low, prices.low[row])
            values[HEIGHT], values[ANCHOR] = max(high - low, usual), low if side > 0 else high
            values[QUALITY] = min(1.0, (high - low) / (LARGE_RANGES * usual))
            found += 1
    return Shapes(shapes.rows[:found], shapes.values[:found])
