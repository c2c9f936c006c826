"""Paths of several symbols at one close, drawn together: what a portfolio needs, and the quantiles of one symbol do not tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.diffusion.forecaster import DiffusionForecaster, known_at, single_thread
from fxgpt_core.diffusion.paths import mirrored_noise
from fxgpt_core.diffusion.sampler import n_draws
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.dependence import coupled, residual_correlation

FloatArray = npt.NDArray[np.float64]

CORRELATED = 500
"""So many of the latest candles that all symbols share tell how they move together."""


@dataclass(frozen=True, eq=False)
class History:
    """What is known of one symbol: `features` of its `candles`, of which the last is the one that forecasts start from."""

    features: pl.DataFrame
    candles: CandleArrays


@dataclass(frozen=True, eq=False)
class JointPaths:
    """`values` float64[P,S,T]: log(close[t+step] / close[t]) of S symbols; `correlation` float64[S,S] of their noise."""

    symbols: tuple[str, ...]
    known_at_us: int
    steps: npt.NDArray[np.int32]
    values: FloatArray
    correlation: FloatArray


def joint_paths(forecasters: Sequence[DiffusionForecaster], histories: Sequence[History], *, seed: int) -> JointPaths:
    """Paths of all symbols from the close that ends their histories; each symbol's own are those of its model.

    The noise correlates over symbols as their standardised returns did. Raises `BadInputError` unless all end at the same close,
    in one timeframe, with the same sampler and number of members.
    """
    first = forecasters[0]
    _require_alike(forecasters, histories)
    origins = [np.array([len(history.candles) - 1]) for history in histories]
    known = [
        known_at(forecaster.model, history.features, history.candles, origin)
        for forecaster, history, origin in zip(forecasters, histories, origins, strict=True)
    ]
    correlation = residual_correlation(_residuals(forecasters, histories))
    moment, sampling = int(known[0].known_at_us[0]), first.sampling
    draws = n_draws(sampling.sampler, sampling.n_steps, sampling.eta)
    n_symbols, n_tokens = len(known), first.model.parameters.n_tokens
    independent = mirrored_noise(seed, moment, sampling.n_paths, draws * n_symbols, n_tokens)
    by_symbol = independent.reshape(draws, n_symbols, sampling.n_paths, n_tokens).transpose(0, 2, 1, 3)
    noise = (sampling.temperature * coupled(by_symbol.astype(np.float64), correlation)).astype(np.float32)
    with single_thread(), torch.inference_mode():
        drawn = [
            forecaster.sampler.sums(one.context(0), noise[:, :, s], one.ahead[0], one.walk[0])
            for s, (forecaster, one) in enumerate(zip(forecasters, known, strict=True))
        ]
    symbols = tuple(forecaster.model.symbol for forecaster in forecasters)
    return JointPaths(symbols, moment, known[0].steps, np.stack(drawn, axis=1), correlation)


def _residuals(forecasters: Sequence[DiffusionForecaster], histories: Sequence[History]) -> FloatArray:
    """float64[N,S]: returns over their known deviation, of the latest candles that all symbols have."""
    opens = [history.candles.open_time_us for history in histories]
    shared = reduce(np.intersect1d, opens)[-CORRELATED:]
    columns = [
        forecaster.model.volatility.standardised(history.candles)[np.searchsorted(times, shared)]
        for forecaster, history, times in zip(forecasters, histories, opens, strict=True)
    ]
    return np.stack(columns, axis=1)


def _require_alike(forecasters: Sequence[DiffusionForecaster], histories: Sequence[History]) -> None:
    same: dict[str, set[Any]] = {
        "timeframe": {forecaster.model.timeframe for forecaster in forecasters},
        "sampler": {forecaster.sampling for forecaster in forecasters},
        "number of members": {len(forecaster.model.members) for forecaster in forecasters},
        "last close": {int(history.candles.known_at_us[-1]) for history in histories},
    }
    for what, found in same.items():
        if len(found) > 1:
            raise BadInputError(
                f"{len(found)} kinds of {what} found in {len(forecasters)} symbols ({sorted(map(str, found))}); joint paths need "
                "one; cut the histories at one close, and use models of one timeframe, sampler and size"
            )
