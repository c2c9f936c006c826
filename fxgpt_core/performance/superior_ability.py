"""Does the best of many trials beat its benchmark, or is it only the best of many? Hansen's test of superior predictive ability.

Source: Hansen, A Test for Superior Predictive Ability, Journal of Business & Economic Statistics (2005). Each trial is measured
in units of its own deviation, so that a few wild trials cannot hide an edge, and hopeless ones do not count.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.performance.bootstrap import (
    LEAST_RETURNS,
    Resampling,
    long_run_variance,
    portions,
    rank_p_value,
    stationary_indices,
)
from fxgpt_core.performance.trials import check_trials

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SuperiorAbility:
    """`statistic`: the largest t-statistic of a mean excess return, at least 0, shown by the trial `best`.

    The p-values of "no trial is better than the benchmark": `p_consistent` is the test, in which hopeless trials do not count.
    The others bound it: `p_lower` takes every trial that lost to be as bad as it looks, `p_upper` (White's reality check,
    studentised) takes all to be as good as the benchmark.
    """

    statistic: float
    best: int
    p_lower: float
    p_consistent: float
    p_upper: float


def superior_ability(excess: FloatArray, resampling: Resampling, rng: np.random.Generator) -> SuperiorAbility:
    """The test of excess returns [T, K]: of every trial of the search, less those of the benchmark (0 is staying out).

    Trials that do not vary count as showing nothing. Raises `BadInputError` below 20 periods and for what is not finite.
    """
    check_trials(excess, LEAST_RETURNS)
    n = len(excess)
    mean = excess.mean(axis=0)
    error = np.sqrt(long_run_variance(excess, resampling.block) / n)
    t = np.divide(mean, error, out=np.zeros_like(mean), where=error > 0.0)
    least = -math.sqrt(2.0 * math.log(math.log(n)))
    centres = np.stack([np.maximum(mean, 0.0), np.where(t >= least, mean, 0.0), mean])
    statistic = max(0.0, float(t.max()))
    lower, consistent, upper = (
        rank_p_value(statistic, simulated) for simulated in _simulated_maxima(excess, centres, error, resampling, rng)
    )
    return SuperiorAbility(statistic, int(np.argmax(t)), lower, consistent, upper)


def _simulated_maxima(
    excess: FloatArray, centres: FloatArray, error: FloatArray, resampling: Resampling, rng: np.random.Generator
) -> FloatArray:
    """float64[3, resamples]: the statistic of series drawn again, when each trial's mean is less by each of centres [3, K]."""
    varies = error > 0.0
    if not varies.any():
        return np.zeros((3, resampling.resamples))
    n, found = len(excess), []
    for part in portions(n, resampling):
        means = _counts(stationary_indices(n, part, rng)) @ excess[:, varies] / n
        found.append([((means - centre[varies]) / error[varies]).max(axis=1) for centre in centres])
    return np.maximum(np.concatenate(found, axis=1), 0.0)


def _counts(drawn: npt.NDArray[np.int64]) -> FloatArray:
    """float64[R, n]: how often each row of n was drawn in each of R resamples [R, n]."""
    resamples, n = drawn.shape
    flat = drawn + n * np.arange(resamples)[:, np.newaxis]
    return np.bincount(flat.ravel(), minlength=drawn.size).reshape(resamples, n).astype(np.float64)
