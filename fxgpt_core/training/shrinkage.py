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
from fxgpt_core.forecasts.forecast import LEVELS, normal_quantiles
from fxgpt_core.forecasts.scores import quantile_crps
from fxgpt_core.forecasts.volatility_regression import UNCHANGED, VolatilityRegression
from fxgpt_core.training.windows import Windows

FloatArray = npt.NDArray[np.float64]

FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0)
SAMPLING = SamplingParameters(n_paths=32, n_steps=2)
JUDGED_WINDOWS = 192


@dataclass(frozen=True)
class Shrinkage:
    """Factor, shape and regression with the lowest CRPS, over `n_windows` and all steps, in units of the random walk's deviation.

    `crps` by factor, with shape and regression; 0 is a random walk with these. `normal_walk`: CRPS of the random walk itself,
    which is the model, with factor 0, a normal shape and no regression, if nothing is better; so no model is worse.
    """

    factor: float
    shape: Shape
    regression: VolatilityRegression
    crps: tuple[tuple[float, float], ...]
    normal_walk: float
    n_windows: int


def chosen_shrinkage(
    members: Sequence[DenoisingNetwork],
    schedule: str,
    validation: Windows,
    seed: int,
    shape: Shape = NORMAL,
    regression: VolatilityRegression = UNCHANGED,
) -> Shrinkage:
    """The factor that forecasts validation windows best, which are of this shape and regression.

    They are evenly spaced, and all factors are judged with the same noise.
    """
    rows = np.unique(np.linspace(0, len(validation) - 1, JUDGED_WINDOWS).astype(np.int64)).tolist()
    with torch.inference_mode():
        samplers = [PathSampler(tuple(members), factor, schedule, SAMPLING, shape) for factor in FACTORS]
        judged = np.array([_crps(samplers, validation, regression, row, seed) for row in rows]).mean(axis=0)
    *means, normal_walk = judged.tolist()
    scores = tuple(zip(FACTORS, means, strict=True))
    factor, best = min(scores, key=lambda found: found[1])
    if normal_walk <= best:
        return Shrinkage(0.0, NORMAL, UNCHANGED, scores, normal_walk, len(rows))
    return Shrinkage(factor, shape, regression, scores, normal_walk, len(rows))


def _crps(samplers: Sequence[PathSampler], data: Windows, regression: VolatilityRegression, row: int, seed: int) -> FloatArray:
    """float64[1+S]: mean CRPS of one window's forecasts by each sampler and by the random walk, in units of its deviation."""
    ahead, context = data.ahead[row].numpy().astype(np.float64), data.context_of(row)
    scale = np.sqrt(np.cumsum((ahead / regression.factors(context[-1:])[0]) ** 2))
    noise = samplers[0].noise(seed, row, len(ahead))
    quantiles = [sampler.quantiles(context, noise, ahead) / scale[:, None] for sampler in samplers]
    quantiles.append(normal_quantiles(np.ones(len(ahead))))
    outcome = data.outcome(row, samplers[0].shape) / scale
    scores: FloatArray = quantile_crps(np.stack(quantiles), LEVELS, np.repeat(outcome[None], len(quantiles), axis=0)).mean(axis=1)
    return scores
