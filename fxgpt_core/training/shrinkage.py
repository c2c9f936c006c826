"""How far to believe a model: from the random walk to its paths, as far as validation windows choose, horizon by horizon."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from fxgpt_core.diffusion.paths import PathSampler, path_quantiles
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.forecasts.forecast import LEVELS
from fxgpt_core.forecasts.scores import quantile_crps
from fxgpt_core.forecasts.volatility_regression import UNCHANGED, VolatilityRegression
from fxgpt_core.training.windows import Windows

FloatArray = npt.NDArray[np.float64]

FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0)
SAMPLING = SamplingParameters()
JUDGED_WINDOWS = 512


@dataclass(frozen=True)
class Shrinkage:
    """Of each named part of the path the factor with the lowest CRPS over `n_windows`, never above that of the random walk.

    `crps` by part and factor, mean over the part's steps, in units of the random walk's deviation; 0 is the random walk.
    """

    factors: dict[str, float]
    crps: dict[str, dict[float, float]]
    n_windows: int


def chosen_shrinkage(
    sampler: PathSampler,
    validation: Windows,
    parts: Mapping[str, slice],
    *,
    seed: int,
    regression: VolatilityRegression = UNCHANGED,
) -> Shrinkage:
    """The factors by which a sampler forecasts validation windows best, which are of its shape and of this regression.

    `parts`: tokens by name. The windows are evenly spaced, and all factors are judged with the same noise.
    """
    rows = np.unique(np.linspace(0, len(validation) - 1, JUDGED_WINDOWS).astype(np.int64)).tolist()
    believed = replace(sampler, shrink=np.ones(validation.targets.shape[1]))
    with torch.inference_mode():
        judged = np.mean([_crps(believed, validation, regression, row, seed) for row in rows], axis=0)
    scores = {name: dict(zip(FACTORS, judged[:, tokens].mean(axis=1).tolist(), strict=True)) for name, tokens in parts.items()}
    factors = {name: min(by_factor, key=lambda factor: by_factor[factor]) for name, by_factor in scores.items()}
    return Shrinkage(factors, scores, len(rows))


def _crps(sampler: PathSampler, data: Windows, regression: VolatilityRegression, row: int, seed: int) -> FloatArray:
    """float64[F,T]: CRPS of one window's forecast by each factor, in units of the random walk's deviation at each step."""
    ahead, walk = data.deviations(row, regression)
    scale = np.sqrt(np.cumsum(walk**2))
    noise = sampler.noise(seed, row, len(ahead))
    walks = np.cumsum(sampler.walks(noise) * walk, axis=1)
    paths = sampler.sums(data.context_of(row), noise, ahead, walk)
    control = np.tile(walks, (len(sampler.used), 1))
    quantiles = [path_quantiles(factor * paths + (1.0 - factor) * control, walks, scale) / scale[:, None] for factor in FACTORS]
    outcome = data.outcome(row, sampler.shape) / scale
    return quantile_crps(np.stack(quantiles), LEVELS, np.repeat(outcome[None], len(FACTORS), axis=0))
