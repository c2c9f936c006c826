"""SSSD: a denoiser of gated residual layers with state-space convolutions. B batch, H channels, N states, T tokens, E embedding.

Layers as in DiffWave (Kong et al. 2021) and SSSD (Alcaraz & Strodthoff 2022), with diagonal state spaces (S4D-Lin, Gu et al.
2022). The convolution runs in both directions at once, as one matrix over the few tokens: real arithmetic, no transform, since
no compiler makes good code of complex numbers. The last layer starts at zero, so that an untrained network predicts v = 0.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from fxgpt_core.networks.network_parameters import NetworkParameters
from fxgpt_core.networks.noise_level import step_embedding

STEP_RANGE = (0.01, 0.3)
"""Step sizes that state spaces start with: memories of some three to a hundred tokens."""


class StateSpaceConvolution(nn.Module):
    """y = K ∗ x per channel, K over tokens before and after: K_l = 2·Re Σ_n C_n·(exp(Δ·A_n) − 1)/A_n·exp(l·Δ·A_n), plus D·x.

    A_n = −½ + iπn at the start, discretised by a zero-order hold (Gu et al. 2022, equation 6 and section 4).
    """

    def __init__(self, channels: int, states: int, tokens: int) -> None:
        super().__init__()
        low, high = (math.log(edge) for edge in STEP_RANGE)
        self.log_step = nn.Parameter(low + (high - low) * torch.rand(channels))
        self.log_decay = nn.Parameter(torch.full((channels, states), math.log(0.5)))
        self.frequency = nn.Parameter(math.pi * torch.arange(states, dtype=torch.float32).repeat(channels, 1))
        # [direction, real or imaginary part, H, N]
        self.read_out = nn.Parameter(torch.randn(2, 2, channels, states) * math.sqrt(0.5))
        self.through = nn.Parameter(torch.randn(channels))
        self.tokens = tokens
        self.fixed: torch.Tensor | None = None

    def fix(self) -> None:
        """Compute the matrix once and for all: for a copy whose weights will not change any more."""
        self.fixed = self.matrix()

    def kernel(self, length: int) -> torch.Tensor:
        """float32[2,H,length]: the response after 0, 1, … tokens, forward and backward in time."""
        step = self.log_step.exp()[:, None]
        decay, turn = -self.log_decay.exp() * step, self.frequency * step
        real, imaginary = decay.exp() * turn.cos() - 1.0, decay.exp() * turn.sin()
        # (exp(ΔA) − 1) / A, with A = (decay + i·turn) / step
        size = (decay**2 + turn**2) / step
        held = ((real * decay + imaginary * turn) / size, (imaginary * decay - real * turn) / size)
        weight_real = self.read_out[:, 0] * held[0] - self.read_out[:, 1] * held[1]
        weight_imaginary = self.read_out[:, 0] * held[1] + self.read_out[:, 1] * held[0]
        lag = torch.arange(length, device=step.device, dtype=step.dtype)
        envelope = torch.exp(decay[:, :, None] * lag)
        cosine, sine = envelope * torch.cos(turn[:, :, None] * lag), envelope * torch.sin(turn[:, :, None] * lag)
        response: torch.Tensor = 2.0 * (
            torch.einsum("dhn,hnl->dhl", weight_real, cosine) - torch.einsum("dhn,hnl->dhl", weight_imaginary, sine)
        )
        return response

    def matrix(self) -> torch.Tensor:
        """float32[H,T,T]: y_t = Σ_s matrix[t,s]·x_s."""
        forward, backward = self.kernel(self.tokens).unbind(0)
        place = torch.arange(self.tokens, device=forward.device)
        lags = place[:, None] - place
        matrix = torch.where(lags >= 0, forward[:, lags.clamp(min=0)], backward[:, (-lags).clamp(min=0)])
        return matrix + torch.diag_embed(self.through[:, None].expand(-1, self.tokens))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """float32[B,H,T] → float32[B,H,T]."""
        matrix = self.matrix() if self.fixed is None else self.fixed
        return torch.bmm(x.transpose(0, 1), matrix.transpose(1, 2)).transpose(0, 1)


class GatedLayer(nn.Module):
    """State space, FiLM, gate tanh · sigmoid; one half goes on, the other half to the output (both over √2 of the sum)."""

    def __init__(self, parameters: NetworkParameters) -> None:
        super().__init__()
        w, e = parameters.width, parameters.embedding
        self.norm = nn.LayerNorm(w)
        self.film = nn.Linear(e, 2 * w)
        self.enter = nn.Linear(w, 2 * w)
        self.state_space = StateSpaceConvolution(2 * w, parameters.states, parameters.n_tokens)
        self.dropout = nn.Dropout(parameters.dropout)
        self.leave = nn.Linear(w, 2 * w)

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """float32[B,T,H] and the embedding float32[B,E] or [1,E] → the next layer's input and this one's output, both [B,T,H]."""
        scale, shift = self.film(functional.silu(embedding))[:, None, :].chunk(2, dim=2)
        inner = self.enter(self.norm(x) * (1.0 + scale) + shift)
        wave, gate = self.state_space(inner.transpose(1, 2)).transpose(1, 2).chunk(2, dim=2)
        on, out = self.leave(self.dropout(torch.tanh(wave) * torch.sigmoid(gate))).chunk(2, dim=2)
        return (x + on) * math.sqrt(0.5), out


class SSSD(nn.Module):
    """v-prediction of a noisy path: float32[B,T], noise angle and context embedding → float32[B,T]."""

    def __init__(self, parameters: NetworkParameters) -> None:
        super().__init__()
        w, e = parameters.width, parameters.embedding
        self.embedding_size = e
        self.embed = nn.Sequential(nn.Linear(e, e), nn.SiLU(), nn.Linear(e, e))
        self.place = nn.Parameter(torch.zeros(1, parameters.n_tokens, w))
        self.enter = nn.Linear(1, w)
        self.layers = nn.ModuleList(GatedLayer(parameters) for _ in range(parameters.layers))
        last = nn.Linear(w, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.leave = nn.Sequential(nn.Linear(w, w), nn.SiLU(), last)

    def forward(self, path: torch.Tensor, angle: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """The v of `path` float32[B,T] at `angle` float32[B] or [1], given `context` float32[B,E] or [1,E]."""
        embedding = self.embed(step_embedding(angle, self.embedding_size)) + context
        x = self.enter(path[:, :, None]) + self.place
        total = torch.zeros_like(x)
        for layer in self.layers:
            x, out = layer(x, embedding)
            total = total + out
        velocity: torch.Tensor = self.leave(total * (1.0 / math.sqrt(len(self.layers))))[:, :, 0]
        return velocity
