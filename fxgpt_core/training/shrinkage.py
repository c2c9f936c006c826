"""How far to believe the networks: what they say, times a factor in [0, 1] that validation windows choose."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fxgpt_core.diffusion.model import DenoisingNetwork
from fxgpt_core.diffusion.paths import PathSampler
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.diffusion.shape import NORMAL, Shape
from fxgpt_core.forecasts.forecast import LEVELS
from fxgpt_core.forecasts.scores import quantile_crps
from fxgpt_core.training.windows import Windows

FloatArray = npt.NDArray[np.float64]

FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0)
SAMPLING = SamplingParameters(n_paths=32, n_steps=2)
JUDGED_WINDOWS = 192


@dataclass(frozen=True)
class Shrinkage:
    """The factor and shape with the lowest CRPS, over `n_windows` and all steps, in units of the random walk's deviation.

    `crps` by factor, with the shape of returns; 0 is a random walk of that shape. `normal_walk`: CRPS of the random walk itself,
    which is the model, with factor 0 and the shape of a normal distribution, if nothing is better; so no model is worse.
    """

    factor: float
    shape: Shape
    crps: tuple[tuple[float, float], ...]
    normal_walk: float
    n_windows: int


def chosen_shrinkage(
    members: Sequence[DenoisingNetwork], schedule: str, validation: Windows, seed: int, shape: Shape = NORMAL
) -> Shrinkage:
    """The factor that forecasts validation windows of this shape best: evenly spaced ones, all factors with the same noise."""
    rows = np.unique(np.linspace(0, len(validation) - 1, JUDGED_WINDOWS).astype(np.int64)).tolist()
    with torch.inference_mode():
        samplers = [PathSampler(tuple(members), factor, schedule, SAMPLING, shape) for factor in FACTORS]
        means = [float(np.mean([_crps(sampler, validation, shape, row, seed) for row in rows])) for sampler in samplers]
        walk = PathSampler(tuple(members), 0.0, schedule, SAMPLING)
        normal_walk = float(np.mean([_crps(walk, validation, shape, row, seed) for row in rows]))
    scores = tuple(zip(FACTORS, means, strict=True))
    factor, best = min(scores, key=lambda found: found[1])
    if normal_walk <= best:
        return Shrinkage(0.0, NORMAL, scores, normal_walk, len(rows))
    return Shrinkage(factor, shape, scores, normal_walk, len(rows))


def _crps(sampler: PathSampler, data: Windows, shape: Shape, row: int, seed: int) -> FloatArray:
    """float64[T]: CRPS of one window's forecast, in units of the random walk's deviation at each step; `shape` of its targets."""
    ahead = data.ahead[row].numpy().astype(np.float64)
    scale = np.sqrt(np.cumsum(ahead**2))
    noise = sampler.noise(seed, row, len(ahead))
    quantiles = sampler.quantiles(data.context_of(row), noise, ahead)
    outcome = data.outcome(row, shape) / scale
    score: FloatArray = quantile_crps((quantiles / scale[:, None])[None], LEVELS, outcome[None])[0]
    return score
