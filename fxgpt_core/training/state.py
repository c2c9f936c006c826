"""Everything a training knows between two steps, and its two ways: to a snapshot and back, bit for bit."""

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from fxgpt_core import content_hash
from fxgpt_core.training.acceleration import optimizer_of
from fxgpt_core.training.plan import TrainPlan
from fxgpt_core.training.snapshots import Snapshot
from fxgpt_core.training.training_parameters import Optimised, TrainingParameters
from fxgpt_core.training.windows import TENSORS, Windows

NETWORKS = ("network", "averaged", "best")

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class LossPoint:
    """Mean training loss since the last point, and the validation loss of the averaged weights; step 0 is before training.

    `difference` of the validation loss to that of the untrained network, a random walk, on the same windows with the same noise,
    and the `standard_error` of it as if windows did not overlap.
    """

    step: int
    training: float
    validation: float
    difference: float = 0.0
    standard_error: float = 0.0


@dataclass(eq=False)
class TrainingState(Generic[Network]):
    """A training behind `step`: `total` is the loss since the last report, `walk` float32[V] the untrained network's losses."""

    network: Network
    averaged: Network
    best: Network
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    total: torch.Tensor
    walk: torch.Tensor
    curve: list[LossPoint] = field(default_factory=list)
    step: int = 0

    def tensors(self) -> dict[str, torch.Tensor]:
        """All tensors by name."""
        found = {"total": self.total, "walk": self.walk}
        for name in NETWORKS:
            found |= {f"{name}.{key}": tensor for key, tensor in getattr(self, name).state_dict().items()}
        for number, moments in self.optimizer.state_dict()["state"].items():
            found |= {f"optimizer.{number}.{key}": tensor for key, tensor in moments.items()}
        return found

    def facts(self) -> dict[str, Any]:
        """All that is no tensor, as JSON values."""
        groups = self.optimizer.state_dict()["param_groups"]
        return {
            "curve": [asdict(point) for point in self.curve],
            "groups": [{"step": group["step"]} if "step" in group else {} for group in groups],
            "scaler": self.scaler.state_dict(),
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Become what a snapshot was taken of. Raises `KeyError` or `RuntimeError` when it does not fit."""
        for name in NETWORKS:
            getattr(self, name).load_state_dict(_below(name, snapshot.tensors))
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in _below("optimizer", snapshot.tensors).items():
            number, _, key = name.partition(".")
            state.setdefault(int(number), {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        kept = [group | extra for group, extra in zip(groups, snapshot.facts["groups"], strict=True)]
        self.optimizer.load_state_dict({"state": state, "param_groups": kept})
        self.scaler.load_state_dict(snapshot.facts["scaler"])
        self.total, self.walk = (snapshot.tensors[name].to(self.total.device) for name in ("total", "walk"))
        self.curve = [LossPoint(**point) for point in snapshot.facts["curve"]]
        self.step = snapshot.step


def fresh(network: Network, parameters: Optimised, plan: TrainPlan) -> TrainingState[Network]:
    """The state before the first step; the network's weights are the start, and it is moved to the plan's device."""
    network.to(plan.device)
    averaged = copy.deepcopy(network).requires_grad_(False).eval()
    return TrainingState(
        network=network,
        averaged=averaged,
        best=copy.deepcopy(averaged),
        optimizer=optimizer_of(network, parameters, plan),
        scaler=torch.amp.GradScaler(plan.device, enabled=plan.precision == "fp16"),
        total=torch.zeros((), device=plan.device),
        walk=torch.zeros(0, device=plan.device),
    )


def identity_of(parameters: TrainingParameters, seed: int, *data: Windows) -> str:
    """SHA-256 of what decides the weights besides the code: parameters, seed and data."""
    tensors = [
        content_hash.of_bytes(getattr(part, name).contiguous().cpu().numpy().tobytes()) for part in data for name in TENSORS
    ]
    return content_hash.of_json({"parameters": asdict(parameters), "seed": seed, "data": tensors})


def _below(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(f"{prefix}."): tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}
