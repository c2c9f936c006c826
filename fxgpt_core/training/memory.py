"""How many windows go through a network at a time: as many as memory holds, found by trying."""

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from fxgpt_core.diffusion.loss import velocity_loss
from fxgpt_core.diffusion.model import DenoisingNetwork
from fxgpt_core.errors import NotReadyError
from fxgpt_core.training.acceleration import accelerated, half_precision
from fxgpt_core.training.hardware import available_memory
from fxgpt_core.training.plan import TrainPlan
from fxgpt_core.training.surroundings import Surroundings
from fxgpt_core.training.training_parameters import TrainingParameters
from fxgpt_core.training.windows import Windows

FIRST = 8
MOST_SHARE = 0.8


def fitting(surroundings: Surroundings, network: DenoisingNetwork, data: Windows, parameters: TrainingParameters) -> Surroundings:
    """The surroundings with micro-batches that memory holds; told where that is less than was planned."""
    plan = surroundings.plan
    wanted = min(plan.micro_batch or parameters.batch, math.ceil(parameters.batch / plan.world))
    with tried_on(plan, network, data, parameters) as attempt:
        micro = largest_micro_batch(attempt, wanted)
    if micro < wanted:
        surroundings.tell(f"memory holds {micro} of {wanted} windows at a time; the batch of {parameters.batch} is accumulated")
    return replace(surroundings, plan=replace(plan, micro_batch=micro))


def largest_micro_batch(attempt: Callable[[int], float], wanted: int) -> int:
    """The largest of 8, 16, 32, …, `wanted` windows whose attempt takes at most 80 % of memory.

    `attempt` tells the share of memory that so many windows take, and may raise `torch.OutOfMemoryError`. Raises `NotReadyError`
    when the smallest is too large.
    """
    fits, size = 0, min(FIRST, wanted)
    while fits < wanted and _share(attempt, size) <= MOST_SHARE:
        fits, size = size, min(2 * size, wanted)
    if fits == 0:
        raise NotReadyError(f"memory does not hold {size} windows at a time; use a smaller preset, or free memory of the device")
    return fits


def _share(attempt: Callable[[int], float], size: int) -> float:
    try:
        return attempt(size)
    except torch.OutOfMemoryError:
        return math.inf


@contextmanager
def tried_on(
    plan: TrainPlan, network: DenoisingNetwork, data: Windows, parameters: TrainingParameters
) -> Iterator[Callable[[int], float]]:
    """Forward and backward passes of so many windows on a copy of the network: the share of memory that they take.

    Of a GPU's memory it is the peak. A processor has no peak to ask for, and the system kills a process that takes too much:
    there it is what the passes keep, over the memory that is available.
    """
    trial = copy.deepcopy(network).to(plan.device).train()
    with accelerated(replace(plan, compile="off"), trial) as called:

        def attempt(size: int) -> float:
            generator = torch.Generator().manual_seed(0)
            contexts, clean = (each.to(plan.device) for each in data.batch(size, generator))

            def passes() -> None:
                with half_precision(plan):
                    loss = velocity_loss(called, clean, contexts, parameters.schedule, torch.Generator(plan.device))
                loss.backward()  # type: ignore[no-untyped-call]
                trial.zero_grad(set_to_none=True)

            if plan.device == "cuda":
                torch.cuda.reset_peak_memory_stats()
                passes()
                return torch.cuda.max_memory_allocated() / torch.cuda.get_device_properties().total_memory
            available = available_memory()
            return kept_bytes(passes) / available if available else 0.0

        yield attempt


def kept_bytes(passes: Callable[[], None]) -> int:
    """Bytes of the tensors that a forward pass keeps for its backward pass, each counted once."""
    seen: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        passes()
    return sum(seen.values())
