"""The shapes that live at each candle, and what they say together: the best of those that its filters let pass."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled, inlined, uncounted
from fxgpt_core.patterns.filters import Asked, Directions, passes
from fxgpt_core.patterns.names import NO_PATTERN
from fxgpt_core.patterns.parameters import RANGES
from fxgpt_core.patterns.prices import FloatArray, IntArray
from fxgpt_core.patterns.shapes import COMPLETED, CONFIRMED_AT, HEIGHT, KIND, SIDE, Shapes

CodeArray = npt.NDArray[np.int8]

LONGEST_RETEST: Final = int(RANGES["breakout_retest_bars"][1])
"""Candles from completion to confirmation at most, both counted."""

_ROUNDING = 1e-9


class Life(NamedTuple):
    """How long a signal lives (candles), what confidence it needs, what agreement weighs, and its multiples of the height."""

    max_age: int
    threshold: float
    confluence: float
    target: float
    stop: float


class Believed(NamedTuple):
    """M confirmed shapes in the order of their confirmation, the confidence float64[M] and volume ratio float64[M] of each.

    One with less than `least_volume` is left out; a volume that is not known is no reason against it.
    """

    shapes: Shapes
    confidence: FloatArray
    volume: FloatArray
    least_volume: float


class Found(NamedTuple):
    """The columns of `PatternSignals`, float64 but for the codes, as compiled code fills them."""

    side: CodeArray
    confidence: FloatArray
    kind: CodeArray
    age: IntArray
    stop: FloatArray
    target: FloatArray


OF_KIND, OF_SIDE, GOES_ON, BEGAN, SINCE, STOP, TARGET, FULL, NOW = range(9)
"""What is kept of the shapes that live at a candle, a row each: kind, side, 1 for a move that goes on, row of completion, the
close that confirmed it, distances of stop and target, confidence at completion and now. The loops read a few of them at every
candle."""


@compiled
def empty(n: int) -> Found:
    """N candles without a signal."""
    return Found(
        np.zeros(n, np.int8), np.zeros(n), np.full(n, NO_PATTERN, np.int8), np.full(n, -1), np.full(n, np.nan), np.full(n, np.nan)
    )


@compiled
def signalled(
    both: tuple[Believed, Believed],
    close: FloatArray,
    rows: tuple[int, int],
    filtering: tuple[Directions, Asked],
    continues: npt.NDArray[np.bool_],
    life: Life,
) -> Found:
    """At each candle within `rows`, first and last + 1, the best of the shapes that live there and pass its filters, where it is
    believed enough.
    """
    found, living = empty(rows[1] - rows[0]), np.empty((NOW + 1, len(both[0].confidence) + len(both[1].confidence)))
    start, count = max(0, rows[0] - life.max_age), 0
    charted = int(np.searchsorted(both[0].shapes.rows[:, CONFIRMED_AT], start))
    drawn = int(np.searchsorted(both[1].shapes.rows[:, CONFIRMED_AT], start))
    for i in range(start, rows[1]):
        count = _alive(living, count, close[i], i - life.max_age)
        # Of equals the one that was confirmed last counts: candlesticks come behind chart shapes.
        charted, count = _enlisted(living, count, both[0], charted, (i, close[i], continues), life)
        drawn, count = _enlisted(living, count, both[1], drawn, (i, close[i], continues), life)
        if i >= rows[0] and count > 0:
            best, confidence = _best(living, count, i, filtering, life)
            if confidence >= life.threshold:
                at = i - rows[0]
                found.side[at], found.kind[at] = int(living[OF_SIDE, best]), int(living[OF_KIND, best])
                found.confidence[at], found.age[at] = confidence, i - int(living[BEGAN, best])
                found.stop[at], found.target[at] = living[STOP, best], living[TARGET, best]
    return found


@uncounted
def _best(living: FloatArray, count: int, i: int, filtering: tuple[Directions, Asked], life: Life) -> tuple[int, float]:
    """The best of the shapes that pass the filters of a candle, and its confidence; −1 where that is too small to signal.

    The loops multiply by 0 and 1 where they could ask: on which side a shape is, is hard to guess for the processor.
    """
    now, loss, most = living[NOW], 0.5 / life.max_age, 0.0
    for a in range(count):
        # Half of a confidence is left at the end of a life.
        now[a] = living[FULL, a] * (1.0 - loss * (i - living[BEGAN, a]))
        most = now[a] if now[a] > most else most
    # No agreement makes more of a shape than the largest confidence on its side would.
    if agreed(most, life.confluence * most) < life.threshold - _ROUNDING:
        return 0, -1.0
    best, largest = _first_among(living, count, i, filtering)
    if best < 0 or agreed(largest, life.confluence * most) < life.threshold - _ROUNDING:
        return 0, -1.0
    return best, agreed(largest, life.confluence * _agreement(living, count, best))


@uncounted
def _first_among(living: FloatArray, count: int, i: int, filtering: tuple[Directions, Asked]) -> tuple[int, float]:
    """The shape with the largest confidence of those that pass, the last of equals; −1 where none does."""
    told, asked = filtering
    short, short_on = _passed(told, asked, i, -1, False), _passed(told, asked, i, -1, True)
    long, long_on = _passed(told, asked, i, 1, False), _passed(told, asked, i, 1, True)
    best, largest = -1, 0.0
    for a in range(count):
        is_long, goes_on = 0.5 + 0.5 * living[OF_SIDE, a], living[GOES_ON, a]
        as_short, as_long = short + goes_on * (short_on - short), long + goes_on * (long_on - long)
        passed = as_short + is_long * (as_long - as_short)
        value = passed * living[NOW, a] - (1.0 - passed)
        best = a if value >= largest else best
        largest = value if value >= largest else largest
    return best, largest


@inlined
def _passed(told: Directions, asked: Asked, i: int, side: int, goes_on: bool) -> float:
    return 1.0 if passes(told, asked, i, side, goes_on) else 0.0


@uncounted
def _enlisted(
    living: FloatArray,
    count: int,
    of: Believed,
    coming: int,
    now: tuple[int, float, npt.NDArray[np.bool_]],
    life: Life,
) -> tuple[int, int]:
    """Writes what counts of the shapes confirmed at a candle: of `now` its row and its close, and which kinds go on.

    Says which shape comes next, and how many live.
    """
    shapes = of.shapes
    while coming < len(shapes.rows) and shapes.rows[coming, CONFIRMED_AT] == now[0]:
        if not of.volume[coming] < of.least_volume:
            height = shapes.values[coming, HEIGHT]
            living[OF_KIND, count], living[OF_SIDE, count] = shapes.rows[coming, KIND], shapes.rows[coming, SIDE]
            living[GOES_ON, count] = now[2][shapes.rows[coming, KIND]]
            living[BEGAN, count], living[SINCE, count] = shapes.rows[coming, COMPLETED], now[1]
            living[STOP, count], living[TARGET, count] = life.stop * height, life.target * height
            living[FULL, count] = of.confidence[coming]
            count += 1
        coming += 1
    return coming, count


@uncounted
def _alive(living: FloatArray, count: int, close: float, oldest: int) -> int:
    """Keeps, in their order, those of `count` shapes that still signal, and says how many they are.

    A shape ends when it is too old, and when a close is its stop or target distance away from the close that confirmed it.
    """
    left = 0
    for a in range(count):
        gained = living[OF_SIDE, a] * (close - living[SINCE, a])
        if living[BEGAN, a] >= oldest and -living[STOP, a] < gained < living[TARGET, a]:
            if left < a:
                for row in range(NOW):
                    living[row, left] = living[row, a]
            left += 1
    return left


@uncounted
def _agreement(living: FloatArray, count: int, best: int) -> float:
    """The largest confidence of another kind on the side of the best shape less the largest on the other side."""
    for_it, against, side, kind = 0.0, 0.0, living[OF_SIDE, best], living[OF_KIND, best]
    for a in range(count):
        hindrance = living[NOW, a] * (0.5 - 0.5 * living[OF_SIDE, a] * side)
        support = (living[NOW, a] - hindrance) * min(abs(living[OF_KIND, a] - kind), 1.0)
        against = hindrance if hindrance > against else against
        for_it = support if support > for_it else for_it
    return for_it - against


@uncounted
def agreed(confidence: float, weight: float) -> float:
    """The confidence of a shape after the others had their say, in [0, 1].

    It gains the weighed agreement, if that is positive, of what is missing to 1, or else loses as much of what it has.
    """
    return confidence + weight * (1.0 - confidence if weight > 0.0 else confidence)
