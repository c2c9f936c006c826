"""Candlesticks as shapes, beside those of the chart."""

from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled
from fxgpt_core.patterns.names import CHART_SHAPES, CONFIRMED
from fxgpt_core.patterns.prices import Prices
from fxgpt_core.patterns.shapes import (
    ANCHOR,
    COMPLETED,
    CONFIRMED_AT,
    FATE,
    FIRST_POINT,
    FORMED,
    HEIGHT,
    KIND,
    QUALITY,
    SIDE,
    Shapes,
    room_for,
)

IntArray = npt.NDArray[np.int64]

LARGE_RANGES: Final = 2.0


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
