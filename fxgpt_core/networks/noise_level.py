"""How a denoiser is told the noise level."""

import math

import torch

_FASTEST_FREQUENCY = 1000.0


def step_embedding(angle: torch.Tensor, size: int) -> torch.Tensor:
    """float32[B,size]: sinusoids of the noise angle float32[B] in [0, π/2] (Vaswani et al. 2017; Ho et al. 2020)."""
    half = size // 2
    frequencies = torch.exp(torch.linspace(0.0, math.log(_FASTEST_FREQUENCY), half, device=angle.device))
    phase = angle[:, None] * frequencies[None, :]
    return torch.cat([phase.sin(), phase.cos()], dim=1)
