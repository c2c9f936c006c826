"""What the model knows of the past, read once per forecast: B batch, F inputs, L context candles, E embedding."""

import torch
from torch import nn

from fxgpt_core.networks.network_parameters import NetworkParameters
from fxgpt_core.networks.token_convolution import TokenConvolution


class ContextEncoder(nn.Module):
    """Three strided convolutions and a mean over time: float32[B,L,F] → float32[B,E]."""

    def __init__(self, parameters: NetworkParameters) -> None:
        super().__init__()
        narrow, wide, candles = parameters.n_inputs, parameters.embedding, parameters.context
        layers: list[nn.Module] = []
        for _ in range(3):
            layers += [TokenConvolution(candles, narrow, wide, taps=5, stride=2), nn.LayerNorm(wide), nn.SiLU()]
            narrow, candles = wide, -(-candles // 2)
        self.layers = nn.Sequential(*layers, nn.Dropout(parameters.dropout))
        self.latest = nn.Linear(parameters.n_inputs, wide)

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        """The embedding of a context; its last candle has a path of its own, for it is what decides most."""
        summary: torch.Tensor = self.layers(context).mean(dim=1) + self.latest(context[:, -1])
        return summary
