"""The entry point of the room: at each candle's close, the side of the pattern that is believed most, if one is believed enough.

Row i depends on the `PATTERN_LOOKBACK` candles before it and on itself, and is bit-equal whatever else is there.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.rows import Rows
from fxgpt_core.patterns.confidence import confidences
from fxgpt_core.patterns.detection import least_volume, tradable_chart_shapes, weights_of
from fxgpt_core.patterns.filters import asked_of
from fxgpt_core.patterns.living import LONGEST_RETEST, Believed, Found, Life, empty, signalled
from fxgpt_core.patterns.names import CONTINUATIONS, PATTERN_NAMES
from fxgpt_core.patterns.parameters import RANGES, PatternParameters
from fxgpt_core.patterns.prices import FloatArray, IntArray, unbroken
from fxgpt_core.patterns.shapes import COMPLETED, CONFIDENCE, CONFIRMED_AT, VOLUME, Shapes
from fxgpt_core.patterns.stages import Outputs, Stretch, anew

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

    def columns(self) -> dict[str, npt.NDArray[np.generic]]:
        """The columns by name, for a table."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


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
