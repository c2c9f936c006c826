"""What detection computes of one unbroken stretch of candles, stage by stage, each by the few parameters that it depends on.

Whoever judges many parameter sets hands in a memory; what is alike for many sets is then computed once.
"""

from collections.abc import Callable, Hashable
from typing import Final, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.patterns.breakouts import Clear, clear_closes
from fxgpt_core.patterns.candidates import Candidates
from fxgpt_core.patterns.candlestick_shapes import candlestick_shapes
from fxgpt_core.patterns.candlesticks import CANDLES_OF, FX_GAP_SLACK, candlesticks
from fxgpt_core.patterns.confidence import Swings, touched_within, touches, trend, volume_ratio
from fxgpt_core.patterns.double_bottoms import double_bottoms
from fxgpt_core.patterns.filters import Directions, directions
from fxgpt_core.patterns.head_and_shoulders import inverse_heads
from fxgpt_core.patterns.names import CANDLESTICKS
from fxgpt_core.patterns.parameters import RANGES, PatternParameters
from fxgpt_core.patterns.prices import FloatArray, IntArray, Prices, mirrored, prices_of
from fxgpt_core.patterns.shapes import Shapes
from fxgpt_core.patterns.swings import swing_lows

Output = TypeVar("Output")
Regimes = npt.NDArray[np.int8]

LARGEST: Final = int(RANGES["max_pattern_size"][1])
_LOOKBACKS: Final = (int(RANGES["lookback_period"][0]), int(RANGES["lookback_period"][1]))
_CANDLES_OF: Final = np.array([CANDLES_OF[name] for name in CANDLESTICKS])


class Outputs(Protocol):
    """Hands out the output of a stage for the values of its parameters, made by `make` if it was not kept."""

    def __call__(self, stage: str, values: Hashable, make: Callable[[], Output], /) -> Output: ...  # noqa: D102


def anew(_stage: str, _values: Hashable, make: Callable[[], Output], /) -> Output:
    """Keeps nothing."""
    return make()


class Stretch:
    """The stages of one stretch; `regime` int8[N] or None, `start` is its first row in the series and tells stretches apart.

    A `side` of 1 are shapes for longs, −1 those for shorts, which are the same upside down.
    """

    def __init__(self, candles: CandleArrays, regime: Regimes | None = None, outputs: Outputs = anew, start: int = 0) -> None:
        self._candles, self._regime, self._outputs, self._start = candles, regime, outputs, start
        self.prices: Prices = self._output("prices", (), lambda: prices_of(candles))

    def __len__(self) -> int:
        return len(self._candles)

    def prices_of_side(self, side: int) -> Prices:
        """The prices, upside down for shorts."""
        return self.prices if side > 0 else self._output("mirrored prices", (), lambda: mirrored(self.prices))

    def swings(self, width: int, side: int) -> IntArray:
        """Rows of swing lows, for shorts those of swing highs."""
        return self._output("swings", (width, side), lambda: swing_lows(self.prices_of_side(side).low, width))

    def bottoms(self, parameters: PatternParameters, side: int) -> Candidates:
        """Double bottoms, or tops, of every size up to the largest."""
        least, width = parameters.min_pattern_size, parameters.swing_width

        def made() -> Candidates:
            return double_bottoms(self.prices_of_side(side), self.swings(width, side), width, (least, LARGEST))

        return self._output("double bottoms", (least, side), made)

    def heads(self, parameters: PatternParameters, side: int) -> Candidates:
        """Head and shoulders, for longs inverse, of every size up to the largest."""
        least, width = parameters.min_pattern_size, parameters.swing_width

        def made() -> Candidates:
            return inverse_heads(self.prices_of_side(side), self.swings(width, side), width, (least, LARGEST))

        return self._output("heads and shoulders", (least, side), made)

    def clear(self, side: int) -> Clear:
        """Closes that are beyond all candles of the shortest lookback period."""
        return self._output("clear closes", side, lambda: clear_closes(self.prices_of_side(side), *_LOOKBACKS))

    def candlesticks(self) -> Shapes:
        """All candlesticks, without what depends on parameters: support, trend, volume and confidence."""

        def made() -> Shapes:
            return candlestick_shapes(self.prices, candlesticks(*self.prices[:4], FX_GAP_SLACK), _CANDLES_OF)

        return self._output("candlesticks", (), made)

    def held_candlesticks(self, parameters: PatternParameters) -> npt.NDArray[np.int8]:
        """int8[M]: how many swings hold each candlestick."""
        width = parameters.swing_width

        def made() -> IntArray:
            return touches(self.candlesticks(), self.prices, self.both_swings(width), _LOOKBACKS[1])

        return touched_within(self._output("support of candlesticks", width, made), parameters.lookback_period)

    def both_swings(self, width: int) -> Swings:
        """Swing lows and swing highs."""
        return Swings(self.swings(width, 1), self.swings(width, -1), width)

    def volume(self, lookback: int) -> FloatArray:
        """float64[N]: each volume over the mean of those before."""
        return self._output("volume of patterns", lookback, lambda: volume_ratio(self.prices.volume, lookback))

    def trend(self, lookback: int) -> FloatArray:
        """float64[N]: where the trend goes, and how surely."""
        return self._output("trend of patterns", lookback, lambda: trend(self.prices.close, lookback))

    def directions(self) -> Directions:
        """What the filters of signals compare a side with."""
        return self._output("directions", (), lambda: directions(self.prices.close, self._regime))

    def _output(self, stage: str, values: Hashable, make: Callable[[], Output]) -> Output:
        return self._outputs(stage, (self._start, len(self._candles), values), make)
