"""One step of training: the same batch however it is cut into micro-batches or shared among processes."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from fxgpt_core.diffusion.loss import Denoiser, noised
from fxgpt_core.diffusion.model import DenoisingNetwork
from fxgpt_core.errors import NotReadyError
from fxgpt_core.training.acceleration import half_precision
from fxgpt_core.training.ranks import summed
from fxgpt_core.training.state import TrainingState
from fxgpt_core.training.surroundings import Surroundings
from fxgpt_core.training.training_parameters import Optimised, TrainingParameters
from fxgpt_core.training.windows import Windows

MOST_HALVINGS = 3
_SEED_STRIDE = 1_000_003
_ROW_BITS = 40


@dataclass(eq=False)
class Stepper:
    """Trains `state` on `data`; `called` is its network as the plan calls it, `micro` the windows in it at a time."""

    called: Denoiser
    state: TrainingState[DenoisingNetwork]
    data: Windows
    parameters: TrainingParameters
    seed: int
    surroundings: Surroundings
    micro: int
    halvings: int = 0

    def step(self, stop: bool) -> bool:
        """One optimiser step; whether any of the processes was asked to stop. Raises `NotReadyError` when memory is too small."""
        state, number = self.state, self.state.step + 1
        loss, stop = self._gradients(number, stop)
        state.scaler.unscale_(state.optimizer)
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), self.parameters.gradient_clip)
        for group in state.optimizer.param_groups:
            group["lr"] = self.parameters.learning_rate * rate(state.step, self.parameters)
        state.scaler.step(state.optimizer)
        state.scaler.update()
        average(state.averaged, state.network, min(self.parameters.ema_decay, (1.0 + number) / (10.0 + number)))
        state.total += loss
        state.step = number
        return stop

    def _gradients(self, number: int, stop: bool) -> tuple[torch.Tensor, bool]:
        """The loss of a step, its gradients laid on the weights, tried again with smaller micro-batches when memory runs out."""
        while True:
            loss = self._tried(number)
            failed = loss is None
            if self.surroundings.plan.world > 1:
                loss, failed, stop = summed(self.state.network, loss, failed, stop)
            if loss is not None and not failed:
                return loss, stop
            self._halve(number)

    def _tried(self, number: int) -> torch.Tensor | None:
        """The share of the loss that this process computes, or None when memory ran out; its gradients are dropped then."""
        try:
            return self._accumulated(number)
        except torch.OutOfMemoryError:
            # What the error holds is let go before anything is freed: nothing may be done here.
            pass
        self.state.optimizer.zero_grad(set_to_none=True)
        return None

    def _accumulated(self, number: int) -> torch.Tensor:
        plan, batch = self.surroundings.plan, self.parameters.batch
        seed = self.seed * _SEED_STRIDE + number
        generator = torch.Generator(self.data.origins.device).manual_seed(seed)
        chosen = self.data.chosen(batch, generator)
        noisy, phi, velocity = noised(self.data.targets[chosen], self.parameters.schedule, generator)
        self.state.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=plan.device)
        first, last = (batch * (self.surroundings.rank + end) // plan.world for end in (0, 1))
        for start in range(first, last, self.micro):
            part = slice(start, min(start + self.micro, last))
            # Dropout has no generator argument; the caller puts the random state back.
            torch.manual_seed(seed + (start << _ROW_BITS))
            contexts = self.data.contexts(chosen[part])
            if not plan.channels_last:
                contexts = contexts.transpose(1, 2).contiguous().transpose(1, 2)
            inputs = (each.to(plan.device, non_blocking=True) for each in (noisy[part], phi[part], contexts))
            if plan.compile != "off" and plan.device == "cuda":
                torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
            with half_precision(plan):
                predicted = self.called(*inputs)
            share = ((predicted.float() - velocity[part].to(plan.device)) ** 2).mean() * ((part.stop - part.start) / batch)
            self.state.scaler.scale(share).backward()  # type: ignore[no-untyped-call]
            total += share.detach()
        return total

    def _halve(self, number: int) -> None:
        if self.halvings == MOST_HALVINGS or self.micro == 1:
            raise NotReadyError(
                f"memory ran out at step {number} with {self.micro} windows at a time, after {self.halvings} halvings; "
                "use a smaller preset or batch, force checkpointing=on, or free memory of the device"
            )
        if self.surroundings.plan.device == "cuda":
            torch.cuda.empty_cache()
        self.micro = math.ceil(self.micro / 2)
        self.halvings += 1
        self.surroundings.tell(
            f"memory ran out at step {number}: the same batch of {self.parameters.batch} goes on in parts of {self.micro}"
        )


def rate(step: int, parameters: Optimised) -> float:
    """Share of the learning rate: linear warm-up, then a cosine to zero, and again from the top for each restart."""
    if step < parameters.warm_up_steps:
        return (step + 1) / parameters.warm_up_steps
    done = min(1.0, (step - parameters.warm_up_steps) / max(1, parameters.n_steps - parameters.warm_up_steps))
    cycles = done * (parameters.restarts + 1)
    within = 1.0 if done == 1.0 else cycles % 1.0
    return 0.5 * (1.0 + math.cos(math.pi * within))


@torch.no_grad()
def average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    """Exponential moving average of the weights; the early decay is lower, so that the start is forgotten."""
    torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), 1.0 - decay)
