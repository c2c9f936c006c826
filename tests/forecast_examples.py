"""Real candles, made-up candles and small models for the tests of forecasts, diffusion and training."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

import numpy as np
import polars as pl
import torch

from fxgpt_core import content_hash
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.diffusion.forecaster import DiffusionForecaster
from fxgpt_core.diffusion.model import DenoisingNetwork, DiffusionModel, untrained
from fxgpt_core.diffusion.quantile_head_forecaster import DistilledHead, QuantileHeadForecaster, untrained_head
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.diffusion.shape import NORMAL
from fxgpt_core.features.matrix import features
from fxgpt_core.forecasts.exponential_smoothing import fit_exponential_smoothing
from fxgpt_core.forecasts.filtered_simulation import fit_filtered_simulation
from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.forecasts.forecaster import Forecaster
from fxgpt_core.forecasts.garch import fit_garch
from fxgpt_core.forecasts.horizons import HORIZONS
from fxgpt_core.forecasts.random_walk import RandomWalk
from fxgpt_core.forecasts.relative_volatility import COLUMNS
from fxgpt_core.forecasts.seasonal_naive import fit_seasonal_naive
from fxgpt_core.forecasts.volatility import Volatility, fit_volatility
from fxgpt_core.forecasts.volatility_regression import UNCHANGED
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe
from fxgpt_core.networks.network_parameters import NetworkParameters
from fxgpt_core.training.diffusion_training import CANDIDATES, fit_scaler

Network = TypeVar("Network", bound=torch.nn.Module)

H1 = Timeframe.H1
TRAINED_ON = 1200
TOKENS = 28
SMALL = NetworkParameters(n_inputs=len(CANDIDATES) + len(COLUMNS), n_tokens=TOKENS, context=32, width=16, embedding=32)
SMALL_SSSD = replace(SMALL, kind="sssd", layers=2, states=8)
FIRST_OPEN_US = 1_577_923_200_000_000  # 2020-01-02 00:00 UTC


@cache
def real_frame() -> pl.DataFrame:
    return SampleProvider().candles("EURUSD", H1).head(2000)


@cache
def real_candles() -> CandleArrays:
    return candle_arrays(real_frame(), H1)


@cache
def real_features() -> pl.DataFrame:
    return features(real_frame(), H1)


def candles_of_returns(returns: np.ndarray, first_us: int = FIRST_OPEN_US) -> CandleArrays:
    """Hourly candles of the FX week whose closes have these log-returns; the first return is the first candle's."""
    days = len(returns) // 24 * 2 + 10
    opens = expected_open_times(first_us, first_us + days * DAY_US, H1)[: len(returns)]
    close = np.exp(np.cumsum(returns))
    open_ = np.concatenate(([1.0], close[:-1]))
    return CandleArrays(
        open_time_us=opens,
        open=open_,
        high=np.maximum(open_, close),
        low=np.minimum(open_, close),
        close=close,
        volume=np.ones(len(returns)),
        timeframe=H1,
    )


def without(candles: CandleArrays, start: int, stop: int) -> CandleArrays:
    """The candles with a hole: those of rows [start, stop) are not there."""
    kept = np.delete(np.arange(len(candles)), np.arange(start, stop))
    names = ("open_time_us", "open", "high", "low", "close", "volume")
    return replace(candles, **{name: getattr(candles, name)[kept] for name in names})


def model_of(
    *members: DenoisingNetwork, schedule: str = "cosine", sizes: NetworkParameters = SMALL, shrink: float = 1.0
) -> DiffusionModel:
    """A model of these members, whose scaler and season come from the first candles."""
    return DiffusionModel(
        symbol="EURUSD",
        timeframe="1h",
        members=tuple(member.eval() for member in members),
        shrink=dict.fromkeys(HORIZONS, shrink),
        lean=dict.fromkeys(HORIZONS, shrink),
        parameters=sizes,
        schedule=schedule,
        scaler=fit_scaler(real_features().head(TRAINED_ON), CANDIDATES),
        volatility=fit_volatility(real_candles().slice(0, TRAINED_ON)),
        regression=UNCHANGED,
        shape=NORMAL,
        seed=5,
        training={"n_steps": 0},
    )


def opinionated(network: Network) -> Network:
    """The network with nothing left at zero, so that every part of it says something; state spaces remember a whole path."""
    generator = torch.Generator().manual_seed(99)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            middle = -4.0 if name.endswith(("log_step", "log_decay")) else 0.0
            weight.copy_(middle + 0.15 * torch.randn(weight.shape, generator=generator))
    return network


def random_walk(seasonal: bool = True) -> RandomWalk:
    return RandomWalk("EURUSD", fit_volatility(real_candles().slice(0, TRAINED_ON)), seasonal)


def fitted(fit: Callable[[str, CandleArrays, Volatility], Forecaster]) -> Forecaster:
    """A baseline fitted on the first candles."""
    span = real_candles().slice(0, TRAINED_ON)
    return fit("EURUSD", span, fit_volatility(span))


def diffusion(sizes: NetworkParameters = SMALL, **sampling: Any) -> DiffusionForecaster:
    """A diffusion forecaster with strong opinions, and no training."""
    members = (opinionated(untrained(sizes, seed)) for seed in (1, 2))
    return DiffusionForecaster(model_of(*members, sizes=sizes), SamplingParameters(**{"n_paths": 32, **sampling}))


def quantile_head(shrink: float = 0.75) -> QuantileHeadForecaster:
    """A quantile head with strong opinions, and no model that taught it."""
    network = opinionated(untrained_head(SMALL, hidden=16, seed=1)).requires_grad_(False).eval()
    head = DistilledHead(network, shrink, SamplingParameters(), "0" * 64, hidden=16)
    return QuantileHeadForecaster(model_of(untrained(SMALL, 1)), head)


FORECASTERS: dict[str, Callable[[], Forecaster]] = {
    "random_walk": random_walk,
    "random_walk_without_season": lambda: random_walk(seasonal=False),
    "garch": lambda: fitted(fit_garch),
    "filtered_simulation": lambda: fitted(fit_filtered_simulation),
    "seasonal_naive": lambda: fitted(fit_seasonal_naive),
    "exponential_smoothing": lambda: fitted(fit_exponential_smoothing),
    "temporal_unet": diffusion,
    "sssd": lambda: diffusion(SMALL_SSSD, sampler="ddpm", n_steps=3),
    "quantile_head": quantile_head,
}


def fingerprint(forecasts: Forecasts) -> str:
    """One hash of every bit of the forecasts."""
    arrays = (forecasts.known_at_us, forecasts.close, forecasts.values, forecasts.scale)
    return content_hash.of_bytes(b"".join(array.tobytes() for array in arrays))
