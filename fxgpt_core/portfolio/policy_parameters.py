"""The 15 parameters of the actor-critic policy (specification, section 4.2, group 4): 14 shape its training, one its blend."""

import json
import math
from dataclasses import dataclass, fields
from typing import Final

from fxgpt_core.errors import BadInputError

LAYERS: Final = ("[256,128]", "[512,256]", "[256,256,128]")
_RANGES: Final = {
    "actor_lr": (1e-5, 1e-3),
    "critic_lr": (1e-5, 1e-3),
    "gamma": (0.90, 0.99),
    "clip_epsilon": (0.1, 0.3),
    "gae_lambda": (0.90, 0.99),
    "entropy_coef": (0.0, 0.1),
    "value_coef": (0.1, 1.0),
    "max_grad_norm": (0.1, 1.0),
    "ppo_epochs": (3, 10),
    "mini_batch_size": (32, 256),
    "lstm_hidden_size": (64, 256),
    "hybrid_alpha": (0.0, 1.0),
}


@dataclass(frozen=True)
class PolicyParameters:
    """PPO as in Schulman et al. 2017 (arXiv:1707.06347); the defaults and ranges are those of the specification.

    `actor_lr`, `critic_lr`: steps of Adam. `gamma`: discount of a day. `clip_epsilon`: how far an update may move a
    probability. `gae_lambda`: of advantages (arXiv:1506.02438). `entropy_coef`, `value_coef`: weights in the loss.
    `max_grad_norm`: of all gradients together. `ppo_epochs` over each rollout, in batches of `mini_batch_size` days. Layers are
    lists of widths as text. `lstm_hidden_size` counts with `use_lstm` only. `hybrid_alpha`: the policy's share of a hybrid; the
    rest is the allocation's. Raises `BadInputError` for a value outside its range.
    """

    actor_lr: float = 3e-4
    critic_lr: float = 3e-4
    gamma: float = 0.95
    clip_epsilon: float = 0.2
    gae_lambda: float = 0.95
    entropy_coef: float = 0.01
    value_coef: float = 0.5
    max_grad_norm: float = 0.5
    ppo_epochs: int = 5
    mini_batch_size: int = 64
    actor_hidden_layers: str = "[256,128]"
    critic_hidden_layers: str = "[256,128]"
    use_lstm: bool = False
    lstm_hidden_size: int = 128
    hybrid_alpha: float = 0.5

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            found = getattr(self, name)
            if not (math.isfinite(found) and low <= found <= high):
                raise BadInputError(f"{name} is {found}; a number from {low} to {high} is allowed; choose one")
        for name in ("ppo_epochs", "mini_batch_size", "lstm_hidden_size"):
            if getattr(self, name) != int(getattr(self, name)):
                raise BadInputError(f"{name} is {getattr(self, name)}; a whole number is needed; round it")
        for name in ("actor_hidden_layers", "critic_hidden_layers"):
            if getattr(self, name) not in LAYERS:
                raise BadInputError(f"{name} is {getattr(self, name)!r}; allowed are {', '.join(LAYERS)}; choose one of them")

    @property
    def actor_widths(self) -> list[int]:
        """The widths of the actor's hidden layers, first to last."""
        return list(json.loads(self.actor_hidden_layers))

    @property
    def critic_widths(self) -> list[int]:
        """The widths of the critic's hidden layers, first to last."""
        return list(json.loads(self.critic_hidden_layers))


TRAINED_BY: Final = tuple(field.name for field in fields(PolicyParameters) if field.name != "hybrid_alpha")
"""The parameters that a training depends on: all but the blend's."""
