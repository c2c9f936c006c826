"""TemporalUNet: the denoiser of a path of future candles. B batch, C channels, T tokens (28 → 14 → 7), E embedding.

Encoder, bottleneck with attention, decoder with skips; every block is shifted and scaled by the embedding of noise level and
context (FiLM, Perez et al. 2018). The last layer starts at zero, so that an untrained network predicts v = 0.
"""

import torch
from torch import nn
from torch.nn import functional

from fxgpt_core.networks.network_parameters import NetworkParameters
from fxgpt_core.networks.noise_level import step_embedding

GROUPS = 8
_HALVED_TWICE = 4


class TokenConvolution(nn.Conv1d):
    """A convolution over few tokens with "same" padding, as one matrix product; weights as in `nn.Conv1d`.

    On paths of some thirty tokens the library's own convolution spends more time on setting up than on arithmetic.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """float32[B,C,T] → float32[B,C',T / stride]."""
        taps, stride, tokens = self.kernel_size[0], self.stride[0], input.shape[2]
        padded = functional.pad(input.transpose(1, 2), (0, 0, taps // 2, taps // 2))
        columns = torch.cat([padded[:, tap : tap + tokens : stride] for tap in range(taps)], dim=2)
        return functional.linear(columns, self.weight.permute(0, 2, 1).flatten(1), self.bias).transpose(1, 2)


class ResidualBlock(nn.Module):
    """GroupNorm, SiLU, convolution, FiLM, and again; the second convolution starts at zero, so the block starts as its skip."""

    def __init__(self, narrow: int, wide: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.GroupNorm(GROUPS, narrow), nn.SiLU(), TokenConvolution(narrow, wide, 3))
        self.film = nn.Linear(embedding, 2 * wide)
        self.norm = nn.GroupNorm(GROUPS, wide)
        self.dropout = nn.Dropout(dropout)
        self.second = _zero(TokenConvolution(wide, wide, 3))
        self.skip = nn.Identity() if narrow == wide else TokenConvolution(narrow, wide, 1)

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        """float32[B,C,T] and the embedding float32[B,E] or [1,E] → float32[B,C',T]."""
        scale, shift = self.film(functional.silu(embedding))[:, :, None].chunk(2, dim=1)
        hidden = functional.silu(self.norm(self.first(x)) * (1.0 + scale) + shift)
        out: torch.Tensor = self.skip(x) + self.second(self.dropout(hidden))
        return out


class SelfAttention(nn.Module):
    """Multi-head attention over the tokens, added to its input; starts as the identity."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.to_query_key_value = TokenConvolution(channels, 3 * channels, 1)
        self.project = _zero(TokenConvolution(channels, channels, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """float32[B,C,T] → float32[B,C,T]."""
        batch, channels, tokens = x.shape
        stacked = self.to_query_key_value(self.norm(x)).reshape(batch, 3, self.heads, channels // self.heads, tokens)
        query, key, value = stacked.transpose(3, 4).unbind(1)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: torch.Tensor = x + self.project(mixed.transpose(2, 3).reshape(batch, channels, tokens))
        return out


class TemporalUNet(nn.Module):
    """v-prediction of a noisy path: float32[B,T], noise angle and context embedding → float32[B,T]."""

    def __init__(self, parameters: NetworkParameters) -> None:
        super().__init__()
        w, e, drop = parameters.width, parameters.embedding, parameters.dropout
        self.embedding_size = e
        self.spare = -parameters.n_tokens % _HALVED_TWICE
        self.embed = nn.Sequential(nn.Linear(e, e), nn.SiLU(), nn.Linear(e, e))
        # The tokens differ only by their place, which convolutions cannot see; so each place brings a vector of its own.
        self.place = nn.Parameter(torch.zeros(1, w, parameters.n_tokens + self.spare))
        self.enter = TokenConvolution(1, w, 3)
        self.encode_whole = ResidualBlock(w, w, e, drop)
        self.down_half = TokenConvolution(w, 2 * w, 3, stride=2)
        self.encode_half = ResidualBlock(2 * w, 2 * w, e, drop)
        self.down_quarter = TokenConvolution(2 * w, 2 * w, 3, stride=2)
        self.bottleneck = ResidualBlock(2 * w, 2 * w, e, drop)
        self.attention = SelfAttention(2 * w, parameters.heads)
        self.up_half = TokenConvolution(2 * w, 2 * w, 3)
        self.decode_half = ResidualBlock(4 * w, 2 * w, e, drop)
        self.up_whole = TokenConvolution(2 * w, w, 3)
        self.decode_whole = ResidualBlock(2 * w, w, e, drop)
        self.leave = nn.Sequential(nn.GroupNorm(GROUPS, w), nn.SiLU(), _zero(TokenConvolution(w, 1, 3)))

    def forward(self, path: torch.Tensor, angle: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """The v of `path` float32[B,T] at `angle` float32[B] or [1], given `context` float32[B,E] or [1,E]."""
        embedding = self.embed(step_embedding(angle, self.embedding_size)) + context
        whole = self.encode_whole(self.enter(functional.pad(path[:, None, :], (0, self.spare))) + self.place, embedding)
        half = self.encode_half(self.down_half(whole), embedding)
        deep = self.attention(self.bottleneck(self.down_quarter(half), embedding))
        half = self.decode_half(torch.cat([self.up_half(_doubled(deep)), half], dim=1), embedding)
        whole = self.decode_whole(torch.cat([self.up_whole(_doubled(half)), whole], dim=1), embedding)
        velocity: torch.Tensor = self.leave(whole)[:, 0, : path.shape[1]]
        return velocity


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def _zero(convolution: TokenConvolution) -> TokenConvolution:
    nn.init.zeros_(convolution.weight)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return convolution
