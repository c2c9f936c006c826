"""The shares of the capital that symbols get, from their past returns: by a risk measure and an objective, or by equal risk.

What it means for a strategy that goes long and short is told in docs/decisions/0026.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.sessions import OPEN_DAYS
from fxgpt_core.portfolio.convex import MEASURES, Bounds, best_ratio, best_utility, equal_risk, least_risk, risk_epigraph
from fxgpt_core.portfolio.risk_measures import risk_of

FloatArray = npt.NDArray[np.float64]

DAYS_A_YEAR: Final = 365.25 * OPEN_DAYS / 7
SHARPE, MIN_RISK, UTILITY, MAX_RETURN = OBJECTIVES = ("Sharpe", "MinRisk", "Utility", "MaxRet")
SHORTEST_WINDOW: Final = 20
_SOLUTIONS_KEPT = 16_384

REASONS: Final = (
    "not known: too few days",
    "held: drifting with the prices",
    "optimal: by the calendar",
    "optimal: the weights had drifted",
    "least risk: no mix earned more than cash",
    "equal weights: the solver found none",
)
NOT_KNOWN, HELD, SCHEDULED, DRIFTED, NO_EXCESS, NO_SOLUTION = range(len(REASONS))


@dataclass(frozen=True)
class AllocationParameters:
    """The eight of Riskfolio, as the specification names them, and two that are fixed.

    `risk_free_rate` is annual, `rebalance_freq` in calendar days. `window` is how many days' returns are looked at, and `drift`
    how far a held weight may be from its target, as a share of it. Raises `BadInputError` for what cannot be.
    """

    risk_measure: str = "MV"
    objective: str = SHARPE
    risk_aversion: float = 1.0
    max_weight: float = 0.3
    min_weight: float = 0.0
    risk_free_rate: float = 0.0
    use_risk_parity: bool = False
    rebalance_freq: int = 7
    window: int = 120
    drift: float = 0.10

    def __post_init__(self) -> None:
        if self.risk_measure not in MEASURES or self.objective not in OBJECTIVES:
            raise BadInputError(
                f"the risk measure is {self.risk_measure!r} and the objective {self.objective!r}; "
                f"choose of {', '.join(MEASURES)} and of {', '.join(OBJECTIVES)}"
            )
        if not (0.0 <= self.min_weight <= self.max_weight <= 1.0 and self.max_weight > 0.0):
            raise BadInputError(f"weights from {self.min_weight} to {self.max_weight} cannot be; 0 ≤ min ≤ max ≤ 1 and max > 0")
        if not (self.risk_aversion > 0.0 and self.drift > 0.0 and self.rebalance_freq >= 1 and self.window >= SHORTEST_WINDOW):
            raise BadInputError(
                f"{self} cannot be; the aversion and the drift are above 0, the days at least 1, those of the window "
                f"at least {SHORTEST_WINDOW}"
            )


class Solution(NamedTuple):
    """Weights float64[K], each within its bounds, and the code of `REASONS` for them."""

    weights: FloatArray
    reason: int


def optimal_weights(returns: FloatArray, parameters: AllocationParameters) -> FloatArray:
    """float64[K]: the weights for daily returns float64[T,K]; what they leave of 1 is cash. See `solution`."""
    return solution(returns, parameters).weights


def solution(returns: FloatArray, parameters: AllocationParameters) -> Solution:
    """The weights for daily returns float64[T,K] of K symbols and why they are so; solutions are kept by content.

    Several symbols: each weight in [min, max], together min(1, K × max). One symbol: in [min, max], the rest earns the risk-free
    rate, by the rule of `_with_cash`. Raises `BadInputError` for returns that are not known and for bounds that leave nothing.
    """
    t, k = returns.shape
    if t < SHORTEST_WINDOW or k < 1 or not np.isfinite(returns).all():
        raise BadInputError(
            f"{t} days of {k} symbols, all known, are needed: at least {SHORTEST_WINDOW} of 1; leave out the others"
        )
    if k * parameters.min_weight > 1.0:
        raise BadInputError(f"{k} symbols with at least {parameters.min_weight} each take more than 1; lower min_weight")
    return _kept_solution(np.ascontiguousarray(returns).tobytes(), k, _problem(parameters, k))


class _Problem(NamedTuple):
    """What a solution rests on besides the returns; a parameter that the objective does not read has one value."""

    measure: str
    objective: str
    aversion: float
    low: float
    high: float
    risk_free_day: float


_EQUAL_RISK = "equal risk"


def _problem(parameters: AllocationParameters, k: int) -> _Problem:
    objective = _EQUAL_RISK if parameters.use_risk_parity else parameters.objective
    return _Problem(
        measure="" if objective == MAX_RETURN else parameters.risk_measure,
        objective=objective,
        aversion=parameters.risk_aversion if objective == UTILITY else 0.0,
        low=parameters.min_weight,
        high=parameters.max_weight,
        risk_free_day=parameters.risk_free_rate / DAYS_A_YEAR if objective == SHARPE or k == 1 else 0.0,
    )


@lru_cache(maxsize=_SOLUTIONS_KEPT)
def _kept_solution(returns: bytes, k: int, problem: _Problem) -> Solution:
    days = np.frombuffer(returns, dtype=np.float64).reshape(-1, k).copy()
    found = _with_cash(days[:, 0], problem) if k == 1 else _among(days, problem)
    found.weights.flags.writeable = False
    return found


def _with_cash(returns: FloatArray, problem: _Problem) -> Solution:
    """One symbol and cash: the most where it pays and the least where it does not, in between only where the best lies there.

    Cash has no risk, so the ratio of excess to risk is the same at every weight, and the objectives are linear in it but for
    utility with the variance. Equal risk gives the symbol the most, since cash can carry no part of the risk.
    """
    excess, low, high = returns.mean() - problem.risk_free_day, problem.low, problem.high
    if problem.objective == MIN_RISK:
        return Solution(np.array([low]), SCHEDULED)
    if problem.objective == UTILITY:
        risk = risk_of(problem.measure, returns)
        if problem.measure == "MV" and risk > 0.0:
            return Solution(np.clip([excess / (2.0 * problem.aversion * risk * risk)], low, high), SCHEDULED)
        excess -= problem.aversion * aversion_by_day(problem.measure, len(returns)) * risk
    most = problem.objective == _EQUAL_RISK or excess > 0.0
    return Solution(np.array([high if most else low]), SCHEDULED if most else NO_EXCESS)


def _among(returns: FloatArray, problem: _Problem) -> Solution:
    k, size = returns.shape[1], float(np.sqrt(np.mean(returns * returns)))
    bounds = Bounds(problem.low, problem.high, min(1.0, k * problem.high))
    if k * problem.high <= 1.0 or k * problem.low >= 1.0:
        return Solution(np.full(k, bounds.total / k), SCHEDULED)
    if problem.objective == MAX_RETURN:
        return Solution(_greatest(returns.mean(axis=0), bounds), SCHEDULED)
    if not size > 0.0:
        return Solution(np.full(k, bounds.total / k), NO_SOLUTION)
    reason = SCHEDULED
    excess = returns.mean(axis=0) - problem.risk_free_day
    if problem.objective == SHARPE and not _greatest(excess, bounds) @ excess > 0.0:
        problem, reason = problem._replace(objective=MIN_RISK), NO_EXCESS
    # Numbers near 1 suit the solver better than returns of a thousandth.
    found = _convex(returns / size, problem, bounds, size)
    if found is None:
        return Solution(np.full(k, bounds.total / k), NO_SOLUTION)
    return Solution(np.clip(found, bounds.low, bounds.high), reason)


def _convex(scaled: FloatArray, problem: _Problem, bounds: Bounds, size: float) -> FloatArray | None:
    epigraph, k = risk_epigraph(problem.measure, scaled), scaled.shape[1]
    if problem.objective == _EQUAL_RISK:
        parts = equal_risk(epigraph, k)
        return None if parts is None else _bounded(parts, bounds)
    if problem.objective == MIN_RISK:
        return least_risk(epigraph, bounds, k)
    mean = scaled.mean(axis=0)
    if problem.objective == SHARPE:
        return best_ratio(epigraph, bounds, mean - problem.risk_free_day / size)
    squared = problem.measure == "MV"
    aversion = problem.aversion * size if squared else problem.aversion * aversion_by_day(problem.measure, len(scaled))
    return best_utility(epigraph, bounds, mean, aversion, squared=squared)


def aversion_by_day(measure: str, days: int) -> float:
    """What an aversion of 1 by the year is by the day, for a risk that grows with the square root of time (so not the variance).

    The risk is that of one day, and for CDaR that of all `days`.
    """
    return 1.0 / math.sqrt(DAYS_A_YEAR * (days if measure == "CDaR" else 1))


def _greatest(mean: FloatArray, bounds: Bounds) -> FloatArray:
    """The weights of the greatest mean: as much as allowed to the best, then to the next."""
    weights = np.full(len(mean), bounds.low)
    for symbol in np.argsort(-mean, kind="stable"):
        weights[symbol] = min(bounds.high, weights[symbol] + max(bounds.total - weights.sum(), 0.0))
    return weights


def _bounded(parts: FloatArray, bounds: Bounds) -> FloatArray:
    """Weights in the proportions of the parts as far as the bounds allow: one factor for all, each cut where it must be."""
    smallest, largest = 0.0, bounds.high / float(parts.min())
    for _ in range(60):
        factor = 0.5 * (smallest + largest)
        over = np.clip(factor * parts, bounds.low, bounds.high).sum() > bounds.total
        smallest, largest = (smallest, factor) if over else (factor, largest)
    return np.clip(smallest * parts, bounds.low, bounds.high)
