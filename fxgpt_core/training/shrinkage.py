"""How far to believe a model: from the random walk to its paths, as far as validation windows choose, horizon by horizon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fxgpt_core.diffusion.paths import PathSampler, believed, path_quantiles
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.forecasts.forecast import LEVELS
from fxgpt_core.forecasts.paired import paired_difference
from fxgpt_core.forecasts.scores import quantile_crps
from fxgpt_core.forecasts.volatility_regression import UNCHANGED, VolatilityRegression
from fxgpt_core.training.windows import Windows

FloatArray = npt.NDArray[np.float64]

FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0)
SAMPLING = SamplingParameters()
JUDGED_WINDOWS = 512
TWO_SIDES = 2.0 * 1.959964
"""Standard errors in a central interval of 95 %."""


@dataclass(frozen=True)
class Shrinkage:
    """How far a sampler is believed in each named part of the path, and the mean CRPS over `n_windows` and the part's steps.

    `shrink` has the lowest CRPS of symmetric paths, never above that of the random walk, which is 0. `lean`, of drift and skew,
    has the lowest CRPS and a standard error of its difference to that of 0: a trend of the validation windows alone is luck.
    `crps` and `crps_leaning` by part and factor, in units of the random walk's deviation.
    """

    shrink: dict[str, float]
    lean: dict[str, float]
    crps: dict[str, dict[float, float]]
    crps_leaning: dict[str, dict[float, float]]
    n_windows: int


def chosen_shrinkage(
    sampler: PathSampler,
    validation: Windows,
    parts: Mapping[str, slice],
    *,
    seed: int,
    regression: VolatilityRegression = UNCHANGED,
) -> Shrinkage:
    """How far to believe a sampler by validation windows, which are of its shape and of this regression.

    `parts`: tokens by name. The windows are evenly spaced, and all factors are judged with the same noise.
    """
    rows = np.unique(np.linspace(0, len(validation) - 1, JUDGED_WINDOWS).astype(np.int64))
    with torch.inference_mode():
        drawn = [_drawn(sampler, validation, regression, row, seed) for row in rows.tolist()]
    # So many windows in a row share outcomes.
    block = min(len(rows) // 2, -(-validation.reach * len(rows) // len(validation)))
    shrink, lean, crps, leaning = {}, {}, {}, {}
    for name, tokens in parts.items():
        symmetric = _crps(drawn, tokens, [(factor, 0.0) for factor in FACTORS])
        crps[name] = dict(zip(FACTORS, symmetric.mean(axis=1).tolist(), strict=True))
        shrink[name] = min(FACTORS, key=crps[name].__getitem__)
        scores = _crps(drawn, tokens, [(shrink[name], factor) for factor in FACTORS])
        leaning[name] = dict(zip(FACTORS, scores.mean(axis=1).tolist(), strict=True))
        differences = [paired_difference(score, scores[0], block, seed) for score in scores]
        bounds = [found.mean + (found.high - found.low) / TWO_SIDES for found in differences]
        lean[name] = FACTORS[int(np.argmin(bounds))]
    return Shrinkage(shrink, lean, crps, leaning, len(rows))


@dataclass(frozen=True, eq=False)
class _Drawn:
    """One window in units of the random walk's deviation: sums and walks float64[K·P,T] of P paths, the outcome float64[T]."""

    sums: FloatArray
    walks: FloatArray
    outcome: FloatArray
    n_paths: int


def _drawn(sampler: PathSampler, data: Windows, regression: VolatilityRegression, row: int, seed: int) -> _Drawn:
    ahead, walk = data.deviations(row, regression)
    scale = np.sqrt(np.cumsum(walk**2))
    noise = sampler.noise(seed, row, len(ahead))
    walks = np.tile(np.cumsum(sampler.walks(noise) * walk, axis=1), (len(sampler.used), 1))
    sums = np.cumsum(sampler.paths(data.context_of(row), noise) * ahead, axis=1)
    return _Drawn(sums / scale, walks / scale, data.outcome(row, sampler.shape) / scale, noise.shape[1])


def _crps(drawn: Sequence[_Drawn], tokens: slice, factors: Sequence[tuple[float, float]]) -> FloatArray:
    """float64[F,N]: CRPS of N windows by each pair of shrink and lean, mean over the steps of some tokens."""
    scores = np.empty((len(factors), len(drawn)))
    for n, one in enumerate(drawn):
        sums, walks, unit = one.sums[:, tokens], one.walks[:, tokens], np.ones(one.outcome[tokens].shape)
        quantiles = np.stack(
            [path_quantiles(believed(sums, walks, one.n_paths, *each), walks[: one.n_paths], unit) for each in factors]
        )
        outcome = np.repeat(one.outcome[None, tokens], len(factors), axis=0)
        scores[:, n] = quantile_crps(quantiles, LEVELS, outcome).mean(axis=1)
    return scores
