"""What a forecast promises of one trade, and the share of the capital that would make it grow fastest.

Only sums, products, quotients and a square root are taken, which IEEE 754 rounds alike wherever a value lies in an array: a
row is equal to the last bit alone and among others.
"""

import math
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled, inlined
from fxgpt_core.errors import BadInputError

FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Edge:
    """N trades, each float64[N], NaN where not known.

    `p_target` and `p_stop` are the probabilities that the target, or the stop, is reached first; the rest, if any, is that
    neither is. `target` and `stop` are their distances from the close and `cost` that of a round trip, as fractions of it.
    Raises `BadInputError` for arrays of different lengths, probabilities that cannot be and negative distances.
    """

    p_target: FloatArray
    p_stop: FloatArray
    target: FloatArray
    stop: FloatArray
    cost: FloatArray

    def __post_init__(self) -> None:
        lengths = {item.name: len(getattr(self, item.name)) for item in fields(self)}
        if len(set(lengths.values())) > 1:
            raise BadInputError(f"the arrays of an edge have different lengths, {lengths}; give one value a trade")
        for name in lengths:
            self._refuse(getattr(self, name) < 0.0, f"a negative {name}; distances and probabilities are 0 or more")
        self._refuse(
            self.p_target + self.p_stop > 1.0 + _ROUNDING, "p_target and p_stop with a sum above 1; at most 1 is allowed"
        )

    def __len__(self) -> int:
        return len(self.target)

    def _refuse(self, wrong: Mask, text: str) -> None:
        if wrong.any():
            raise BadInputError(f"{int(wrong.sum())} of {len(self)} trades, the first in row {int(wrong.argmax())}, have {text}")

    @property
    def payoff(self) -> FloatArray:
        """float64[N]: b, what a target earns over what a stop loses, both after cost; NaN where a stop would lose nothing."""
        loss = self.stop + self.cost
        return (self.target - self.cost) / np.where(loss > 0.0, loss, np.nan)


def kelly(edge: Edge) -> FloatArray:
    """float64[N]: f* = p − (1 − p) / b, the share of the capital to risk (Kelly 1956; Thorp 2006), 0 without an edge.

    p is the probability of the target where target or stop is reached. That is Kelly's own answer where the trades that reach
    neither pay nothing: they add p·log(1) to the growth. NaN where not known.
    """
    return _each_kelly(*_columns(edge))


def optimal_f(edge: Edge) -> FloatArray:
    """float64[N]: Vince's f, in [0, 1], which maximises Σ pᵢ log(1 + f·xᵢ / |worst|) (Vince 1990), 0 without an edge.

    The outcomes x are the target less the cost, nothing less the cost, and the stop with the cost, which is the worst. The
    derivative is zero where a quadratic in f is; of its roots the smaller positive one lies in (0, 1]. NaN where not known.
    """
    return _each_optimal_f(*_columns(edge))


def _columns(edge: Edge) -> tuple[FloatArray, ...]:
    return tuple(np.asarray(getattr(edge, item.name), dtype=np.float64) for item in fields(edge))


@inlined
def payoff_of(target: float, stop: float, cost: float) -> float:
    """`Edge.payoff` of one trade."""
    loss = stop + cost
    return (target - cost) / (loss if loss > 0.0 else math.nan)


@compiled
def kelly_of(p_target: float, p_stop: float, target: float, stop: float, cost: float) -> float:
    """`kelly` of one trade."""
    payoff, decided = payoff_of(target, stop, cost), p_target + p_stop
    if payoff <= 0.0:
        return 0.0
    p = p_target / decided if decided > 0.0 else (math.nan if math.isnan(decided) else 0.0)
    return _at_least_none(p - (1.0 - p) / payoff)


@compiled
def optimal_f_of(p_target: float, p_stop: float, target: float, stop: float, cost: float) -> float:
    """`optimal_f` of one trade."""
    b, loss = payoff_of(target, stop, cost), stop + cost
    m = -cost / (loss if loss > 0.0 else math.nan)
    p_middle = max(1.0 - p_target - p_stop, 0.0) if not math.isnan(p_target + p_stop) else math.nan
    mean = p_target * b + p_middle * m - p_stop
    if mean <= 0.0:
        return 0.0
    slope = p_target * b * (m - 1.0) + p_middle * m * (b - 1.0) - p_stop * (b + m)
    curvature = -b * m
    within = slope * slope - 4.0 * curvature * mean
    root = math.sqrt(max(within, 0.0)) if not math.isnan(within) else math.nan
    return _at_least_none(2.0 * mean / (root - slope))


@inlined
def _at_least_none(fraction: float) -> float:
    return min(max(fraction, 0.0), 1.0) if not math.isnan(fraction) else math.nan


@compiled
def _each_kelly(p_target: FloatArray, p_stop: FloatArray, target: FloatArray, stop: FloatArray, cost: FloatArray) -> FloatArray:
    found = np.empty(len(target))
    for i in range(len(target)):
        found[i] = kelly_of(p_target[i], p_stop[i], target[i], stop[i], cost[i])
    return found


@compiled
def _each_optimal_f(
    p_target: FloatArray, p_stop: FloatArray, target: FloatArray, stop: FloatArray, cost: FloatArray
) -> FloatArray:
    found = np.empty(len(target))
    for i in range(len(target)):
        found[i] = optimal_f_of(p_target[i], p_stop[i], target[i], stop[i], cost[i])
    return found
