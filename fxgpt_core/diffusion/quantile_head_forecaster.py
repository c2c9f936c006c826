"""The distilled quantile head as a forecaster: what a sampler's paths would say, in one call of a small network."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from fxgpt_core import content_hash
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.diffusion.forecaster import known_at
from fxgpt_core.diffusion.model import DiffusionModel
from fxgpt_core.diffusion.paths import PathSampler, sampler_of
from fxgpt_core.diffusion.plain_head import PlainHead, plain_head, quantiles
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.forecasts.forecast import LEVELS, Forecasts, normal_quantiles
from fxgpt_core.networks.network_parameters import NetworkParameters
from fxgpt_core.networks.quantile_head import QuantileHead

FloatArray = npt.NDArray[np.float64]

WALK: FloatArray = normal_quantiles(np.ones(1))[0]
"""float64[L]: the quantiles of the random walk at `LEVELS`, in units of its deviation."""


@dataclass(frozen=True, eq=False)
class DistilledHead:
    """A network that learned to say what `sampling` of one model says, `shrink` of the way from the random walk.

    `model_sha256`: the file of that model. `hidden`: the width of its layer.
    """

    network: QuantileHead
    shrink: float
    sampling: SamplingParameters
    model_sha256: str
    hidden: int

    @cached_property
    def sha256(self) -> str:
        """Identity of the head; a calibration of it is none of the paths', nor of another head."""
        weights = b"".join(tensor.numpy().tobytes() for _, tensor in sorted(self.network.state_dict().items()))
        return content_hash.of_json(
            {"sampling": self.sampling.sha256, "shrink": self.shrink, "weights": content_hash.of_bytes(weights)}
        )

    @cached_property
    def plain(self) -> PlainHead:
        """The network's weights as they were when the first forecast was made."""
        return plain_head(self.network)

    def quantiles(self, context: npt.NDArray[np.float32]) -> FloatArray:
        """float64[T,L]: quantiles at `LEVELS` in units of scale, from a context float32[L,F] of inputs."""
        said = quantiles(self.plain, np.ascontiguousarray(context))
        return self.shrink * said + (1.0 - self.shrink) * WALK


def untrained_head(parameters: NetworkParameters, hidden: int, seed: int) -> QuantileHead:
    """A fresh network, which says the random walk; its weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return QuantileHead(parameters, WALK.tolist(), hidden)


@dataclass(frozen=True, eq=False)
class QuantileHeadForecaster:
    """Forecasts by the head that was distilled from `model`; scaler, context and volatility are the model's."""

    model: DiffusionModel
    head: DistilledHead

    @property
    def name(self) -> str:
        """The kind of the model's network, and that it is not its paths that speak."""
        return f"{self.model.parameters.kind} quantile head"

    @property
    def sampling_sha256(self) -> str:
        """Identity of how quantiles come from the model."""
        return self.head.sha256

    @cached_property
    def sampler(self) -> PathSampler:
        """What the head stands for; it tells the scale of what the head says."""
        return sampler_of(self.model, self.head.sampling)

    def forecast(
        self,
        features: pl.DataFrame,
        candles: CandleArrays,
        origins: npt.NDArray[np.int64],
        *,
        seed: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> Forecasts:
        """Forecasts at the close of the candles `origins`; nothing is drawn, so `seed` is not needed.

        `progress(done, total)` is told after each origin. Raises `BadInputError` for an origin that is not one of
        `possible_origins`.
        """
        del seed
        known = known_at(self.model, features, candles, origins)
        values = np.empty((*known.ahead.shape, len(LEVELS)))
        for i in range(len(origins)):
            values[i] = self.sampler.scale(known.ahead[i], known.walk[i])[:, None] * self.head.quantiles(known.context(i))
            if progress is not None:
                progress(i + 1, len(origins))
        return known.forecasts(values)
