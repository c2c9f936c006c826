"""A trained model as one record: the networks and everything that must be known to use them."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import nn

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.diffusion.shape import Shape
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.relative_volatility import COLUMNS, known_volatility
from fxgpt_core.forecasts.volatility import Volatility
from fxgpt_core.forecasts.volatility_regression import VolatilityRegression
from fxgpt_core.networks.context_encoder import ContextEncoder
from fxgpt_core.networks.network_parameters import NetworkParameters
from fxgpt_core.networks.sssd import SSSD, StateSpaceConvolution
from fxgpt_core.networks.temporal_unet import TemporalUNet

FloatArray = npt.NDArray[np.float64]

# Beyond eight standard deviations an input says "shock" and no more.
CLIP = 8.0


@dataclass(frozen=True)
class FeatureScaler:
    """Mean and standard deviation of each input column over the training span."""

    columns: tuple[str, ...]
    mean: FloatArray
    deviation: FloatArray

    def scaled(self, features: pl.DataFrame) -> npt.NDArray[np.float32]:
        """float32[N,F]: standardised, clipped columns; NaN where a feature is missing, as while warming up and behind a hole.

        Raises `BadInputError` for a column that is not there.
        """
        there = set(features.columns)
        missing = [name for name in self.columns if name not in there]
        if missing:
            raise BadInputError(
                f"the features lack {', '.join(missing[:5])}; the model was trained on {len(self.columns)} columns"
            )
        # Neither `select` nor the other order, which would wake threads for a handful of rows.
        values = features[list(self.columns)].to_numpy(order="c")
        return np.clip((values - self.mean) / self.deviation, -CLIP, CLIP).astype(np.float32)


def network_inputs(scaler: FeatureScaler, features: pl.DataFrame, relative: FloatArray) -> npt.NDArray[np.float32]:
    """float32[N,F]: scaled features of N candles, and how their volatilities relate to that in use, float64[N,K]."""
    return np.concatenate([scaler.scaled(features), np.clip(relative, -CLIP, CLIP).astype(np.float32)], axis=1)


def require_same_rows(features: pl.DataFrame, candles: CandleArrays) -> None:
    """Raise `BadInputError` unless there is a row of features for each candle."""
    if features.height != len(candles):
        raise BadInputError(f"{features.height} feature rows for {len(candles)} candles; compute them from the same candles")


def input_names(scaler: FeatureScaler) -> tuple[str, ...]:
    """What each column of `network_inputs` is."""
    return (*scaler.columns, *COLUMNS)


class DenoisingNetwork(nn.Module):
    """Context encoder and denoiser, trained together; the encoder runs once a forecast, the denoiser once a step."""

    def __init__(self, parameters: NetworkParameters) -> None:
        super().__init__()
        self.encoder = ContextEncoder(parameters)
        self.denoiser = TemporalUNet(parameters) if parameters.kind == "temporal_unet" else SSSD(parameters)
        self.no_context = nn.Parameter(torch.zeros(1, parameters.embedding))
        self.context_dropout = parameters.context_dropout

    def forward(self, path: torch.Tensor, angle: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """The v of noisy paths float32[B,T] at angles float32[B], given raw context float32[B,L,F].

        While training some contexts are withheld, so that the network knows what to say without one (Ho & Salimans 2022).
        """
        embedding = self.encoder(context)
        if self.training and self.context_dropout > 0.0:
            withheld = torch.rand(len(embedding), 1, device=embedding.device) < self.context_dropout
            embedding = torch.where(withheld, self.no_context, embedding)
        velocity: torch.Tensor = self.denoiser(path, angle, embedding)
        return velocity

    def for_sampling(self) -> "DenoisingNetwork":
        """A copy to draw paths with: no dropout, no gradients, and what depends on the weights alone is computed once."""
        fixed = copy.deepcopy(self).requires_grad_(False).eval()
        for part in fixed.modules():
            if isinstance(part, StateSpaceConvolution):
                part.fix()
        return fixed


@dataclass(frozen=True, eq=False)
class DiffusionModel:
    """A denoising model of the path behind each candle of one symbol and timeframe.

    `regression` multiplies the deviation of each token, and `shape` is what a normal increment becomes; `members` are networks of
    the same sizes from different seeds. `shrink` in [0, 1] is how far all this is believed up to each named horizon (1h, 4h, 1d,
    1w), as validation windows chose: 0 is the random walk, ½ regression and shape, 1 the networks; `lean` is how far their drift
    and skew are, 0 being symmetric. `seed` made weights and batches; `training` are its parameters, as JSON values.
    """

    symbol: str
    timeframe: str
    members: tuple[DenoisingNetwork, ...]
    shrink: Mapping[str, float]
    lean: Mapping[str, float]
    parameters: NetworkParameters
    schedule: str
    scaler: FeatureScaler
    volatility: Volatility
    regression: VolatilityRegression
    shape: Shape
    seed: int
    training: Mapping[str, Any]

    def inputs(self, features: pl.DataFrame, candles: CandleArrays) -> npt.NDArray[np.float32]:
        """float32[N,F]: what the networks read of the candles, whose features these are; `BadInputError` for other candles'."""
        require_same_rows(features, candles)
        return network_inputs(self.scaler, features, known_volatility(candles, self.volatility).relative)


def untrained(parameters: NetworkParameters, seed: int) -> DenoisingNetwork:
    """A fresh network; its weights depend on the seed alone, and the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return DenoisingNetwork(parameters)
