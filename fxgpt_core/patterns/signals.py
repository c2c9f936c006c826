"""The entry point of the room: at each candle's close, the side of the pattern that is believed most, if one is believed enough.

Row i depends on the `PATTERN_LOOKBACK` candles before it and on itself, and is bit-equal whatever else is there.
"""

from dataclasses import dataclass, fields
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.compiled import compiled
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.rows import Rows
from fxgpt_core.patterns.detection import tradable
from fxgpt_core.patterns.filters import Gates, gates
from fxgpt_core.patterns.names import CONTINUATIONS, NO_PATTERN, PATTERN_NAMES
from fxgpt_core.patterns.parameters import RANGES, PatternParameters
from fxgpt_core.patterns.prices import FloatArray, IntArray, prices_of, unbroken
from fxgpt_core.patterns.shapes import COMPLETED, CONFIDENCE, CONFIRMED_AT, HEIGHT, KIND, SIDE, Shapes

CodeArray = npt.NDArray[np.int8]

PATTERN_LOOKBACK: Final = int(RANGES["max_age_bars"][1] + 2 * RANGES["lookback_period"][1] + RANGES["min_pattern_size"][1] // 2)
"""Candles before a row that its value depends on at most, for the largest parameters.

The oldest is a breakout at the end of its life, of a level as old as the lookback period, with swings that touched that level a
lookback period before, which stand out from half the smallest size of candles on their left.
"""

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
    if regime is not None and len(regime) != len(candles):
        raise BadInputError(f"{len(regime)} regimes were given for {len(candles)} candles; each candle has one: give as many")
    parts = [
        _of_stretch(candles.slice(start, stop), parameters, None if regime is None else regime[start:stop])
        for start, stop in unbroken(candles)
    ] or [empty(0)]
    return PatternSignals(candles.known_at_us, *(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _of_stretch(candles: CandleArrays, parameters: PatternParameters, regime: CodeArray | None) -> Found:
    prices = prices_of(candles)
    life = Life(
        parameters.max_age_bars,
        parameters.confidence_threshold,
        parameters.confluence_weight,
        parameters.target_multiplier,
        parameters.stop_loss_multiplier,
    )
    passes = gates(prices.close, parameters, regime)
    return signalled(tradable(prices, parameters), prices.close, passes, _CONTINUES, life)


@compiled
def empty(n: int) -> Found:
    """N candles without a signal."""
    return Found(
        np.zeros(n, np.int8), np.zeros(n), np.full(n, NO_PATTERN, np.int8), np.full(n, -1), np.full(n, np.nan), np.full(n, np.nan)
    )


@compiled
def signalled(shapes: Shapes, close: FloatArray, passes: Gates, continues: npt.NDArray[np.bool_], life: Life) -> Found:
    """The best of the confirmed shapes that live at each candle and pass its gate, where it is believed enough."""
    found, rows = empty(len(close)), shapes.rows
    living = np.empty((len(rows), LIVING))
    count, coming = 0, 0
    for i in range(len(close)):
        count = alive(living, count, close[i], i - life.max_age)
        while coming < len(rows) and rows[coming, CONFIRMED_AT] == i:
            enlist(living[count], rows[coming], shapes.values[coming], close[i], life)
            count += 1
            coming += 1
        best = -1
        for a in range(count):
            one = living[a]
            # Half of it is left at the end of a life.
            one[BELIEVED] = one[FULL] * (1.0 - 0.5 * (i - one[BEGAN]) / life.max_age)
            # Of equals the one that was confirmed last counts.
            if best < 0 or one[BELIEVED] >= living[best, BELIEVED]:
                kind = int(one[OF_KIND])
                if passes[i, int(one[OF_SIDE] > 0.0), int(continues[kind])]:
                    best = a
        if best < 0:
            continue
        confidence = agreed(living[:count], best, life.confluence)
        if confidence >= life.threshold:
            one = living[best]
            found.side[i], found.confidence[i], found.kind[i] = int(one[OF_SIDE]), confidence, int(one[OF_KIND])
            found.age[i], found.stop[i], found.target[i] = i - int(one[BEGAN]), one[STOP], one[TARGET]
    return found


@compiled
def enlist(one: FloatArray, shape: IntArray, values: FloatArray, close: float, life: Life) -> None:
    """Writes what counts of a shape while it lives side by side in memory: the loop reads it at every candle."""
    one[OF_KIND], one[OF_SIDE], one[BEGAN] = shape[KIND], shape[SIDE], shape[COMPLETED]
    one[FROM], one[FULL] = close, values[CONFIDENCE]
    one[STOP], one[TARGET] = life.stop * values[HEIGHT], life.target * values[HEIGHT]


@compiled
def alive(living: FloatArray, count: int, close: float, oldest: int) -> int:
    """Keeps, in their order, those of `count` shapes that still signal, and says how many they are.

    A shape ends when it is too old, and when a close is its stop or target distance away from the close that confirmed it.
    """
    left = 0
    for a in range(count):
        one = living[a]
        if one[BEGAN] >= oldest and -one[STOP] < one[OF_SIDE] * (close - one[FROM]) < one[TARGET]:
            if left < a:
                living[left] = one
            left += 1
    return left


@compiled
def agreed(living: FloatArray, best: int, weight: float) -> float:
    """The confidence of the best shape after the others had their say, in [0, 1].

    A = the largest confidence of another kind on its side less the largest on the other side; it gains `weight` × A of what is
    missing to 1, or loses `weight` × −A of what it has.
    """
    mine = living[best]
    for_it, against = 0.0, 0.0
    for a in range(len(living)):
        other = living[a]
        if other[OF_SIDE] != mine[OF_SIDE]:
            against = max(against, other[BELIEVED])
        elif other[OF_KIND] != mine[OF_KIND]:
            for_it = max(for_it, other[BELIEVED])
    agreement, confidence = weight * (for_it - against), mine[BELIEVED]
    return float(confidence + agreement * (1.0 - confidence if agreement > 0.0 else confidence))
