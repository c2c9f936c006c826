"""A convolution over few tokens or candles, as one matrix product. B batch, T tokens, C channels."""

import torch
from torch import nn
from torch.nn import functional


class TokenConvolution(nn.Module):
    """`nn.Conv1d` with an odd number of taps and "same" padding, for channels that lie together: float32[B,T,C].

    On paths of some thirty tokens the library's own convolution spends more time on setting up than on arithmetic.
    """

    def __init__(self, narrow: int, wide: int, taps: int, stride: int = 1) -> None:
        super().__init__()
        self.taps, self.stride = taps, stride
        self.product = nn.Linear(taps * narrow, wide)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """float32[B,T,C] → float32[B,⌈T / stride⌉,C']."""
        tokens, edge = x.shape[1], self.taps // 2
        padded = functional.pad(x, (0, 0, edge, edge))
        product: torch.Tensor = self.product(
            torch.cat([padded[:, tap : tap + tokens : self.stride] for tap in range(self.taps)], dim=2)
        )
        return product
