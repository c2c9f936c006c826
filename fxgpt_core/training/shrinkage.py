"""How far to believe the networks: what they say, times a factor in [0, 1] that validation windows choose."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fxgpt_core.diffusion.model import DenoisingNetwork
from fxgpt_core.diffusion.paths import PathSampler, path_quantiles
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.forecasts.forecast import LEVELS
from fxgpt_core.forecasts.scores import quantile_crps
from fxgpt_core.training.windows import Windows

FloatArray = npt.NDArray[np.float64]

FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0)
SAMPLING = SamplingParameters(n_paths=32, n_steps=2)
JUDGED_WINDOWS = 192


@dataclass(frozen=True)
class Shrinkage:
    """The factor with the lowest CRPS; `crps` by factor in units of the random walk's deviation, over `n_windows` and all steps.

    Factor 0 is the random walk, so the chosen model is never worse than it on these windows.
    """

    factor: float
    crps: tuple[tuple[float, float], ...]
    n_windows: int


def chosen_shrinkage(members: Sequence[DenoisingNetwork], schedule: str, validation: Windows, seed: int) -> Shrinkage:
    """The factor that forecasts the validation windows best: evenly spaced ones, all factors with the same noise."""
    rows = np.unique(np.linspace(0, len(validation) - 1, JUDGED_WINDOWS).astype(np.int64)).tolist()
    with torch.inference_mode():
        samplers = [PathSampler(tuple(members), factor, schedule, SAMPLING) for factor in FACTORS]
        means = [float(np.mean([_crps(sampler, validation, row, seed) for row in rows])) for sampler in samplers]
    scores = tuple(zip(FACTORS, means, strict=True))
    return Shrinkage(min(scores, key=lambda found: found[1])[0], scores, len(rows))


def _crps(sampler: PathSampler, data: Windows, row: int, seed: int) -> FloatArray:
    """float64[T]: CRPS of one window's forecast, in units of the random walk's deviation at each step."""
    ahead = data.ahead[row].numpy().astype(np.float64)
    scale = np.sqrt(np.cumsum(ahead**2))
    noise = sampler.noise(seed, row, len(ahead))
    quantiles = path_quantiles(sampler.paths(data.context_of(row), noise) * ahead, sampler.walks(noise) * ahead, scale)
    outcome = np.cumsum(data.targets[row].numpy().astype(np.float64) * ahead)
    score: FloatArray = quantile_crps((quantiles / scale[:, None])[None], LEVELS, (outcome / scale)[None])[0]
    return score
