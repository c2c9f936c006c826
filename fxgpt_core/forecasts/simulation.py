"""Cumulative log-returns by simulation, candle by candle: each shock moves the variance of the next.

N origins, P paths, K candles ahead, S steps, L levels, R ranks.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.forecasts.forecast import LEVELS, normal_quantiles, sample_quantiles

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Ranks = npt.NDArray[np.uint16]

RANKS: Final = 2**16
"""A shock is one of so many equally likely values: finer than a thousandth of a quantile of any level."""
RANK_LEVELS: Final = (np.arange(RANKS) + 0.5) / RANKS
_DRAWS_AT_ONCE: Final = 2_000_000


@dataclass(frozen=True, eq=False)
class Simulation:
    """Return = season·√h·z, then h ← `omega` + (`alpha`·z² + `beta`)·h, with z one of the `shocks`.

    `shocks` float64[R]: equally likely values, ascending, mean square 1. `n_paths` (even) come in pairs of mirrored ranks.
    """

    omega: float
    alpha: float
    beta: float
    shocks: FloatArray
    n_paths: int = 256

    def variance_ahead(self, variance: FloatArray, n_candles: int) -> FloatArray:
        """float64[N,K]: expected variance of each candle ahead, from that of the first, float64[N]."""
        expected = np.empty((len(variance), n_candles))
        expected[:, 0] = variance
        for k in range(1, n_candles):
            expected[:, k] = self.omega + (self.alpha + self.beta) * expected[:, k - 1]
        return expected

    def quantiles(
        self, variance: FloatArray, season: FloatArray, known_at_us: IntArray, steps: npt.NDArray[np.int32], seed: int
    ) -> FloatArray:
        """float64[N,S,L]: quantiles at `LEVELS` of the log-return to each step.

        `variance` float64[N] of the next candle, `season` float64[N,K]. The noise of an origin depends on the seed and its
        `known_at_us` alone; origins are simulated a chunk at a time, in memory that does not grow with their number.
        """
        values = np.empty((len(variance), len(steps), len(LEVELS)))
        n_candles = season.shape[1]
        chunk = max(1, _DRAWS_AT_ONCE // (n_candles * self.n_paths))
        for start in range(0, len(variance), chunk):
            rows = slice(start, start + chunk)
            ranks = np.stack([mirrored_ranks(seed, at, self.n_paths, n_candles) for at in known_at_us[rows].tolist()])
            values[rows] = self._simulated(variance[rows], season[rows], ranks, steps)
        # The first step needs no simulation: its quantiles are those of the shocks.
        first = season[:, 0] * np.sqrt(variance)
        values[:, 0] = first[:, None] * np.interp(LEVELS, RANK_LEVELS, self.shocks)
        return values

    def _simulated(self, variance: FloatArray, season: FloatArray, ranks: Ranks, steps: npt.NDArray[np.int32]) -> FloatArray:
        """Quantiles of paths float64[N,P], with normal walks of the same ranks and the expected variance as control variate.

        What the walks miss of their known quantiles the paths miss as well, as far as they move together (Hsu & Nelson 1990).
        """
        n = len(variance)
        expected = season * np.sqrt(self.variance_ahead(variance, season.shape[1]))
        scale = np.sqrt(np.cumsum(expected**2, axis=1))[:, steps - 1]
        paths, walks = np.zeros((n, self.n_paths)), np.zeros((n, self.n_paths))
        h = np.repeat(variance[:, None], self.n_paths, axis=1)
        values = np.empty((n, len(steps), len(LEVELS)))
        for k in range(season.shape[1]):
            drawn = ranks[:, k].astype(np.intp)
            z = self.shocks[drawn]
            paths += season[:, k, None] * np.sqrt(h) * z
            walks += expected[:, k, None] * _NORMAL_SHOCKS[drawn]
            h = self.omega + (self.alpha * z**2 + self.beta) * h
            s = int(np.searchsorted(steps, k + 1))
            if steps[s] == k + 1:
                values[:, s] = _controlled(paths, walks, scale[:, s])
        return values


def t_shocks(degrees: float) -> FloatArray:
    """float64[R]: equally likely values of Student's t with so many degrees of freedom (above 2), scaled to mean square 1."""
    from scipy.stats import t  # half a second of import, needed here only

    return _unit(t.ppf(RANK_LEVELS, degrees))


def empirical_shocks(residuals: FloatArray) -> FloatArray:
    """float64[R]: the residuals float64[M], each as often as any other, less their mean and scaled to mean square 1."""
    return _unit(np.quantile(residuals - residuals.mean(), RANK_LEVELS, method="inverted_cdf"))


def mirrored_ranks(seed: int, known_at_us: int, n_paths: int, n_candles: int) -> Ranks:
    """uint16[K,P]: which shock each path draws at each candle, the second half of the paths the mirror image of the first.

    It depends on the seed and the origin's time alone.
    """
    # Sixteen random bits are a rank: four times as fast as drawing integers.
    bits = np.random.Philox(key=[seed, known_at_us]).random_raw(-(-n_candles * n_paths // 8)).view(np.uint16)
    half = bits[: n_candles * n_paths // 2].reshape(n_candles, n_paths // 2)
    return np.concatenate([half, RANKS - 1 - half], axis=1)


def _unit(shocks: FloatArray) -> FloatArray:
    unit: FloatArray = shocks / np.sqrt(np.mean(shocks**2))
    return unit


def _controlled(paths: FloatArray, walks: FloatArray, scale: FloatArray) -> FloatArray:
    """float64[N,L]: quantiles of paths float64[N,P], moved by what the walks, whose deviation is scale float64[N], miss."""
    moved = (paths * walks).sum(axis=1) / (walks**2).sum(axis=1)
    missed = normal_quantiles(scale[:, None])[:, 0] - sample_quantiles(walks)
    return np.sort(sample_quantiles(paths) + np.maximum(moved, 0.0)[:, None] * missed, axis=1)


_NORMAL_SHOCKS: Final = _unit(np.array([NormalDist().inv_cdf(level) for level in RANK_LEVELS.tolist()]))
