"""The quantile head: the quantiles of a path at once, without drawing one. B batch, F inputs, L candles, T tokens, Q levels."""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from fxgpt_core.networks.context_encoder import ContextEncoder
from fxgpt_core.networks.network_parameters import NetworkParameters


class QuantileHead(nn.Module):
    """Context float32[B,L,F] → quantiles float64[B,T,Q] of the cumulative return, in units of the random walk's deviation.

    `walk`: the Q quantiles of the random walk, ascending. The median is moved, and each gap between two neighbours is stretched
    by a positive factor, so that quantiles never cross; before training nothing is moved and all factors are 1.
    """

    walk: torch.Tensor
    units: torch.Tensor

    def __init__(self, parameters: NetworkParameters, walk: Sequence[float], hidden: int) -> None:
        super().__init__()
        self.encoder = ContextEncoder(parameters)
        self.enter = nn.Linear(parameters.embedding, hidden)
        self.dropout = nn.Dropout(parameters.dropout)
        self.leave = nn.Linear(hidden, parameters.n_tokens * len(walk))
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        self.register_buffer("walk", torch.tensor(walk, dtype=torch.float64))
        # So that a zero leaves a gap as it is, for softplus(0) = log 2.
        self.register_buffer("units", self.walk.diff() / math.log(2.0), persistent=False)

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        """The quantiles given a context. The arithmetic behind the last layer is in double precision: sums keep their order."""
        hidden = functional.silu(self.enter(functional.silu(self.encoder(context))))
        said = self.leave(self.dropout(hidden)).double().unflatten(1, (-1, len(self.walk)))
        middle = len(self.walk) // 2
        gaps = self.units * functional.softplus(said[..., 1:])
        median = self.walk[middle] + said[..., :1]
        below = median - gaps[..., :middle].flip(-1).cumsum(-1).flip(-1)
        return torch.cat([below, median, median + gaps[..., middle:].cumsum(-1)], dim=-1)
