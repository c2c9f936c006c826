"""The entry point of the room: at each candle's close, the side of the pattern that is believed most, if one is believed enough.

Row i depends on the `PATTERN_LOOKBACK` candles before it and on itself, and is bit-equal whatever else is there.
"""

from dataclasses import dataclass, fields
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.compiled import compiled, uncounted
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.rows import Rows
from fxgpt_core.patterns.confidence import confidences
from fxgpt_core.patterns.detection import least_volume, tradable_chart_shapes, weights_of
from fxgpt_core.patterns.filters import Asked, Directions, asked_of, passes
from fxgpt_core.patterns.names import CONTINUATIONS, NO_PATTERN, PATTERN_NAMES
from fxgpt_core.patterns.parameters import RANGES, PatternParameters
from fxgpt_core.patterns.prices import FloatArray, IntArray, unbroken
from fxgpt_core.patterns.shapes import COMPLETED, CONFIDENCE, CONFIRMED_AT, HEIGHT, KIND, SIDE, VOLUME, Shapes
from fxgpt_core.patterns.stages import Outputs, Stretch, anew

CodeArray = npt.NDArray[np.int8]

PATTERN_LOOKBACK: Final = int(RANGES["max_age_bars"][1] + 2 * RANGES["lookback_period"][1] + RANGES["min_pattern_size"][1] // 2)
"""Candles before a row that its value depends on at most, for the largest parameters.

The oldest is a breakout at the end of its life, of a level as old as the lookback period, with swings that touched that level a
lookback period before, which stand out from half the smallest size of candles on their left.
"""

LONGEST_RETEST: Final = int(RANGES["breakout_retest_bars"][1])
"""Candles from completion to confirmation at most, both counted."""

OF_KIND, OF_SIDE, BEGAN, FROM, STOP, TARGET, FULL, BELIEVED = range(8)
LIVING: Final = 8
"""What is kept of a living shape: kind, side, row of completion, close that confirmed it, distances, confidence then and now."""

_CONTINUES = np.isin(PATTERN_NAMES, CONTINUATIONS)


@dataclass(frozen=True, eq=False)
class PatternSignals:
    """N candles. `side` 1 or -1 of the best active pattern, 0 if none; `confidence` in [0, 1], 0 if none.

    `kind` is a code of `PATTERN_NAMES`, `NO_PATTERN` if none; `age` the candles since it was complete, -1 if none; the distances
    of stop and target are in quote currency from the candle's close, NaN if none.
    """

    known_at_us: IntArray
    side: CodeArray
    confidence: FloatArray
    kind: CodeArray
    age: IntArray
    stop_distance: FloatArray
    target_distance: FloatArray

    def __len__(self) -> int:
        return len(self.known_at_us)

    def select(self, rows: Rows) -> "PatternSignals":
        """Those of some of the candles."""
        return PatternSignals(*(getattr(self, item.name)[rows] for item in fields(self)))

    def columns(self) -> dict[str, npt.NDArray[np.generic]]:
        """The columns by name, for a table."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


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


def patterns_of(candles: CandleArrays, parameters: PatternParameters, regime: CodeArray | None = None) -> PatternSignals:
    """The signal of each candle; `regime` int8[N] holds codes of `regimes.regime`, None where nobody tells them.

    Candles on both sides of a hole have nothing to do with each other: patterns begin anew behind it. Raises `BadInputError`
    for regimes of another number of candles.
    """
    return SignalStages(candles, regime).signals(parameters, slice(0, len(candles)))


class SignalStages:
    """The signals of a series for one parameter set after the other; `outputs` keeps what they have in common.

    Raises `BadInputError` for regimes of another number of candles.
    """

    def __init__(self, candles: CandleArrays, regime: CodeArray | None = None, outputs: Outputs = anew) -> None:
        if regime is not None and len(regime) != len(candles):
            raise BadInputError(f"{len(regime)} regimes were given for {len(candles)} candles; each candle has one: give as many")
        self._known_at_us = candles.known_at_us
        self._stretches = [
            (start, Stretch(candles.slice(start, stop), None if regime is None else regime[start:stop], outputs, start))
            for start, stop in unbroken(candles)
        ]

    def signals(self, parameters: PatternParameters, rows: slice) -> PatternSignals:
        """The signals of the candles `rows` (start and stop), equal to the last bit to those of `patterns_of`."""
        parts = [empty(0)]
        for start, stretch in self._stretches:
            first, stop = max(rows.start, start) - start, min(rows.stop, start + len(stretch)) - start
            if first < stop:
                parts.append(_of_stretch(stretch, parameters, (first, stop)))
        columns = parts[1] if len(parts) == 2 else Found(*(np.concatenate(each) for each in zip(*parts, strict=True)))
        return PatternSignals(self._known_at_us[rows], *columns)


def _of_stretch(stretch: Stretch, parameters: PatternParameters, rows: tuple[int, int]) -> Found:
    life = Life(
        parameters.max_age_bars,
        parameters.confidence_threshold,
        parameters.confluence_weight,
        parameters.target_multiplier,
        parameters.stop_loss_multiplier,
    )
    # A shape that was confirmed earlier is no longer alive at the first row, and none waits longer to be.
    rows_of_shapes = (max(0, rows[0] - life.max_age - LONGEST_RETEST), rows[1])
    charted = tradable_chart_shapes(stretch, parameters, rows_of_shapes)
    drawn, lookback, least = stretch.candlesticks(), parameters.lookback_period, least_volume(parameters)
    trend, support = stretch.trend(lookback), stretch.held_candlesticks(parameters)
    part = _within(drawn, rows_of_shapes)
    drawn = Shapes(drawn.rows[part], drawn.values[part])
    both = (
        Believed(charted, charted.values[:, CONFIDENCE], charted.values[:, VOLUME], least),
        Believed(
            drawn,
            confidences(drawn, support[part], trend, weights_of(parameters)),
            _volumes(stretch, lookback, drawn, least),
            least,
        ),
    )
    filtering = (stretch.directions(), asked_of(parameters))
    return signalled(both, stretch.prices.close, rows, filtering, _CONTINUES, life)


def _within(shapes: Shapes, rows: tuple[int, int]) -> slice:
    """Those of shapes in the order of their confirmation that were confirmed within the rows."""
    start, stop = np.searchsorted(shapes.rows[:, CONFIRMED_AT], rows)
    return slice(int(start), int(stop))


def _volumes(stretch: Stretch, lookback: int, shapes: Shapes, least: float) -> FloatArray:
    """float64[M]: the volume of shapes at completion; where none is asked for it is not looked up."""
    if least == -np.inf:
        return np.zeros(len(shapes.rows))
    return stretch.volume(lookback)[shapes.rows[:, COMPLETED]]


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
    found, living = empty(rows[1] - rows[0]), np.empty((len(both[0].confidence) + len(both[1].confidence), LIVING))
    start, count = max(0, rows[0] - life.max_age), 0
    charted = int(np.searchsorted(both[0].shapes.rows[:, CONFIRMED_AT], start))
    drawn = int(np.searchsorted(both[1].shapes.rows[:, CONFIRMED_AT], start))
    # Half of a confidence is left at the end of a life.
    fades = 1.0 - 0.5 * np.arange(life.max_age + LONGEST_RETEST) / life.max_age
    for i in range(start, rows[1]):
        count = alive(living, count, close[i], i - life.max_age)
        # Of equals the one that was confirmed last counts: candlesticks come behind chart shapes.
        charted, count = enlist(living, count, both[0], charted, (i, close[i]), life)
        drawn, count = enlist(living, count, both[1], drawn, (i, close[i]), life)
        if i < rows[0]:
            continue
        best, most = -1, 0.0
        for a in range(count):
            believed = living[a, FULL] * fades[i - int(living[a, BEGAN])]
            living[a, BELIEVED] = believed
            most = max(most, believed)
            if best < 0 or believed >= living[best, BELIEVED]:
                goes_on = continues[int(living[a, OF_KIND])]
                if passes(filtering[0], filtering[1], i, int(living[a, OF_SIDE]), goes_on):
                    best = a
        # No agreement makes more of it than the largest confidence on its side would.
        if best < 0 or not agreed(living[best, BELIEVED], life.confluence * most) >= life.threshold:
            continue
        confidence = agreed(living[best, BELIEVED], life.confluence * agreement(living, count, best))
        if confidence >= life.threshold:
            at, one = i - rows[0], living[best]
            found.side[at], found.confidence[at], found.kind[at] = int(one[OF_SIDE]), confidence, int(one[OF_KIND])
            found.age[at], found.stop[at], found.target[at] = i - int(one[BEGAN]), one[STOP], one[TARGET]
    return found


@uncounted
def enlist(living: FloatArray, count: int, of: Believed, coming: int, now: tuple[int, float], life: Life) -> tuple[int, int]:
    """Writes what counts of the shapes confirmed at a candle side by side in memory: the loop reads it at every candle.

    `now` is the row and the close of the candle. Says which shape comes next, and how many live.
    """
    shapes = of.shapes
    while coming < len(shapes.rows) and shapes.rows[coming, CONFIRMED_AT] == now[0]:
        if not of.volume[coming] < of.least_volume:
            height = shapes.values[coming, HEIGHT]
            living[count, OF_KIND], living[count, OF_SIDE] = shapes.rows[coming, KIND], shapes.rows[coming, SIDE]
            living[count, BEGAN], living[count, FROM] = shapes.rows[coming, COMPLETED], now[1]
            living[count, STOP], living[count, TARGET] = life.stop * height, life.target * height
            living[count, FULL] = of.confidence[coming]
            count += 1
        coming += 1
    return coming, count


@uncounted
def alive(living: FloatArray, count: int, close: float, oldest: int) -> int:
    """Keeps, in their order, those of `count` shapes that still signal, and says how many they are.

    A shape ends when it is too old, and when a close is its stop or target distance away from the close that confirmed it.
    """
    left = 0
    for a in range(count):
        gained = living[a, OF_SIDE] * (close - living[a, FROM])
        if living[a, BEGAN] >= oldest and -living[a, STOP] < gained < living[a, TARGET]:
            if left < a:
                for column in range(LIVING):
                    living[left, column] = living[a, column]
            left += 1
    return left


@uncounted
def agreement(living: FloatArray, count: int, best: int) -> float:
    """The largest confidence of another kind on the side of the best shape less the largest on the other side."""
    for_it, against = 0.0, 0.0
    for a in range(count):
        if living[a, OF_SIDE] != living[best, OF_SIDE]:
            against = max(against, living[a, BELIEVED])
        elif living[a, OF_KIND] != living[best, OF_KIND]:
            for_it = max(for_it, living[a, BELIEVED])
    return for_it - against


@uncounted
def agreed(confidence: float, weight: float) -> float:
    """The confidence of a shape after the others had their say, in [0, 1].

    It gains the weighed agreement, if that is positive, of what is missing to 1, or else loses as much of what it has.
    """
    return confidence + weight * (1.0 - confidence if weight > 0.0 else confidence)
