"""The risk of a series of returns by five measures, each proportional to the size of what is held.

They are what `portfolio/convex.py` minimises, by the definitions rather than by a programme.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.portfolio.convex import TAIL

FloatArray = npt.NDArray[np.float64]


def risk_of(measure: str, returns: FloatArray) -> float:
    """The risk of T returns float64[T], as a fraction of the capital: by the day, CDaR over all T days."""
    return _MEASURES[measure](returns)


def _standard_deviation(returns: FloatArray) -> float:
    return float(returns.std(ddof=1))


def _worst_day(returns: FloatArray) -> float:
    return float(-returns.min())


def _tail_mean(losses: FloatArray) -> float:
    """Mean of the largest T × `TAIL` losses; where that is no whole number, the next one counts in part."""
    tail = TAIL * len(losses)
    worst, whole = np.sort(losses)[::-1], int(tail)
    part = (tail - whole) * worst[whole] if whole < len(worst) else 0.0
    return float((worst[:whole].sum() + part) / tail)


def _value_at_risk_beyond(returns: FloatArray) -> float:
    return _tail_mean(-returns)


def _drawdown_beyond(returns: FloatArray) -> float:
    sums = np.cumsum(returns)
    return _tail_mean(np.maximum.accumulate(np.maximum(sums, 0.0)) - sums)


def _entropic(returns: FloatArray) -> float:
    """The least over z > 0 of z·log(mean(exp(−r/z)) / `TAIL`), which is convex in z (Ahmadi-Javid 2012)."""
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    worst, spread = -float(returns.min()), float(np.ptp(returns))
    if spread == 0.0:
        return worst

    def bound(log_z: float) -> float:
        z = math.exp(log_z)
        return z * (float(logsumexp(-returns / z)) - math.log(TAIL * len(returns)))

    middle = math.log(spread)
    return float(minimize_scalar(bound, bounds=(middle - 12.0, middle + 6.0), method="bounded", options={"xatol": 1e-9}).fun)


_MEASURES: Final[dict[str, Callable[[FloatArray], float]]] = {
    "MV": _standard_deviation,
    "CVaR": _value_at_risk_beyond,
    "CDaR": _drawdown_beyond,
    "EVaR": _entropic,
    "WR": _worst_day,
}
