"""All patterns of a stretch, whatever the filters of signals will make of them."""

from typing import Final

import numpy as np

from fxgpt_core.patterns.breakouts import upward_breakouts
from fxgpt_core.patterns.candidates import chosen
from fxgpt_core.patterns.confidence import Weights, held, judge, weigh
from fxgpt_core.patterns.parameters import PatternParameters
from fxgpt_core.patterns.shapes import ANCHOR, CONFIRMED_AT, KIND, LEVEL, SIDE, VOLUME, Shapes, follow
from fxgpt_core.patterns.stages import Stretch

_NEVER: Final = np.iinfo(np.int64).max
_ANY: Final = _NEVER


def detected(stretch: Stretch, parameters: PatternParameters) -> Shapes:
    """Every pattern, judged, in the order of the candles that confirmed them; those that none confirmed come last."""
    bare = stretch.candlesticks()
    weighed = Shapes(bare.rows, bare.values.copy())
    weigh(weighed, stretch.volume(parameters.lookback_period))
    return _judged(stretch, parameters, [*_chart_shapes(stretch, parameters, (0, len(stretch))), weighed])


def tradable_chart_shapes(stretch: Stretch, parameters: PatternParameters, rows: tuple[int, int]) -> Shapes:
    """Of the chart shapes in `detected` those that are confirmed, and had enough volume at completion where that is asked for.

    All that were complete within `rows`, first and last + 1, are among them, and perhaps some that were so before.
    """
    parts = [_tradable(part, parameters) for part in _chart_shapes(stretch, parameters, rows)]
    return _judged(stretch, parameters, parts)


def least_volume(parameters: PatternParameters) -> float:
    """The volume over its mean that a pattern needs at completion, −∞ where none is asked for."""
    return parameters.volume_threshold if parameters.use_volume_confirmation else -np.inf


def weights_of(parameters: PatternParameters) -> Weights:
    """What support and trend weigh."""
    return Weights(parameters.support_resistance_weight, parameters.trend_alignment_weight)


def _tradable(shapes: Shapes, parameters: PatternParameters) -> Shapes:
    # Not known is no reason against a pattern: many feeds of currencies have no volume.
    return shapes.select((shapes.rows[:, CONFIRMED_AT] >= 0) & ~(shapes.values[:, VOLUME] < least_volume(parameters)))


def _judged(stretch: Stretch, parameters: PatternParameters, parts: list[Shapes]) -> Shapes:
    lookback = parameters.lookback_period
    shapes = Shapes(np.concatenate([part.rows for part in parts]), np.concatenate([part.values for part in parts]))
    confirmed = shapes.rows[:, CONFIRMED_AT]
    ordered = shapes.select(np.argsort(np.where(confirmed < 0, _NEVER, confirmed), kind="stable"))
    support = held(ordered, stretch.prices, stretch.both_swings(parameters.swing_width), lookback)
    judge(ordered, support, stretch.trend(lookback), weights_of(parameters))
    return ordered


def _chart_shapes(stretch: Stretch, parameters: PatternParameters, rows: tuple[int, int]) -> list[Shapes]:
    """The chart shapes that may be complete within the rows, for longs and then for shorts."""
    return [shapes for side in (1, -1) for shapes in _of_side(stretch, parameters, rows, side)]


def _of_side(stretch: Stretch, parameters: PatternParameters, rows: tuple[int, int], side: int) -> list[Shapes]:
    """Double bottoms, inverse heads and breakouts upwards, or, of mirrored prices and side −1, what these are there."""
    prices, lookback = stretch.prices_of_side(side), parameters.lookback_period
    least, most = parameters.min_pattern_size, parameters.max_pattern_size
    # A level breaks within so many candles behind the last swing.
    swings = (rows[0] - most, rows[1])
    families = [
        chosen(stretch.bottoms(parameters, side), swings, most, _ANY),
        chosen(stretch.heads(parameters, side), swings, most, lookback),
        upward_breakouts(prices, stretch.clear(side), rows, lookback, (least, most)),
    ]
    for number, shapes in enumerate(families):
        follow(shapes, prices, parameters.breakout_retest_bars if parameters.false_breakout_filter else 0)
        shapes.rows[:, KIND], shapes.rows[:, SIDE] = 2 * number + (side < 0), side
        shapes.values[:, [LEVEL, ANCHOR]] *= side
        weigh(shapes, stretch.volume(lookback))
    return families
