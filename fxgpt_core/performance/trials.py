"""What many trials show by luck alone: the best Sharpe ratio of a search, how long a backtest must be, how many trials count.

Units as in `significance`: Sharpe ratios of one period, annual only where said.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.bootstrap import long_run_variance
from fxgpt_core.performance.significance import expected_max_sharpe

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trials:
    """Every trial ever made: how many, and the variance that Sharpe ratios of worthless trials have over so many periods.

    `sharpe_variance` is `luck_variance`, or the variance over all trials: that one takes edges and costs, in which trials differ,
    for luck, so that the more good trials a search finds, the more each must show.
    """

    n: int
    sharpe_variance: float
    periods: float


def lucky_sharpe(trials: Trials, n_periods: int) -> float:
    """The Sharpe ratio a period that the best of worthless trials would show over `n_periods` periods.

    Luck shrinks as 1 / periods, so the variance of the trials is brought to the length that is judged, and never taken for less
    than pure luck has over that length, 1 / periods: idle trials must not lower the bar.
    Source: Bailey and López de Prado (2014) for the maximum, Lo (2002) for the variance 1 / periods.
    """
    return expected_max_sharpe(trials.n, max(trials.sharpe_variance * trials.periods, 1.0) / max(1, n_periods))


def luck_variance(returns: FloatArray, block: float) -> float:
    """Variance of the Sharpe ratios a period that trials of returns [T, N] would have if none had an edge: (ω² / σ²) / T.

    ω² is the long-run variance in blocks of mean length `block` periods, σ² that of a period; the median trial is taken, and one
    that does not vary counts as ω² = σ². Source: Lo, The Statistics of Sharpe Ratios (2002), at a Sharpe ratio of 0.
    Raises `BadInputError` without a trial, below two periods and for what is not finite.
    """
    check_trials(returns)
    variance = returns.var(axis=0)
    ratio = np.divide(
        long_run_variance(returns, block), variance, out=np.ones_like(variance), where=np.ptp(returns, axis=0) > 0.0
    )
    return float(np.median(ratio)) / len(returns)


def minimum_backtest_length(n_trials: int, annual_sharpe: float = 1.0) -> float:
    """Years of backtest below which the best of `n_trials` worthless, independent trials is expected to show `annual_sharpe`.

    Source: Bailey, Borwein, López de Prado and Zhu, Pseudo-Mathematics and Financial Charlatanism (2014): (E[max] / SR)².
    Raises `BadInputError` for a Sharpe ratio that is not above 0, `ValueError` for no trial.
    """
    _check_target(annual_sharpe)
    return (expected_max_sharpe(n_trials, 1.0) / annual_sharpe) ** 2


def minimum_backtest_length_bound(n_trials: int, annual_sharpe: float = 1.0) -> float:
    """Years that are always enough: 2 ln N / SR², above `minimum_backtest_length` from two trials on.

    Source and errors as there; raises `BadInputError` for no trial.
    """
    _check_target(annual_sharpe)
    if n_trials < 1:
        raise BadInputError(f"{n_trials} trials found; a search has at least one")
    return 2.0 * math.log(n_trials) / annual_sharpe**2


def effective_trials(returns: FloatArray) -> float:
    """How many independent trials the trials of returns [T, N] are worth: ρ̄ + (1 − ρ̄)·N, between 1 and N.

    ρ̄ is the mean correlation of two trials; one that does not vary counts as independent, which keeps the bar high, and so
    does a mean below 0. Source: Bailey and López de Prado, The Deflated Sharpe Ratio (2014), appendix on the number of trials.
    Raises `BadInputError` without a trial, below two periods and for what is not finite.
    """
    check_trials(returns)
    n = int(returns.shape[1])
    if n == 1:
        return 1.0
    centred = np.where(np.ptp(returns, axis=0) > 0.0, returns - returns.mean(axis=0), 0.0)
    size = np.sqrt((centred**2).sum(axis=0))
    unit = np.divide(centred, size, out=np.zeros_like(centred), where=size > 0.0)
    # The square of the sum holds every pair twice, and each trial with itself.
    pairs = float((unit.sum(axis=1) ** 2).sum() - (unit**2).sum())
    mean = min(max(pairs / (n * (n - 1)), 0.0), 1.0)
    return mean + (1.0 - mean) * n


def _check_target(annual_sharpe: float) -> None:
    if not 0.0 < annual_sharpe < math.inf:
        raise BadInputError(f"the annual Sharpe ratio is {annual_sharpe}; it must be above 0 and finite, such as 1")


def check_trials(returns: FloatArray, least_periods: int = 2, least_trials: int = 1) -> None:
    """Raise `BadInputError` unless these are finite returns [periods, trials], of at least so many of each."""
    shape = returns.shape
    if len(shape) != 2 or shape[0] < least_periods or shape[1] < least_trials or not np.isfinite(returns).all():
        raise BadInputError(
            f"returns of shape {shape} found, {int(np.sum(~np.isfinite(returns)))} of them not finite; needed are finite ones "
            f"[periods, trials], at least {least_periods} x {least_trials}; give those of every trial of the search"
        )
