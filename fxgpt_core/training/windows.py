"""Training windows: the context a forecast would see and the path that followed, both whole inside the span that was given."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.diffusion.forecaster import whole_contexts
from fxgpt_core.diffusion.model import CLIP
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.volatility import Volatility, log_returns
from fxgpt_core.market.sessions import stretch_starts
from fxgpt_core.networks.temporal_unet import N_TOKENS

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Windows:
    """The whole data set as resident tensors; windows are gathered by index.

    `inputs` float32[T,F]; `targets` float32[N,24]: increments over their known standard deviation; `origins` int64[N] rows of
    `inputs`; `context` candles a window looks back.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    origins: torch.Tensor
    context: int

    def __len__(self) -> int:
        return len(self.origins)

    def batch(self, size: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """A random batch: contexts float32[B,F,L] and clean paths float32[B,24]."""
        chosen = torch.randint(len(self), (size,), generator=generator)
        lags = torch.arange(-self.context + 1, 1)
        contexts = self.inputs[self.origins[chosen][:, None] + lags]
        return contexts.transpose(1, 2), self.targets[chosen]

    def divided(self, validation_share: float) -> tuple["Windows", "Windows"]:
        """Training windows and the last share of them for validation, apart by a whole path so that no outcome is shared.

        Origins are rows in ascending order: so many windows apart they are at least so many rows apart, and more at a hole.
        Raises `BadInputError` when either would be empty.
        """
        n_validation = int(len(self) * validation_share)
        n_training = len(self) - n_validation - N_TOKENS
        if n_validation < 1 or n_training < 1:
            raise BadInputError(
                f"{len(self)} windows cannot be divided: {max(0, n_training)} to train and {n_validation} to validate with "
                f"{N_TOKENS} between them; import more candles"
            )
        first, last = slice(0, n_training), slice(len(self) - n_validation, None)
        return (
            replace(self, targets=self.targets[first], origins=self.origins[first]),
            replace(self, targets=self.targets[last], origins=self.origins[last]),
        )


def windows(inputs: npt.NDArray[np.float32], candles: CandleArrays, volatility: Volatility, context: int) -> Windows:
    """All windows of a span: inputs float32[T,F] (NaN where a feature is missing) and the candles they belong to.

    A window has a whole context, as a forecast needs it, and a path without a hole. Raises `BadInputError` when there is none.
    """
    starts = stretch_starts(candles.open_time_us, candles.timeframe)
    origins = np.flatnonzero(whole_contexts(inputs, candles, context))
    origins = origins[origins + N_TOKENS < len(candles)]
    origins = origins[starts[origins + N_TOKENS] == starts[origins]]
    if len(origins) == 0:
        raise BadInputError(
            f"{len(candles)} candles give no training window, which is {context} candles with all features and {N_TOKENS} after "
            "them, without a hole; import more candles or use a shorter context"
        )
    ahead = volatility.ahead(candles, volatility.at_close(candles), origins)
    returns = log_returns(candles)[origins[:, None] + np.arange(1, N_TOKENS + 1)]
    targets = np.clip(returns / ahead, -CLIP, CLIP).astype(np.float32)
    return Windows(torch.from_numpy(np.nan_to_num(inputs)), torch.from_numpy(targets), torch.from_numpy(origins), context)
