"""How far a statistic of returns could be from what was measured: blocks of the returns drawn again, in another order.

Stationary bootstrap (Politis and Romano 1994): blocks begin anywhere, have geometric lengths and go on from the end at the start,
so that what is drawn is as stationary as what was measured, and days in a row keep their dependence and clusters of volatility.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Statistic = Callable[[FloatArray], FloatArray]
"""Of returns [R, n], one number for each row, float64[R]."""

LEAST_RETURNS: Final = 20
RESAMPLES: Final = 2_000
_NUMBERS_AT_ONCE: Final = 1 << 20


@dataclass(frozen=True)
class Resampling:
    """Mean length of a block in periods, at least 1 (independent draws), and how many series are drawn."""

    block: float
    resamples: int = RESAMPLES

    def __post_init__(self) -> None:
        if not (1.0 <= self.block < np.inf and self.resamples >= 1):
            raise BadInputError(
                f"blocks of {self.block} periods and {self.resamples} resamples found; both must be at least 1 and finite"
            )


@dataclass(frozen=True)
class Interval:
    """A statistic as measured, and the central `confidence` of what resamples of the same length show, `low` to `high`."""

    estimate: float
    low: float
    high: float
    confidence: float


def stationary_indices(n: int, resampling: Resampling, rng: np.random.Generator) -> IntArray:
    """int64[resamples, n]: rows to draw from a series of `n`; behind row n − 1 follows row 0.

    Source: Politis and Romano, The Stationary Bootstrap (1994): each period a new block begins with probability 1 / block.
    """
    begins = rng.random((resampling.resamples, n)) < 1.0 / resampling.block
    begins[:, 0] = True
    at = np.flatnonzero(begins)
    ahead = rng.integers(0, n, len(at)) - at
    drawn = np.repeat(ahead, np.diff(at, append=begins.size)) + np.arange(begins.size)
    return (drawn % n).reshape(begins.shape)


def block_length(returns: FloatArray) -> float:
    """Mean block length in periods, at least 1, that suits the mean of returns [n].

    Source: Politis and White (2004), corrected by Patton, Politis and White (2009), as arch computes it for the stationary
    bootstrap. Raises `BadInputError` below 20 returns, and for returns that are not finite.
    """
    from arch.bootstrap import optimal_block_length  # more than a second of import

    check_returns(returns)
    if np.ptp(returns) == 0.0:
        return 1.0
    # The length does not depend on the unit; in this one the squares of small returns do not vanish. Where all returns but a few
    # equal the mean, arch has autocorrelations of nothing, and takes none of them for small.
    with np.errstate(divide="ignore", invalid="ignore"):
        length = float(optimal_block_length(returns / np.abs(returns).max())["stationary"].iloc[0])
    return length if length > 1.0 else 1.0


def cluster_length(returns: FloatArray) -> float:
    """Mean block length that suits deviations and drawdowns of returns [n], which depend on clusters of volatility.

    It is `block_length` of the returns or of their squares, whichever is longer; errors as there. For a mean it is too long: in
    few long blocks its error is underestimated.
    """
    check_returns(returns)
    largest = float(np.abs(returns).max()) or 1.0
    return max(block_length(returns), block_length((returns / largest) ** 2))


def resampled(returns: FloatArray, statistic: Statistic, resampling: Resampling, rng: np.random.Generator) -> FloatArray:
    """float64[resamples]: the statistic of returns [n] drawn again in blocks."""
    n = len(returns)
    return np.concatenate([statistic(returns[stationary_indices(n, part, rng)]) for part in portions(n, resampling)])


def portions(n: int, resampling: Resampling) -> list[Resampling]:
    """The same resampling of `n` periods in portions that fit into memory."""
    most = max(1, _NUMBERS_AT_ONCE // n)
    full, rest = divmod(resampling.resamples, most)
    return [Resampling(resampling.block, size) for size in [most] * full + [rest] * (rest > 0)]


def bootstrap_interval(
    returns: FloatArray, statistic: Statistic, resampling: Resampling, rng: np.random.Generator, confidence: float = 0.95
) -> Interval:
    """The central interval of a statistic of returns [n] (percentile method, Efron 1979).

    Raises `BadInputError` below 20 returns, for returns that are not finite and a confidence outside (0, 1).
    """
    check_returns(returns)
    if not 0.0 < confidence < 1.0:
        raise BadInputError(f"the confidence is {confidence}; it lies between 0 and 1, such as 0.95")
    values = resampled(returns, statistic, resampling, rng)
    low, high = np.quantile(values, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return Interval(float(statistic(returns[np.newaxis])[0]), float(low), float(high), confidence)


def long_run_variance(returns: FloatArray, block: float) -> FloatArray:
    """float64[K]: variance of √T × the mean of returns [T, K] under the stationary bootstrap; 0 of a column that does not vary.

    Source: Politis and Romano (1994), as Hansen (2005) uses it: γ₀ + 2 Σ κ(i) γ(i), κ(i) = (1 − i/T)(1 − q)ⁱ + (i/T)(1 − q)ᵀ⁻ⁱ,
    q = 1 / block. The circular autocovariance of lag i, γ(i) + γ(T − i), which one Fourier transform gives, takes the first
    term of κ only.
    """
    n = len(returns)
    spectrum = np.abs(np.fft.rfft(returns - returns.mean(axis=0), axis=0)) ** 2
    circular = np.fft.irfft(spectrum, n, axis=0) / n
    lag = np.arange(1, n)
    weights = (1.0 - lag / n) * (1.0 - 1.0 / block) ** lag
    variance: FloatArray = np.maximum(circular[0] + 2.0 * weights @ circular[1:], 0.0)
    return np.where(np.ptp(returns, axis=0) > 0.0, variance, 0.0)


def rank_p_value(observed: float, simulated: FloatArray) -> float:
    """How probable a value as large as the observed one is by chance: (1 + simulated values >= it) / (1 + all of them).

    The observed one counts as one of them, so the value is never 0. Source: Davison and Hinkley (1997), chapter 4.
    Raises `BadInputError` for no simulated value and for NaN, which has no rank.
    """
    if len(simulated) == 0 or np.isnan(observed) or bool(np.isnan(simulated).any()):
        raise BadInputError(
            f"{observed} cannot be ranked among {len(simulated)} simulated values, {int(np.isnan(simulated).sum())} of them NaN; "
            "give numbers"
        )
    return (1.0 + float(np.sum(simulated >= observed))) / (1.0 + len(simulated))


def sharpe_ratios(returns: FloatArray) -> FloatArray:
    """float64[R]: Sharpe ratio of one period of returns [R, n], with the sample deviation; 0 where they do not vary."""
    deviation = np.where(np.ptp(returns, axis=-1) > 0.0, np.std(returns, axis=-1, ddof=1), 0.0)
    ratios: FloatArray = np.divide(returns.mean(axis=-1), deviation, out=np.zeros(len(returns)), where=deviation > 0.0)
    return ratios


def mean_returns(returns: FloatArray) -> FloatArray:
    """float64[R]: mean of returns [R, n]."""
    means: FloatArray = returns.mean(axis=-1)
    return means


def deepest_drawdowns(returns: FloatArray) -> FloatArray:
    """float64[R]: the deepest fall from a peak, the start included, as a fraction of it, when returns [R, n] are compounded."""
    equity = np.cumprod(1.0 + returns, axis=-1)
    peak = np.maximum(np.maximum.accumulate(equity, axis=-1), 1.0)
    falls: FloatArray = np.max(1.0 - equity / peak, axis=-1)
    return falls


def check_returns(returns: FloatArray) -> None:
    """Raise `BadInputError` unless these are at least 20 finite returns [n]."""
    if returns.ndim != 1 or len(returns) < LEAST_RETURNS or not np.isfinite(returns).all():
        bad = int(np.sum(~np.isfinite(returns)))
        raise BadInputError(
            f"returns of shape {returns.shape} found, {bad} of them not finite; at least {LEAST_RETURNS} finite ones in a row "
            "are needed; judge a longer span"
        )
