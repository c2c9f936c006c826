"""The training loop, readable from top to bottom."""

import math
import time
from collections.abc import Callable

import torch

from fxgpt_core.diffusion.loss import noised
from fxgpt_core.diffusion.model import DenoisingNetwork
from fxgpt_core.errors import BadInputError, NotReadyError
from fxgpt_core.training.acceleration import accelerated
from fxgpt_core.training.hardware import device_use
from fxgpt_core.training.plan import TrainPlan
from fxgpt_core.training.state import LossPoint, Network, TrainingState, fresh, identity_of
from fxgpt_core.training.stepping import Stepper
from fxgpt_core.training.surroundings import Surroundings, TrainingProgress, delayed_signals
from fxgpt_core.training.training_parameters import Optimised, TrainingParameters
from fxgpt_core.training.windows import Windows

REPORTS = 60
VALIDATION_BATCH = 512

Fitted = tuple[DenoisingNetwork, tuple[LossPoint, ...]]


def fit(
    network: DenoisingNetwork,
    training: Windows,
    validation: Windows,
    parameters: TrainingParameters,
    *,
    seed: int,
    progress: Callable[[TrainingProgress], None] = lambda _: None,
) -> Fitted:
    """`fit_in` on the processor, from the start, without snapshots."""
    plan = TrainPlan(threads=parameters.threads)
    return fit_in(network, (training, validation), parameters, seed=seed, surroundings=Surroundings(plan, progress))


def fit_in(
    network: DenoisingNetwork,
    data: tuple[Windows, Windows],
    parameters: TrainingParameters,
    *,
    seed: int,
    surroundings: Surroundings,
) -> Fitted:
    """The best averaged network by validation loss, and the losses; `data` are training and validation windows.

    A step's batch and noise depend on (seed, step) alone, its dropout on where the batch is cut as well. With snapshots it goes
    on from the latest: on a processor the weights are then bit for bit those of a training that was never interrupted. Raises
    `BadInputError` when the loss stops being a number, `NotReadyError` when memory is too small or it was asked to stop.
    """
    plan, snapshots = surroundings.plan, surroundings.snapshots
    state = fresh(network, parameters, plan)
    training, validation = (part.to(plan.device) if plan.loader == "resident" else part for part in data)
    identity = identity_of(parameters, seed, *data) if snapshots else ""
    found = snapshots.latest(identity, surroundings.tell) if snapshots else None
    with delayed_signals() as signalled, accelerated(plan, network) as called:
        if found is not None:
            state.restore(found)
            surroundings.tell(f"resumed behind step {state.step} of {parameters.n_steps}, from its snapshot")
        else:
            _first_point(state, training, validation, parameters, seed)
        stepper = Stepper(called, state, training, parameters, seed, surroundings, plan.micro_batch or parameters.batch)
        reporter = _Reporter(state, (training, validation), parameters, seed, surroundings)
        network.train()
        while state.step < parameters.n_steps and not exhausted(state.curve, parameters.patience):
            asked = signalled() or (snapshots is not None and snapshots.stop_file.exists())
            asked = stepper.step(asked)
            reported = state.step % reporter.every == 0 or state.step == parameters.n_steps
            if reported:
                reporter.report()
            if snapshots and surroundings.first and (reported or asked):
                snapshots.put(identity, state.step, state.tensors(), state.facts())
            if asked:
                end_where_asked(state, surroundings)
    return state.best.to("cpu"), tuple(state.curve)


class _Reporter:
    """Judges the averaged weights from time to time, keeps the best of them and tells where the training is."""

    def __init__(
        self,
        state: TrainingState[DenoisingNetwork],
        data: tuple[Windows, Windows],
        parameters: TrainingParameters,
        seed: int,
        surroundings: Surroundings,
    ) -> None:
        self.state, self.data, self.parameters = state, data, parameters
        self.seed, self.surroundings = seed, surroundings
        self.every = max(1, parameters.n_steps // REPORTS)
        self.first_step, self.started = state.step, time.monotonic()

    def report(self) -> None:
        """Raises `BadInputError` when a loss is no number."""
        state, parameters = self.state, self.parameters
        losses = validation_losses(state.averaged, self.data[1], parameters, self.seed)
        apart = losses - state.walk
        error = float(apart.std()) / math.sqrt(len(apart))
        mean = float(state.total) / (state.step - state.curve[-1].step)
        state.curve.append(LossPoint(state.step, mean, float(losses.mean()), float(apart.mean()), error))
        state.total.zero_()
        require_finite(state.curve[-1], parameters)
        if min(state.curve, key=_difference) is state.curve[-1]:
            state.best.load_state_dict(state.averaged.state_dict())
        if self.surroundings.first:
            self.surroundings.progress(self._progress(state.curve[-1]))

    def _progress(self, point: LossPoint) -> TrainingProgress:
        spent, done = time.monotonic() - self.started, point.step - self.first_step
        use = device_use(self.surroundings.plan.device)
        return TrainingProgress(
            step=point.step,
            n_steps=self.parameters.n_steps,
            loss=point.training,
            seconds=spent,
            seconds_left=spent / done * (self.parameters.n_steps - point.step),
            validation=point.validation,
            epoch=point.step * self.parameters.batch / len(self.data[0]),
            windows_per_s=done * self.parameters.batch / spent,
            device_percent=use.percent,
            celsius=use.celsius,
        )


def _first_point(
    state: TrainingState[DenoisingNetwork], training: Windows, validation: Windows, parameters: TrainingParameters, seed: int
) -> None:
    # The untrained network is a candidate as well: it is the random walk, and it may be the best there is.
    state.walk = validation_losses(state.averaged, validation, parameters, seed)
    before = float(validation_losses(state.averaged, training, parameters, seed).mean())
    state.curve.append(LossPoint(0, before, float(state.walk.mean())))


@torch.no_grad()
def validation_losses(network: DenoisingNetwork, data: Windows, parameters: TrainingParameters, seed: int) -> torch.Tensor:
    """float32[V]: losses of the same windows at the same noise every time, so that two networks are compared pair by pair."""
    device = next(network.parameters()).device
    generator = torch.Generator(data.origins.device).manual_seed(seed)
    contexts, clean = data.batch(VALIDATION_BATCH, generator)
    noisy, phi, velocity = (each.to(device) for each in noised(clean, parameters.schedule, generator))
    losses: torch.Tensor = ((network(noisy, phi, contexts.to(device)) - velocity) ** 2).mean(dim=1)
    return losses


def end_where_asked(state: TrainingState[Network], surroundings: Surroundings) -> None:
    """Raises `NotReadyError`: a training that was asked to stop ends behind its step."""
    where = "without a snapshot"
    if surroundings.snapshots:
        where = f"with a snapshot in {surroundings.snapshots.folder}"
        if surroundings.first:
            surroundings.snapshots.stop_file.unlink(missing_ok=True)
    surroundings.tell(f"stopped behind step {state.step}, {where}")
    raise NotReadyError(
        f"training was asked to stop and ended behind step {state.step}, {where}; run it again to go on from there"
    )


def require_finite(point: LossPoint, parameters: Optimised) -> None:
    """Raises `BadInputError` when a loss is no number."""
    if not (math.isfinite(point.training) and math.isfinite(point.validation)):
        raise BadInputError(
            f"training diverged at step {point.step} (loss {point.training}); learning_rate is {parameters.learning_rate}; "
            "use a lower one"
        )


def exhausted(curve: list[LossPoint], patience: int) -> bool:
    """Whether more than `patience` points in a row were no better than the best, by the paired difference to the untrained."""
    return len(curve) - curve.index(min(curve, key=_difference)) > max(1, patience)


def _difference(point: LossPoint) -> float:
    return point.difference
