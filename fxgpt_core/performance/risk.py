"""What the returns of the FX days grew to and what they risked: growth, volatility, tails.

Every number is a fraction (0.01 is one percent), of the equity a day began with.
"""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.daily import daily
from fxgpt_core.performance.played import Played
from fxgpt_core.performance.ratios import deviation
from fxgpt_core.performance.significance import sharpe_moments

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Risk:
    """Growth and risk; losses (`var_`, `cvar_`) are positive, and negative where even the bad days earned.

    `cagr` is `Daily.growth`; `annual_volatility` the sample deviation of a day × √(days a year, as measured). `skewness` and
    `kurtosis` are population moments, kurtosis raw (3 for a normal distribution). Returns that never vary have volatility and
    skewness 0 and kurtosis 3; without a day the rest is 0 too.
    """

    cagr: float
    annual_volatility: float
    skewness: float
    kurtosis: float
    var_95: float
    var_99: float
    cvar_95: float
    cvar_99: float
    best_day: float
    worst_day: float

    def to_json(self) -> dict[str, float]:
        """The 10 numbers by name."""
        return dataclasses.asdict(self)


def risk(result: Played, candles: CandleArrays) -> Risk:
    """Growth and risk of a backtest's FX days.

    Raises `BadInputError` when the equity curve and the candles differ in length, or the equity is not finite.
    """
    days = daily(result.equity, result.cash, candles)
    returns = days.returns
    moments = sharpe_moments(returns)
    return Risk(
        cagr=days.growth,
        annual_volatility=deviation(returns) * math.sqrt(days.periods_a_year),
        skewness=moments.skewness,
        kurtosis=moments.kurtosis,
        var_95=value_at_risk(returns, 0.95),
        var_99=value_at_risk(returns, 0.99),
        cvar_95=conditional_value_at_risk(returns, 0.95),
        cvar_99=conditional_value_at_risk(returns, 0.99),
        best_day=float(np.max(returns)) if len(returns) else 0.0,
        worst_day=float(np.min(returns)) if len(returns) else 0.0,
    )


def value_at_risk(returns: FloatArray, level: float) -> float:
    """The loss that a share 1 − `level` of returns [P] exceeded, as it happened: minus their quantile, between two linearly.

    0 without a return. Raises `BadInputError` for a level outside (0, 1).
    """
    _check(level)
    return _loss(float(np.quantile(returns, 1.0 - level))) if len(returns) else 0.0


def conditional_value_at_risk(returns: FloatArray, level: float) -> float:
    """Mean loss of the worst share 1 − `level` of returns [P] (expected shortfall), never less than the value at risk.

    Source: Acerbi and Tasche, On the coherence of expected shortfall (2002), of the returns found: the one at the edge counts
    with the part of it that belongs to the share. Of fewer than 1 / (1 − `level`) returns it is the worst one.
    0 without a return. Raises `BadInputError` for a level outside (0, 1).
    """
    _check(level)
    if len(returns) == 0:
        return 0.0
    n_worst = (1.0 - level) * len(returns)
    weights = np.clip(n_worst - np.arange(len(returns)), 0.0, 1.0)
    return _loss(float(np.sort(returns) @ weights / n_worst))


def _loss(returned: float) -> float:
    # Not -returned, which makes -0.0 of 0.0.
    return 0.0 - returned


def _check(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise BadInputError(f"the level is {level}; it is a probability in (0, 1), such as 0.95; divide percent by 100")
