"""A convolution over few tokens or candles, as one matrix product. B batch, T tokens, C channels."""

import torch
from torch import nn
from torch.nn import functional


class TokenConvolution(nn.Module):
    """`nn.Conv1d` with an odd number of taps and "same" padding, for channels that lie together: float32[B,T,C].

    On paths of some thirty tokens the library's own convolution spends more time on setting up than on arithmetic.
    """

    places: torch.Tensor

    def __init__(self, tokens: int, narrow: int, wide: int, taps: int, stride: int = 1) -> None:
        super().__init__()
        self.taps, self.stride = taps, stride
        self.product = nn.Linear(taps * narrow, wide)
        # What each tap of each token reads; behind the last token lies the zero that is read beyond the edges.
        places = torch.arange(0, tokens, stride)[:, None] + torch.arange(taps) - taps // 2
        outside = (places < 0) | (places >= tokens)
        self.register_buffer("places", places.masked_fill(outside, tokens).flatten(), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """float32[B,T,C] → float32[B,⌈T / stride⌉,C']."""
        product: torch.Tensor = self.product(self._sliced(x) if self.training else self._gathered(x))
        return product

    def _gathered(self, x: torch.Tensor) -> torch.Tensor:
        """float32[B,⌈T / stride⌉,taps·C]: what each token reads."""
        return functional.pad(x, (0, 0, 0, 1)).index_select(1, self.places).view(len(x), -1, self.taps * x.shape[2])

    def _sliced(self, x: torch.Tensor) -> torch.Tensor:
        """The same, slower; but its gradient needs no sums at places, which a GPU makes in any order."""
        tokens, edge = x.shape[1], self.taps // 2
        padded = functional.pad(x, (0, 0, edge, edge))
        return torch.cat([padded[:, tap : tap + tokens : self.stride] for tap in range(self.taps)], dim=2)
