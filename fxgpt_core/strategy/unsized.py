"""Wishes whose size waits for the odds of their forecast, which are looked at where an entry is tried, and nowhere else.

The odds are the dearest part of a decision, and most wishes are never tried, since a position is held already.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import uncounted
from fxgpt_core.conformal.scenarios import AtStep, first_level, met_levels
from fxgpt_core.portfolio.edge import kelly_of, optimal_f_of, payoff_of
from fxgpt_core.portfolio.sizing import risk_of
from fxgpt_core.strategy.odds import shares_of

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_ROUNDING = 1e-9


class Unsized(NamedTuple):
    """Of E wishes: the row of each in the bands `at` of their horizon, int64[E], −1 for none; its close and the product of what
    multiplies its size, float64[E]. All empty where every size is known.

    `cost` of a round trip, as a fraction of the close; `share`: of the growth-optimal fraction; `by_kelly`, or by optimal f.
    """

    at: AtStep
    band: IntArray
    close: FloatArray
    multiplier: FloatArray
    cost: float
    share: float
    by_kelly: bool


def _nothing() -> Unsized:
    # With gaps between the numbers, as in the bands of a search: so one compiled loop serves both.
    numbers = np.full((2, 2, 2), np.nan)
    at = AtStep(numbers[:, 1, 0], numbers[:, :1, 0], numbers[:, :1, 1], np.full(1, np.nan), 0.0)
    return Unsized(at, np.empty(0, np.int64), np.empty(0), np.empty(0), 0.0, 0.0, True)


ALL_SIZED: Final = _nothing()
"""Nothing waits."""


@uncounted
def late_risk(unsized: Unsized, number: int, side: int, stop: float, target: float) -> float:
    """The share of the equity that wish `number` may lose, as `decide` tells it; distances in quote currency. NaN: not known.

    Both fractions are 0 where p·b < 1 − p, p being the share of targets among what is met, and b the payoff of `portfolio.edge`.
    """
    row, close = unsized.band[number], unsized.close[number]
    if row < 0:
        return np.nan
    far, near = target / close, stop / close
    first = first_level(unsized.at, row, side, far, near)
    # Whatever is met within the horizon, this share of it are targets; most wishes are refused by that.
    if first * payoff_of(far, near, unsized.cost) < 1.0 - first - _ROUNDING:
        return 0.0
    p_target, p_stop = shares_of(*met_levels(unsized.at, row, side, far, near))
    if unsized.by_kelly:
        fraction = kelly_of(p_target, p_stop, far, near, unsized.cost)
    else:
        fraction = optimal_f_of(p_target, p_stop, far, near, unsized.cost)
    return risk_of(unsized.share * fraction, unsized.multiplier[number])
