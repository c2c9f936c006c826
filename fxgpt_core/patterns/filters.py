"""Which patterns may signal at a candle: those that regime, the trend of longer candles and momentum do not speak against."""

from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.patterns.parameters import PatternParameters
from fxgpt_core.patterns.prices import FloatArray
from fxgpt_core.regimes.regime import RANGING, TRENDING_DOWN, TRENDING_UP, UNKNOWN

Mask = npt.NDArray[np.bool_]
Gates = npt.NDArray[np.bool_]

MOMENTUM_SPAN: Final = 14
LONGER: Final = 4
LONGER_SPAN: Final = 20
"""The trend of candles four times as long: their last close against the mean of the last twenty."""
SHORT, LONG = 0, 1
TURNS, GOES_ON = 0, 1


def gates(close: FloatArray, parameters: PatternParameters, regime: npt.NDArray[np.int8] | None) -> Gates:
    """bool[N,2,2]: whether patterns of a side (short, long) and nature (a turn, a move that goes on) may signal at each close."""
    passes = np.ones((len(close), 2, 2), dtype=np.bool_)
    if parameters.momentum_confirmation:
        _follow_sign(passes, momentum(close))
    if parameters.timeframe_alignment:
        _follow_sign(passes, longer_trend(close))
    if parameters.use_regime_filter and regime is not None:
        _follow_regime(passes, regime, parameters.regime_confirmation_bars)
    return passes


def _follow_sign(passes: Gates, direction: FloatArray) -> None:
    """Longs where the direction is up, shorts where it is down; neither where it is 0 or not known."""
    passes[:, LONG] &= (direction > 0.0)[:, None]
    passes[:, SHORT] &= (direction < 0.0)[:, None]


def _follow_regime(passes: Gates, regime: npt.NDArray[np.int8], bars: int) -> None:
    """Nothing against a trend, no break out of a range, nothing in a regime younger than `bars`; all where it is not known."""
    same = np.zeros(len(regime), dtype=np.bool_)
    same[bars - 1 :] = True
    for lag in range(1, bars):
        same[lag:] &= regime[lag:] == regime[:-lag]
    unknown = regime == UNKNOWN
    passes &= (same | unknown)[:, None, None]
    passes[:, LONG] &= (regime != TRENDING_DOWN)[:, None]
    passes[:, SHORT] &= (regime != TRENDING_UP)[:, None]
    passes[:, :, GOES_ON] &= (regime != RANGING)[:, None]


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
