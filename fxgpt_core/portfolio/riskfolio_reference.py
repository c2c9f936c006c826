"""Riskfolio-Lib itself: the weights that ours are held against, and the efficient frontier.

It builds each programme anew and knows 30 measures, so it takes some 50 ms for a portfolio and seconds to be imported: what is
drawn and checked asks it, what a search computes thousands of times does not.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.portfolio.convex import STEP_FRACTION
from fxgpt_core.portfolio.optimal_weights import (
    DAYS_A_YEAR,
    SHARPE,
    UTILITY,
    AllocationParameters,
    aversion_by_day,
)
from fxgpt_core.portfolio.risk_measures import risk_of

FloatArray = npt.NDArray[np.float64]

FRONTIER_POINTS = 20


@dataclass(frozen=True, eq=False)
class Frontier:
    """P portfolios from the least risk to the most return: `risk` float64[P] by the measure, `mean` float64[P] return a day,
    `weights` float64[P,K].
    """

    measure: str
    names: tuple[str, ...]
    risk: FloatArray
    mean: FloatArray
    weights: FloatArray


def reference_weights(returns: FloatArray, parameters: AllocationParameters) -> FloatArray:
    """float64[K]: the weights of Riskfolio-Lib for daily returns float64[T,K], K > 1, without the bounds where parity is asked.

    Raises `BadInputError` where it finds none.
    """
    portfolio, size = _portfolio(returns, parameters)
    measure, objective = parameters.risk_measure, parameters.objective
    aversion = parameters.risk_aversion if objective == UTILITY else 0.0
    with _without_a_warning():
        if parameters.use_risk_parity:
            found = portfolio.rp_optimization(model="Classic", rm=measure, hist=True)
        else:
            found = portfolio.optimization(
                model="Classic",
                rm=measure,
                obj=objective,
                # Riskfolio-Lib takes the rate from the whole return; what is held in cash earns it here.
                rf=parameters.risk_free_rate / DAYS_A_YEAR / size * portfolio.budget if objective == SHARPE else 0.0,
                l=aversion * (size if measure == "MV" else aversion_by_day(measure, len(returns))),
                hist=True,
            )
    if found is None:
        raise BadInputError(
            f"Riskfolio-Lib finds no portfolio for {measure} and {objective}; for Sharpe one must earn more than cash"
        )
    return np.asarray(found.to_numpy(), dtype=np.float64).ravel()


def frontier(
    returns: FloatArray, names: tuple[str, ...], parameters: AllocationParameters, points: int = FRONTIER_POINTS
) -> Frontier:
    """The efficient frontier of Riskfolio-Lib within the bounds of the parameters, for daily returns float64[T,K], K > 1.

    Raises `BadInputError` for one symbol, for which there is nothing to mix, and where the bounds leave one portfolio only.
    """
    k, measure = len(names), parameters.risk_measure
    if k < 2 or k * parameters.max_weight <= 1.0:
        raise BadInputError(
            f"{k} symbols with at most {parameters.max_weight} each can be mixed in one way only; "
            "give more symbols, or raise max_weight"
        )
    portfolio, _ = _portfolio(returns, parameters)
    with _without_a_warning():
        found = portfolio.efficient_frontier(model="Classic", rm=measure, points=points, hist=True)
    weights = np.asarray(found.to_numpy(), dtype=np.float64).T
    held = weights @ returns.T
    risk = np.array([risk_of(measure, of_one) for of_one in held])
    return Frontier(measure, names, risk, held.mean(axis=1), weights)


def _portfolio(returns: FloatArray, parameters: AllocationParameters) -> tuple[Any, float]:
    """The library's portfolio of returns scaled to a size near 1, which its solver needs, and that size."""
    import pandas as pd
    import riskfolio

    size = float(np.sqrt(np.mean(returns * returns)))
    k = returns.shape[1]
    portfolio = riskfolio.Portfolio(
        returns=pd.DataFrame(returns / size),
        upperlng=parameters.max_weight,
        lowerlng=parameters.min_weight,
        budget=min(1.0, k * parameters.max_weight),
    )
    portfolio.assets_stats(method_mu="hist", method_cov="hist")
    portfolio.solvers = ["CLARABEL"]
    portfolio.sol_params = {"CLARABEL": {"max_step_fraction": STEP_FRACTION}}
    return portfolio, size


@contextmanager
def _without_a_warning() -> Iterator[None]:
    """Riskfolio-Lib 7.4 multiplies matrices by an operator that its modelling language warns of; the product is right."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="\\s*This use of ``\\*`` has resulted in matrix multiplication")
        yield
