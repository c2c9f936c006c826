"""The training loop, readable from top to bottom."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from fxgpt_core.diffusion.loss import velocity_loss
from fxgpt_core.diffusion.model import DenoisingNetwork
from fxgpt_core.errors import BadInputError
from fxgpt_core.training.training_parameters import TrainingParameters
from fxgpt_core.training.windows import Windows

REPORTS = 60
VALIDATION_BATCH = 512
_SEED_STRIDE = 1_000_003


@dataclass(frozen=True)
class TrainingProgress:
    """Where the loop is: `loss` is the mean since the last report; an untrained network has a loss near 1."""

    step: int
    n_steps: int
    loss: float
    seconds: float
    seconds_left: float


@dataclass(frozen=True)
class LossPoint:
    """Mean training loss since the last point, and the validation loss of the averaged weights; step 0 is before training."""

    step: int
    training: float
    validation: float


def fit(
    network: DenoisingNetwork,
    training: Windows,
    validation: Windows,
    parameters: TrainingParameters,
    *,
    seed: int,
    progress: Callable[[TrainingProgress], None] = lambda _: None,
) -> tuple[DenoisingNetwork, tuple[LossPoint, ...]]:
    """The best averaged network by validation loss, and the losses. A step's batch, noise and dropout depend on (seed, step)
    alone. Raises `BadInputError` when the loss stops being a number.
    """
    averaged = copy.deepcopy(network).requires_grad_(False).eval()
    best = copy.deepcopy(averaged)
    optimizer = _optimizer(network, parameters)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, parameters))
    report_every = max(1, parameters.n_steps // REPORTS)
    total, started = torch.zeros(()), time.monotonic()
    with _torch_state(parameters.threads):
        # The untrained network is a candidate as well: it is the random walk, and it may be the best there is.
        untrained_losses = (_validation_loss(averaged, part, parameters, seed) for part in (training, validation))
        curve = [LossPoint(0, *untrained_losses)]
        network.train()
        for step in range(1, parameters.n_steps + 1):
            total += _step(network, optimizer, training, parameters, seed * _SEED_STRIDE + step)
            schedule.step()
            _average(averaged, network, min(parameters.ema_decay, (1.0 + step) / (10.0 + step)))
            if step % report_every and step < parameters.n_steps:
                continue
            since = step - curve[-1].step
            curve.append(LossPoint(step, float(total) / since, _validation_loss(averaged, validation, parameters, seed)))
            total.zero_()
            _require_finite(curve[-1], parameters)
            spent = time.monotonic() - started
            progress(
                TrainingProgress(step, parameters.n_steps, curve[-1].training, spent, spent / step * (parameters.n_steps - step))
            )
            if min(curve, key=_validation) is curve[-1]:
                best.load_state_dict(averaged.state_dict())
            elif len(curve) - curve.index(min(curve, key=_validation)) > parameters.patience:
                break
    return best, tuple(curve)


def _require_finite(point: LossPoint, parameters: TrainingParameters) -> None:
    if not (math.isfinite(point.training) and math.isfinite(point.validation)):
        raise BadInputError(
            f"training diverged at step {point.step} (loss {point.training}); learning_rate is {parameters.learning_rate}; "
            "use a lower one"
        )


def _validation(point: LossPoint) -> float:
    return point.validation


@contextmanager
def _torch_state(threads: int) -> Iterator[None]:
    """Torch with so many threads and a random state of its own; both are put back."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def _validation_loss(network: DenoisingNetwork, data: Windows, parameters: TrainingParameters, seed: int) -> float:
    """Loss on the same windows at the same noise every time, so that two networks are compared pair by pair."""
    generator = torch.Generator().manual_seed(seed)
    contexts, clean = data.batch(VALIDATION_BATCH, generator)
    return float(velocity_loss(network, clean, contexts, parameters.schedule, generator))


def _step(
    network: DenoisingNetwork, optimizer: torch.optim.Optimizer, data: Windows, parameters: TrainingParameters, seed: int
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    torch.default_generator.manual_seed(seed)  # dropout has no generator argument; the caller restores the state
    contexts, clean = data.batch(parameters.batch, generator)
    optimizer.zero_grad(set_to_none=True)
    loss = velocity_loss(network, clean, contexts, parameters.schedule, generator)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), parameters.gradient_clip)
    optimizer.step()
    return loss.detach()


def _optimizer(network: DenoisingNetwork, parameters: TrainingParameters) -> torch.optim.AdamW:
    # Decay is for weight matrices; on biases, norms and places it only pulls the model off its random-walk start.
    matrices = [weight for weight in network.parameters() if weight.ndim > 1]
    vectors = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": parameters.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=parameters.learning_rate, betas=(0.9, 0.99))


def _rate(step: int, parameters: TrainingParameters) -> float:
    """Share of the learning rate: linear warm-up, then a cosine to zero."""
    if step < parameters.warm_up_steps:
        return (step + 1) / parameters.warm_up_steps
    done = (step - parameters.warm_up_steps) / max(1, parameters.n_steps - parameters.warm_up_steps)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


@torch.no_grad()
def _average(averaged: DenoisingNetwork, network: DenoisingNetwork, decay: float) -> None:
    """Exponential moving average of the weights; the early decay is lower, so that the start is forgotten."""
    torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), 1.0 - decay)
