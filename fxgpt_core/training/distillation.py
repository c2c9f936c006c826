"""From the paths of a trained model to a head that says their quantiles at once. T tokens, L levels."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fxgpt_core import content_hash
from fxgpt_core.diffusion.forecaster import single_thread
from fxgpt_core.diffusion.model import DiffusionModel
from fxgpt_core.diffusion.paths import PathSampler, sampler_of
from fxgpt_core.diffusion.quantile_head_forecaster import WALK, DistilledHead, untrained_head
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import LEVELS
from fxgpt_core.forecasts.scores import quantile_crps
from fxgpt_core.forecasts.volatility_regression import VolatilityRegression
from fxgpt_core.networks.quantile_head import QuantileHead
from fxgpt_core.training.checkpoints import model_bytes
from fxgpt_core.training.shrinkage import FACTORS
from fxgpt_core.training.windows import Windows, evenly_spaced

FloatArray = npt.NDArray[np.float64]

REPORTS = 30


@dataclass(frozen=True)
class DistillationParameters:
    """`n_origins` evenly spaced windows are shown; `held_out_share` of them, the latest, only judge. `hidden`: width of the layer
    that is taught; `n_steps` of AdamW on batches of origins. Raises `BadInputError` for what cannot be.
    """

    n_origins: int = 1_536
    held_out_share: float = 0.2
    hidden: int = 128
    n_steps: int = 600
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 3e-2

    def __post_init__(self) -> None:
        if min(self.hidden, self.n_steps, self.batch) < 1 or not 0.0 < self.held_out_share < 1.0 or self.n_origins < 2:
            raise BadInputError(
                f"{self} found; width, steps and batch are at least 1, origins at least 2, and the share lies between 0 and 1"
            )


@dataclass(frozen=True)
class Distillation:
    """The head, and what it is worth on the held-out windows, over all steps and in units of scale.

    `error`: root mean square difference of the network's quantiles to the model's, `error_of_walk` that of the random walk's.
    CRPS against what happened: `crps_of_model`, and `crps` of the head by shrinkage, 0 being the random walk. These windows chose
    weights and shrinkage as well: behind the training span both will be somewhat worse.
    """

    head: DistilledHead
    error: float
    error_of_walk: float
    crps_of_model: float
    crps: tuple[tuple[float, float], ...]
    n_held_out: int


@dataclass(frozen=True)
class Lesson:
    """Some windows as the head sees them: contexts float32[N,L,F], the model's quantiles and what happened, in units of scale,
    float64[N,T,L] and float64[N,T].
    """

    contexts: torch.Tensor
    quantiles: torch.Tensor
    outcomes: FloatArray


def distil(
    model: DiffusionModel,
    data: Windows,
    sampling: SamplingParameters,
    parameters: DistillationParameters,
    *,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Distillation:
    """A head that stands for one sampler of a model, taught by its many paths on the windows the model was trained on.

    The same seed, model and windows give the same head. `progress(done, total)` counts windows whose paths were drawn. Raises
    `BadInputError` for too few windows.
    """
    parts = data.divided(parameters.held_out_share)
    n_held_out = max(1, round(parameters.n_origins * parameters.held_out_share))
    rows = [
        evenly_spaced(len(part), n).tolist()
        for part, n in zip(parts, (parameters.n_origins - n_held_out, n_held_out), strict=True)
    ]
    sampler, total = sampler_of(model, sampling), sum(map(len, rows))
    with single_thread():
        taught = _lesson(sampler, model.regression, parts[0], rows[0], seed, lambda done: progress(done, total))
        held_out = _lesson(sampler, model.regression, parts[1], rows[1], seed, lambda done: progress(len(rows[0]) + done, total))
        network = untrained_head(model.parameters, parameters.hidden, seed)
        # The first member's, as it is: taught on, it came no closer, at eight times the cost.
        network.encoder.load_state_dict(sampler.used[0].encoder.state_dict())
        network.encoder.requires_grad_(False)
        best = _taught(network, taught, held_out, parameters, seed)
    return _judged(best, held_out, model, sampling, parameters.hidden)


@torch.inference_mode()
def _lesson(
    sampler: PathSampler,
    regression: VolatilityRegression,
    data: Windows,
    rows: list[int],
    seed: int,
    done: Callable[[int], None],
) -> Lesson:
    contexts, quantiles, outcomes = [], [], []
    for row in rows:
        ahead, walk = data.deviations(row, regression)
        scale = sampler.scale(ahead, walk)
        noise = sampler.noise(seed, row, len(ahead))
        context = data.context_of(row)
        quantiles.append(sampler.quantiles(context, noise, ahead, walk) / scale[:, None])
        outcomes.append(data.outcome(row, sampler.shape) / scale)
        contexts.append(context)
        done(len(contexts))
    return Lesson(torch.tensor(np.stack(contexts)), torch.tensor(np.stack(quantiles)), np.stack(outcomes))


def _taught(
    network: QuantileHead, taught: Lesson, held_out: Lesson, parameters: DistillationParameters, seed: int
) -> QuantileHead:
    """The weights that come closest to the model on the held-out windows; the untrained ones are among them."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=parameters.learning_rate, weight_decay=parameters.weight_decay)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, parameters.n_steps)
    generator = torch.Generator().manual_seed(seed)
    best, lowest = copy.deepcopy(network), _error(network, held_out)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # dropout has no generator argument
        for step in range(1, parameters.n_steps + 1):
            chosen = torch.randint(len(taught.contexts), (parameters.batch,), generator=generator)
            optimizer.zero_grad(set_to_none=True)
            loss = ((network.train()(taught.contexts[chosen]) - taught.quantiles[chosen]) ** 2).mean()
            loss.backward()
            optimizer.step()
            rate.step()
            if step % max(1, parameters.n_steps // REPORTS) == 0 and (error := _error(network, held_out)) < lowest:
                best, lowest = copy.deepcopy(network), error
    return best.requires_grad_(False).eval()


@torch.inference_mode()
def _error(network: QuantileHead, lesson: Lesson) -> float:
    return math.sqrt(float(((network.eval()(lesson.contexts) - lesson.quantiles) ** 2).mean()))


def _judged(
    network: QuantileHead, held_out: Lesson, model: DiffusionModel, sampling: SamplingParameters, hidden: int
) -> Distillation:
    """The head with the shrinkage of the lowest CRPS: where it knows no more than the random walk, it is the random walk."""
    with torch.inference_mode():
        said, wanted = network(held_out.contexts).numpy(), held_out.quantiles.numpy()

    def crps(quantiles: FloatArray) -> float:
        return float(quantile_crps(quantiles, LEVELS, held_out.outcomes).mean())

    scores = tuple((factor, crps(factor * said + (1.0 - factor) * WALK)) for factor in FACTORS)
    shrink = min(scores, key=lambda score: score[1])[0]
    return Distillation(
        head=DistilledHead(network, shrink, sampling, content_hash.of_bytes(model_bytes(model)), hidden),
        error=float(np.sqrt(((said - wanted) ** 2).mean())),
        error_of_walk=float(np.sqrt(((wanted - WALK) ** 2).mean())),
        crps_of_model=crps(wanted),
        crps=scores,
        n_held_out=len(said),
    )
