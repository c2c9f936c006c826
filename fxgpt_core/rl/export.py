"""A trained actor as plain arrays; the critic stays behind, since only learning needs it."""

from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fxgpt_core.portfolio.policy import Layer, Memory, PlainPolicy
from fxgpt_core.rl.learner import Learner


def plain_policy(made: Learner, symbols: tuple[str, ...]) -> PlainPolicy:
    """The actor's weights as they are now: its mean action, without the noise it explores with."""
    actor = made.policy
    linear = [layer for layer in actor.mlp_extractor.policy_net if isinstance(layer, nn.Linear)]
    memory = getattr(actor, "lstm_actor", None)
    layers = tuple(map(_layer, [*linear, cast(nn.Linear, actor.action_net)]))
    return PlainPolicy(symbols, layers, _memory(memory) if isinstance(memory, nn.LSTM) else None)


def _layer(layer: nn.Linear) -> Layer:
    return Layer(_array(layer.weight.T), _array(layer.bias))


def _memory(lstm: nn.LSTM) -> Memory:
    """Of the two biases that torch has, the sum."""
    enter, keep, bias, other = (getattr(lstm, name) for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"))
    return Memory(_array(enter.T), _array(keep.T), _array(bias.double() + other.double()))


def _array(tensor: torch.Tensor) -> npt.NDArray[np.float32]:
    return np.array(tensor.detach().numpy(), dtype=np.float32, order="C")
