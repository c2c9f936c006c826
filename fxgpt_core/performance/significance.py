"""Is a Sharpe ratio luck? Probabilistic and deflated Sharpe ratio, expected maximum, minimum track record.

Units everywhere: the Sharpe ratio of one period (not annualised) and the raw kurtosis (3 for a normal distribution).
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

EULER_GAMMA = 0.5772156649015329
NORMAL = NormalDist()


@dataclass(frozen=True)
class SharpeMoments:
    """What the significance of a Sharpe ratio depends on: `n` returns, `sharpe` a period, skewness, raw kurtosis."""

    n: int
    sharpe: float
    skewness: float = 0.0
    kurtosis: float = 3.0

    @property
    def variance(self) -> float:
        """Variance of √n × the estimated Sharpe ratio: 1 − γ₃·SR + (γ₄ − 1)/4·SR² (Mertens 2002)."""
        return max(0.0, 1.0 - self.skewness * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe**2)


def sharpe_moments(returns: FloatArray) -> SharpeMoments:
    """Moments of returns [n]: Sharpe with the sample deviation (ddof 1), population skewness and raw kurtosis.

    Returns that never vary (nothing was traded) have Sharpe 0 with normal moments: no evidence for anything.
    """
    n = len(returns)
    # By the range: the deviation of equal numbers is not always 0 to the last digit, and would prove anything.
    deviation = float(np.std(returns, ddof=1)) if n > 1 and np.ptp(returns) > 0.0 else 0.0
    if deviation == 0.0:
        return SharpeMoments(n=n, sharpe=0.0)
    centred = returns - returns.mean()
    spread = float(np.mean(centred**2))
    return SharpeMoments(
        n=n,
        sharpe=float(returns.mean()) / deviation,
        skewness=float(np.mean(centred**3)) / spread**1.5,
        kurtosis=float(np.mean(centred**4)) / spread**2,
    )


def probabilistic_sharpe(moments: SharpeMoments, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio exceeds `benchmark` (per period).

    Source: Bailey and López de Prado, The Sharpe Ratio Efficient Frontier (2012): Φ[(SR − SR*)√(n − 1) / √variance].
    """
    if moments.n < 2:
        return 0.5
    excess = (moments.sharpe - benchmark) * math.sqrt(moments.n - 1)
    if moments.variance == 0.0:
        return 0.5 if excess == 0.0 else float(excess > 0.0)
    return NORMAL.cdf(excess / math.sqrt(moments.variance))


def expected_max_sharpe(n_trials: int, variance: float) -> float:
    """Expected best Sharpe ratio of `n_trials` worthless trials whose Sharpe ratios have `variance`; 0 for one trial.

    Source: Bailey and López de Prado, The Deflated Sharpe Ratio (2014): √V·[(1 − γ)Φ⁻¹(1 − 1/N) + γΦ⁻¹(1 − 1/(N·e))].
    Raises `ValueError` for no trial or a negative variance.
    """
    if n_trials < 1 or not variance >= 0.0:
        raise ValueError(f"{n_trials} trials with variance {variance} found; at least one trial and a variance >= 0 are needed")
    if n_trials == 1:
        return 0.0
    first = NORMAL.inv_cdf(1.0 - 1.0 / n_trials)
    second = NORMAL.inv_cdf(1.0 - 1.0 / (n_trials * math.e))
    return math.sqrt(variance) * ((1.0 - EULER_GAMMA) * first + EULER_GAMMA * second)


def deflated_sharpe(moments: SharpeMoments, n_trials: int, variance: float) -> float:
    """Probability that the true Sharpe ratio beats what the best of `n_trials` worthless trials would show.

    `variance` is that of the Sharpe ratios of every trial ever made, not of the survivors.
    """
    return probabilistic_sharpe(moments, expected_max_sharpe(n_trials, variance))


def minimum_track_record(moments: SharpeMoments, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Number of periods after which this Sharpe ratio would exceed `benchmark` with `confidence`; +inf when it does not.

    Source: Bailey and López de Prado (2012): 1 + variance·(z / (SR − SR*))².
    """
    if moments.sharpe <= benchmark:
        return math.inf
    return 1.0 + moments.variance * (NORMAL.inv_cdf(confidence) / (moments.sharpe - benchmark)) ** 2
