"""What the model knows of the past, read once per forecast: B batch, F inputs, L context candles, E embedding."""

import itertools

import torch
from torch import nn

from fxgpt_core.networks.token_convolution import TokenConvolution


class ContextEncoder(nn.Module):
    """Three strided convolutions and a mean over time: float32[B,L,F] → float32[B,E]."""

    def __init__(self, n_inputs: int, embedding: int, dropout: float) -> None:
        super().__init__()
        widths = (n_inputs, embedding, embedding, embedding)
        layers: list[nn.Module] = []
        for narrow, wide in itertools.pairwise(widths):
            layers += [TokenConvolution(narrow, wide, taps=5, stride=2), nn.LayerNorm(wide), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.Dropout(dropout))
        self.latest = nn.Linear(n_inputs, embedding)

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        """The embedding of a context; its last candle has a path of its own, for it is what decides most."""
        summary: torch.Tensor = self.layers(context).mean(dim=1) + self.latest(context[:, -1])
        return summary
