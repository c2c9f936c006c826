"""A trained actor as plain arrays; the critic stays behind, since only learning needs it."""

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
    return PlainPolicy(symbols, tuple(map(_layer, [*linear, actor.action_net])), None if memory is None else _memory(memory))


def _layer(layer: nn.Linear) -> Layer:
    return Layer(_array(layer.weight.T), _array(layer.bias))


def _memory(lstm: nn.LSTM) -> Memory:
    """torch has two biases, whose sum alone counts."""
    enter, keep = lstm.weight_ih_l0.T, lstm.weight_hh_l0.T
    return Memory(_array(enter), _array(keep), _array(lstm.bias_ih_l0.double() + lstm.bias_hh_l0.double()))


def _array(tensor: torch.Tensor) -> npt.NDArray[np.float32]:
    return np.array(tensor.detach().numpy(), dtype=np.float32, order="C")
