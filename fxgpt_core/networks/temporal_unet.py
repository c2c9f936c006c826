"""TemporalUNet: the denoiser of a path of future candles. B batch, T tokens (28 → 14 → 7), C channels, E embedding.

Encoder, bottleneck with attention, decoder with skips; every block is shifted and scaled by the embedding of noise level and
context (FiLM, Perez et al. 2018). The last layer starts at zero, so that an untrained network predicts v = 0.
"""

from typing import TypeVar

import torch
from torch import nn
from torch.nn import functional

from fxgpt_core.networks.network_parameters import NetworkParameters
from fxgpt_core.networks.noise_level import step_embedding
from fxgpt_core.networks.token_convolution import TokenConvolution

_HALVED_TWICE = 4
_Layer = TypeVar("_Layer", bound=nn.Module)


class ResidualBlock(nn.Module):
    """Norm, SiLU, convolution, FiLM, and again; the second convolution starts at zero, so the block starts as its skip.

    A norm is over the whole path, so that tokens keep their sizes relative to each other.
    """

    def __init__(self, tokens: int, narrow: int, wide: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.LayerNorm((tokens, narrow)), nn.SiLU(), TokenConvolution(tokens, narrow, wide, 3))
        self.norm = nn.LayerNorm((tokens, wide))
        self.dropout = nn.Dropout(dropout)
        self.second = _zero(TokenConvolution(tokens, wide, wide, 3))
        self.skip = nn.Identity() if narrow == wide else nn.Linear(narrow, wide)

    def forward(self, x: torch.Tensor, film: torch.Tensor) -> torch.Tensor:
        """float32[B,T,C] and scale and shift float32[B,1,2C'] or [1,1,2C'] → float32[B,T,C']."""
        scale, shift = film.chunk(2, dim=2)
        hidden = functional.silu(torch.addcmul(shift, self.norm(self.first(x)), 1.0 + scale))
        out: torch.Tensor = self.skip(x) + self.second(self.dropout(hidden))
        return out


class SelfAttention(nn.Module):
    """Multi-head attention over the tokens, added to its input; starts as the identity."""

    def __init__(self, tokens: int, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm((tokens, channels))
        self.to_query_key_value = nn.Linear(channels, 3 * channels)
        self.project = _zero(nn.Linear(channels, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """float32[B,T,C] → float32[B,T,C]."""
        stacked = self.to_query_key_value(self.norm(x)).unflatten(2, (3, self.heads, -1))
        query, key, value = stacked.transpose(1, 3).unbind(2)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: torch.Tensor = x + self.project(mixed.transpose(1, 2).flatten(2))
        return out


class TemporalUNet(nn.Module):
    """v-prediction of a noisy path: float32[B,T], noise angle and context embedding → float32[B,T]."""

    def __init__(self, parameters: NetworkParameters) -> None:
        super().__init__()
        w, e, drop = parameters.width, parameters.embedding, parameters.dropout
        self.embedding_size = e
        self.spare = -parameters.n_tokens % _HALVED_TWICE
        whole = parameters.n_tokens + self.spare
        half, quarter = whole // 2, whole // 4
        self.embed = nn.Sequential(nn.Linear(e, e), nn.SiLU(), nn.Linear(e, e))
        self.film_sizes = [2 * w, 4 * w, 4 * w, 4 * w, 2 * w]
        self.film = nn.Linear(e, sum(self.film_sizes))
        # The tokens differ only by their place, which convolutions cannot see; so each place brings a vector of its own.
        self.place = nn.Parameter(torch.zeros(1, whole, w))
        self.enter = TokenConvolution(whole, 1, w, 3)
        self.encode_whole = ResidualBlock(whole, w, w, drop)
        self.down_half = TokenConvolution(whole, w, 2 * w, 3, stride=2)
        self.encode_half = ResidualBlock(half, 2 * w, 2 * w, drop)
        self.down_quarter = TokenConvolution(half, 2 * w, 2 * w, 3, stride=2)
        self.bottleneck = ResidualBlock(quarter, 2 * w, 2 * w, drop)
        self.attention = SelfAttention(quarter, 2 * w, parameters.heads)
        self.up_half = TokenConvolution(half, 2 * w, 2 * w, 3)
        self.decode_half = ResidualBlock(half, 4 * w, 2 * w, drop)
        self.up_whole = TokenConvolution(whole, 2 * w, w, 3)
        self.decode_whole = ResidualBlock(whole, 2 * w, w, drop)
        self.leave = nn.Sequential(nn.LayerNorm((whole, w)), nn.SiLU(), _zero(TokenConvolution(whole, w, 1, 3)))

    def forward(self, path: torch.Tensor, angle: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """The v of `path` float32[B,T] at `angle` float32[B] or [1], given `context` float32[B,E] or [1,E]."""
        embedding = self.embed(step_embedding(angle, self.embedding_size)) + context
        films = self.film(functional.silu(embedding))[:, None, :].split(self.film_sizes, dim=2)
        whole = self.encode_whole(self.enter(functional.pad(path, (0, self.spare))[:, :, None]) + self.place, films[0])
        half = self.encode_half(self.down_half(whole), films[1])
        deep = self.attention(self.bottleneck(self.down_quarter(half), films[2]))
        half = self.decode_half(torch.cat([self.up_half(_doubled(deep)), half], dim=2), films[3])
        whole = self.decode_whole(torch.cat([self.up_whole(_doubled(half)), whole], dim=2), films[4])
        velocity: torch.Tensor = self.leave(whole)[:, : path.shape[1], 0]
        return velocity


def _doubled(x: torch.Tensor) -> torch.Tensor:
    """float32[B,T,C] → float32[B,2T,C]: each token twice."""
    return x[:, :, None, :].expand(-1, -1, 2, -1).flatten(1, 2)


def _zero(layer: _Layer) -> _Layer:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
