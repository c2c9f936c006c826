"""Real candles, made-up candles and small models for the tests of forecasts, diffusion and training."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import torch

from fxgpt_core import content_hash
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.diffusion.forecaster import DiffusionForecaster, SamplingParameters
from fxgpt_core.diffusion.model import DiffusionModel, untrained
from fxgpt_core.features.matrix import features
from fxgpt_core.forecasts.baselines import RandomWalk
from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.forecasts.forecaster import Forecaster
from fxgpt_core.forecasts.volatility import fit_volatility
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe
from fxgpt_core.networks.temporal_unet import NetworkParameters
from fxgpt_core.training.loop import CANDIDATES, fit_scaler

H1 = Timeframe.H1
TRAINED_ON = 1200
SMALL = NetworkParameters(n_inputs=len(CANDIDATES), context=32, width=16, embedding=32)
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


def model_of(network: torch.nn.Module, schedule: str = "cosine", sizes: NetworkParameters = SMALL) -> DiffusionModel:
    """A model with this network, whose scaler and season come from the first candles."""
    return DiffusionModel(
        symbol="EURUSD",
        timeframe="1h",
        network=network.eval(),
        parameters=sizes,
        schedule=schedule,
        scaler=fit_scaler(real_features().head(TRAINED_ON), CANDIDATES),
        volatility=fit_volatility(real_candles().slice(0, TRAINED_ON)),
        seed=5,
        training={"n_steps": 0},
    )


def opinionated(network: torch.nn.Module) -> torch.nn.Module:
    """The network with nothing left at zero, so that every part of it says something."""
    generator = torch.Generator().manual_seed(99)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(0.15 * torch.randn(weight.shape, generator=generator))
    return network


def random_walk() -> RandomWalk:
    return RandomWalk("EURUSD", fit_volatility(real_candles().slice(0, TRAINED_ON)))


def diffusion() -> DiffusionForecaster:
    """A diffusion forecaster with strong opinions, and no training."""
    return DiffusionForecaster(model_of(opinionated(untrained(SMALL, 1))), SamplingParameters(n_paths=32, n_steps=2))


FORECASTERS: dict[str, Callable[[], Forecaster]] = {"random_walk": random_walk, "diffusion": diffusion}


def fingerprint(forecasts: Forecasts) -> str:
    """One hash of every bit of the forecasts."""
    arrays = (forecasts.known_at_us, forecasts.close, forecasts.values, forecasts.scale)
    return content_hash.of_bytes(b"".join(array.tobytes() for array in arrays))
