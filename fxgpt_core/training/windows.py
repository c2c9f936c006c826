"""Training windows: the context a forecast would see and the path that followed, both whole inside the span that was given."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.diffusion.forecaster import whole_contexts
from fxgpt_core.diffusion.model import CLIP
from fxgpt_core.diffusion.shape import Shape
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.horizons import longest_step, steps_of
from fxgpt_core.forecasts.volatility import Volatility
from fxgpt_core.forecasts.volatility_regression import VolatilityRegression
from fxgpt_core.market.sessions import stretch_starts

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

TENSORS = ("inputs", "targets", "ahead", "origins")


@dataclass(frozen=True)
class Windows:
    """The whole data set as resident tensors; windows are gathered by index.

    `inputs` float32[R,F]; `targets` float32[N,T]: increments over `ahead`, their known standard deviation float32[N,T], which a
    regression may tell (`regressed`), and what they would be if they were normal (`shaped`);
    `origins` int64[N] rows of `inputs`; `context` candles a window looks back, `reach` candles its path looks ahead.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    ahead: torch.Tensor
    origins: torch.Tensor
    context: int
    reach: int

    def __len__(self) -> int:
        return len(self.origins)

    def batch(self, size: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """A random batch: contexts float32[B,L,F] and clean paths float32[B,T]."""
        chosen = self.chosen(size, generator)
        return self.contexts(chosen), self.targets[chosen]

    def chosen(self, size: int, generator: torch.Generator) -> torch.Tensor:
        """int64[B]: random windows, drawn with replacement; the generator is of the device that the data lie on."""
        return torch.randint(len(self), (size,), generator=generator, device=self.origins.device)

    def contexts(self, chosen: torch.Tensor) -> torch.Tensor:
        """float32[B,L,F]: what windows int64[B] see; the columns of a candle lie together (channels last)."""
        lags = torch.arange(-self.context + 1, 1, device=self.origins.device)
        return self.inputs[self.origins[chosen][:, None] + lags]

    def to(self, device: str) -> "Windows":
        """The same windows, resident on a device."""
        tensors = {name: getattr(self, name).to(device) for name in TENSORS}
        return replace(self, **tensors)

    @property
    def n_bytes(self) -> int:
        """Memory that the tensors take."""
        return sum(getattr(self, name).nbytes for name in TENSORS)

    def context_of(self, window: int) -> npt.NDArray[np.float32]:
        """float32[L,F]: the inputs that one window sees."""
        origin = int(self.origins[window])
        seen: npt.NDArray[np.float32] = self.inputs[origin - self.context + 1 : origin + 1].numpy()
        return seen

    def deviations(self, window: int, regression: VolatilityRegression) -> tuple[FloatArray, FloatArray]:
        """float64[T] twice: the deviation of each token of one window as this regression told it, and the random walk's."""
        ahead = self.ahead[window].numpy().astype(np.float64)
        return ahead, ahead / regression.factors(self.context_of(window)[-1:])[0]

    def outcome(self, window: int, shape: Shape) -> npt.NDArray[np.float64]:
        """float64[T]: the cumulative log-return of one window, whose targets are of this shape."""
        increments = shape.of_normal(self.targets[window : window + 1].numpy().astype(np.float64))[0]
        cumulative: npt.NDArray[np.float64] = np.cumsum(increments * self.ahead[window].numpy())
        return cumulative

    def regressed(self, regression: VolatilityRegression) -> "Windows":
        """The same windows with deviations as the regression tells them, and targets over these."""
        factors = torch.from_numpy(regression.factors(self.inputs[self.origins].numpy()).astype(np.float32))
        return replace(self, targets=(self.targets / factors).clip(-CLIP, CLIP), ahead=self.ahead * factors)

    def shaped(self, shape: Shape) -> "Windows":
        """The same windows with targets that are normal, if increments have this shape."""
        normal = np.clip(shape.to_normal(self.targets.numpy().astype(np.float64)), -CLIP, CLIP)
        return replace(self, targets=torch.from_numpy(normal.astype(np.float32)))

    def divided(self, validation_share: float) -> tuple["Windows", "Windows"]:
        """Training windows and the last share of them for validation, apart by a whole path so that no outcome is shared.

        Origins are rows in ascending order: so many windows apart they are at least so many rows apart, and more at a hole.
        Raises `BadInputError` when either would be empty.
        """
        n_validation = int(len(self) * validation_share)
        n_training = len(self) - n_validation - self.reach
        if n_validation < 1 or n_training < 1:
            raise BadInputError(
                f"{len(self)} windows cannot be divided: {max(0, n_training)} to train and {n_validation} to validate with "
                f"{self.reach} between them; import more candles"
            )
        first, last = slice(0, n_training), slice(len(self) - n_validation, None)
        return self.part(first), self.part(last)

    def part(self, rows: slice | IntArray) -> "Windows":
        """Some of the windows."""
        return replace(self, targets=self.targets[rows], ahead=self.ahead[rows], origins=self.origins[rows])


def evenly_spaced(n: int, count: int) -> IntArray:
    """int64[M]: at most `count` of n rows, from the first to the last."""
    return np.unique(np.linspace(0, n - 1, count).astype(np.int64))


def windows(inputs: npt.NDArray[np.float32], candles: CandleArrays, volatility: Volatility, context: int) -> Windows:
    """All windows of a span: inputs float32[R,F] (NaN where a feature is missing) and the R candles they belong to.

    A window has a whole context, as a forecast needs it, and a path without a hole. Raises `BadInputError` when there is none.
    """
    starts, reach = stretch_starts(candles.open_time_us, candles.timeframe), longest_step(candles.timeframe)
    origins = np.flatnonzero(whole_contexts(inputs, candles, context))
    origins = origins[origins + reach < len(candles)]
    origins = origins[starts[origins + reach] == starts[origins]]
    if len(origins) == 0:
        raise BadInputError(
            f"{len(candles)} candles give no training window, which is {context} candles with all features and {reach} after "
            "them, without a hole; import more candles or use a shorter context"
        )
    ahead = volatility.ahead(candles, volatility.at_close(candles), origins)
    edges = np.concatenate(([0], steps_of(candles.timeframe)))
    returns = np.diff(np.log(candles.close)[origins[:, None] + edges], axis=1)
    targets = np.clip(returns / ahead, -CLIP, CLIP).astype(np.float32)
    return Windows(
        inputs=torch.from_numpy(np.nan_to_num(inputs)),
        targets=torch.from_numpy(targets),
        ahead=torch.from_numpy(ahead.astype(np.float32)),
        origins=torch.from_numpy(origins),
        context=context,
        reach=reach,
    )


def together(parts: Sequence[Windows]) -> Windows:
    """The windows of several series as one data set, series by series; they need the same context and tokens."""
    offsets = np.cumsum([0, *(len(part.inputs) for part in parts[:-1])]).tolist()
    return replace(
        parts[0],
        inputs=torch.cat([part.inputs for part in parts]),
        targets=torch.cat([part.targets for part in parts]),
        ahead=torch.cat([part.ahead for part in parts]),
        origins=torch.cat([part.origins + offset for part, offset in zip(parts, offsets, strict=True)]),
    )
