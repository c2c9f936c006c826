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
from fxgpt_core.market.sessions import stretches
from fxgpt_core.patterns.detection import Patterns, detected
from fxgpt_core.patterns.filters import Gates, gates
from fxgpt_core.patterns.names import CONTINUATIONS, NO_PATTERN, PATTERN_NAMES
from fxgpt_core.patterns.parameters import RANGES, PatternParameters
from fxgpt_core.patterns.prices import FloatArray, IntArray, prices_of

CodeArray = npt.NDArray[np.int8]

PATTERN_LOOKBACK: Final = int(RANGES["max_age_bars"][1] + 2 * RANGES["lookback_period"][1] + RANGES["min_pattern_size"][1] // 2)
"""Candles before a row that its value depends on at most, for the largest parameters.

The oldest is a breakout at the end of its life, of a level as old as the lookback period, with swings that touched that level a
lookback period before, which stand out from half the smallest size of candles on their left.
"""

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


class Life(NamedTuple):
    """How long a signal lives (candles), what confidence it needs, what agreement weighs, and its multiples of the height."""

    max_age: int
    threshold: float
    confluence: float
    target: float
    stop: float


class Active(NamedTuple):
    """E confirmed patterns in the order of the candle that confirmed them: int64[E] four times, then float64[E] twice."""

    kind: IntArray
    side: IntArray
    completed: IntArray
    confirmed: IntArray
    confidence: FloatArray
    height: FloatArray


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
    begins = stretches(candles.open_time_us, candles.timeframe).tolist()
    parts = [
        _of_stretch(candles.slice(start, stop), parameters, None if regime is None else regime[start:stop])
        for start, stop in zip(begins, [*begins[1:], len(candles)], strict=True)
    ] or [empty(0)]
    return PatternSignals(candles.known_at_us, *(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _of_stretch(candles: CandleArrays, parameters: PatternParameters, regime: CodeArray | None) -> Found:
    prices = prices_of(candles)
    patterns = detected(prices, parameters)
    active = patterns.select(tradable(patterns, parameters))
    life = Life(
        parameters.max_age_bars,
        parameters.confidence_threshold,
        parameters.confluence_weight,
        parameters.target_multiplier,
        parameters.stop_loss_multiplier,
    )
    columns = Active(active.kind, active.side, active.completed, active.confirmed, active.judged.confidence, active.height)
    return signalled(columns, prices.close, gates(prices.close, parameters, regime), _CONTINUES, life)


def tradable(patterns: Patterns, parameters: PatternParameters) -> npt.NDArray[np.bool_]:
    """bool[E]: confirmed, and with enough volume at completion where that is asked for and known."""
    confirmed = patterns.confirmed >= 0
    if not parameters.use_volume_confirmation:
        return confirmed
    # Not known is no reason against a pattern: many feeds of currencies have no volume.
    return confirmed & ~(patterns.judged.volume < parameters.volume_threshold)


@compiled
def empty(n: int) -> Found:
    """N candles without a signal."""
    return Found(
        np.zeros(n, np.int8), np.zeros(n), np.full(n, NO_PATTERN, np.int8), np.full(n, -1), np.full(n, np.nan), np.full(n, np.nan)
    )


@compiled
def signalled(patterns: Active, close: FloatArray, gate: Gates, continues: npt.NDArray[np.bool_], life: Life) -> Found:
    """The best of the patterns that live at each candle and pass its gate, where it is believed enough."""
    found = empty(len(close))
    living, believed = np.empty(len(patterns.kind), np.int64), np.empty(len(patterns.kind))
    count, coming = 0, 0
    for i in range(len(close)):
        left = 0
        for a in range(count):
            if lives(patterns, living[a], close, i, life):
                living[left] = living[a]
                left += 1
        count = left
        while coming < len(patterns.kind) and patterns.confirmed[coming] <= i:
            if patterns.confirmed[coming] == i and i - patterns.completed[coming] <= life.max_age:
                living[count] = coming
                count += 1
            coming += 1
        best = -1
        for a in range(count):
            e = living[a]
            believed[a] = faded(patterns, e, i, life)
            longs, goes_on = int(patterns.side[e] > 0), int(continues[patterns.kind[e]])
            # Later patterns come later in the list: of equals the youngest counts.
            if gate[i, longs, goes_on] and (best < 0 or believed[a] >= believed[best]):
                best = a
        if best < 0:
            continue
        e = living[best]
        confidence = agreed(patterns, living[:count], believed[:count], best, life.confluence)
        if confidence >= life.threshold:
            found.side[i], found.confidence[i], found.kind[i] = patterns.side[e], confidence, patterns.kind[e]
            found.age[i] = i - patterns.completed[e]
            found.stop[i], found.target[i] = life.stop * patterns.height[e], life.target * patterns.height[e]
    return found


@compiled
def lives(patterns: Active, e: int, close: FloatArray, i: int, life: Life) -> bool:
    """Whether a confirmed pattern still signals: not too old, and its target or stop distance not gone by closes."""
    moved = patterns.side[e] * (close[i] - close[patterns.confirmed[e]])
    within = -life.stop * patterns.height[e] < moved < life.target * patterns.height[e]
    return within and i - patterns.completed[e] <= life.max_age


@compiled
def faded(patterns: Active, e: int, i: int, life: Life) -> float:
    """The confidence of a pattern, which falls to half by the end of its life."""
    return patterns.confidence[e] * (1.0 - 0.5 * (i - patterns.completed[e]) / life.max_age)


@compiled
def agreed(patterns: Active, living: IntArray, believed: FloatArray, best: int, weight: float) -> float:
    """The confidence of the best pattern after the others had their say, in [0, 1].

    A = the largest confidence of another kind on its side less the largest on the other side; it gains `weight` × A of what is
    missing to 1, or loses `weight` × −A of what it has.
    """
    e = living[best]
    for_it, against = 0.0, 0.0
    for a in range(len(living)):
        other = living[a]
        if patterns.side[other] != patterns.side[e]:
            against = max(against, believed[a])
        elif patterns.kind[other] != patterns.kind[e]:
            for_it = max(for_it, believed[a])
    agreement, confidence = weight * (for_it - against), believed[best]
    return confidence + agreement * (1.0 - confidence if agreement > 0.0 else confidence)
