"""Which patterns may signal at a candle: those that regime, the trend of longer candles and momentum do not speak against."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled, uncounted
from fxgpt_core.patterns.parameters import PatternParameters
from fxgpt_core.patterns.prices import FloatArray
from fxgpt_core.regimes.regime import RANGING, TRENDING_DOWN, TRENDING_UP, UNKNOWN

Signs = npt.NDArray[np.int8]
IntArray = npt.NDArray[np.int64]

MOMENTUM_SPAN: Final = 14
LONGER: Final = 4
LONGER_SPAN: Final = 20
"""The trend of candles four times as long: their last close against the mean of the last twenty."""


class Directions(NamedTuple):
    """N candles: the signs of `momentum` and `longer_trend`, int8, 0 where not known; `regime` int8 and for how many candles it
    has been the same, `since` int64, counted from 1.
    """

    momentum: Signs
    longer: Signs
    regime: Signs
    since: IntArray


class Asked(NamedTuple):
    """Which filters are on; `bars` is how old a regime must be."""

    momentum: bool
    longer: bool
    regime: bool
    bars: int


def directions(close: FloatArray, regime: Signs | None) -> Directions:
    """What each candle tells the filters; without regimes they are not known."""
    known = np.full(len(close), UNKNOWN, dtype=np.int8) if regime is None else np.ascontiguousarray(regime, dtype=np.int8)
    return Directions(_sign(momentum(close)), _sign(longer_trend(close)), known, _since(known))


def asked_of(parameters: PatternParameters) -> Asked:
    """The filters that parameters switch on."""
    on = (parameters.momentum_confirmation, parameters.timeframe_alignment, parameters.use_regime_filter)
    return Asked(*on, parameters.regime_confirmation_bars)


@uncounted
def passes(told: Directions, asked: Asked, i: int, side: int, goes_on: bool) -> bool:
    """Whether a pattern of a side that says that a move turns, or goes on, may signal at candle `i`.

    Longs where momentum and longer trend are up, shorts where they are down. Nothing against a trend, no break out of a range,
    nothing in a regime younger than asked; all where the regime is not known.
    """
    if (asked.momentum and told.momentum[i] != side) or (asked.longer and told.longer[i] != side):
        return False
    regime = told.regime[i]
    if not asked.regime or regime == UNKNOWN:
        return True
    against = TRENDING_DOWN if side > 0 else TRENDING_UP
    return told.since[i] >= asked.bars and regime != against and not (goes_on and regime == RANGING)


def _sign(values: FloatArray) -> Signs:
    return (values > 0.0).astype(np.int8) - (values < 0.0).astype(np.int8)


@compiled
def _since(values: Signs) -> IntArray:
    found = np.ones(len(values), np.int64)
    for i in range(1, len(values)):
        if values[i] == values[i - 1]:
            found[i] = found[i - 1] + 1
    return found


def momentum(close: FloatArray) -> FloatArray:
    """float64[N]: the close less the one fourteen candles ago; NaN before.

    It is above 0 just where an RSI with plain means (Cutler) is above 50: gains less losses of a span are its net move.
    """
    moved = np.full(len(close), np.nan)
    moved[MOMENTUM_SPAN:] = close[MOMENTUM_SPAN:] - close[:-MOMENTUM_SPAN]
    return moved


def longer_trend(close: FloatArray) -> FloatArray:
    """float64[N]: the close less the mean of twenty closes four candles apart, itself the last; NaN before.

    At each candle the longer candles are those that end with it, so that none is ever half done.
    """
    reach = LONGER * (LONGER_SPAN - 1)
    direction = np.full(len(close), np.nan)
    if len(close) > reach:
        total = np.zeros(len(close) - reach)
        for lag in range(LONGER_SPAN):
            total += close[lag * LONGER : len(close) - reach + lag * LONGER]
        direction[reach:] = close[reach:] - total / LONGER_SPAN
    return direction
