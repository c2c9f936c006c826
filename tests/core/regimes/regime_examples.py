"""Candles whose regimes are known by construction, and a model fitted once on the sample."""

from functools import cache

import numpy as np
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe
from fxgpt_core.regimes.hidden_markov import fit_regimes
from fxgpt_core.regimes.regime import RANGING, TRENDING_DOWN, TRENDING_UP, VOLATILE
from fxgpt_core.regimes.regime_model import RegimeModel
from fxgpt_core.regimes.regime_parameters import RegimeParameters

H1 = Timeframe.H1
MONDAY_US = 1_451_858_400_000_000  # 2016-01-03 22:00 UTC, when a week opens
# Drift and deviation of an hour's log-return; a drift of 0.35 deviations is a t-statistic of 3.8 over 120 candles.
PLANTED = {
    TRENDING_UP: (0.35e-3, 1e-3),
    TRENDING_DOWN: (-0.35e-3, 1e-3),
    RANGING: (0.0, 0.8e-3),
    VOLATILE: (0.0, 4e-3),
}


@cache
def sample_frame() -> pl.DataFrame:
    return SampleProvider().candles("EURUSD", H1)


@cache
def sample() -> CandleArrays:
    return candle_arrays(sample_frame(), H1)


@cache
def fitted(n_states: int = 4, min_dwell: int = 5, n_train: int = 2500, seed: int = 7) -> RegimeModel:
    return fit_regimes(sample().slice(0, n_train), RegimeParameters(n_states=n_states, min_dwell=min_dwell), seed)


def candles_of(log_return: np.ndarray, timeframe: Timeframe = H1) -> CandleArrays:
    """Candles of an FX week with these log-returns of closes; open, high and low hold the move between two closes."""
    n = len(log_return)
    times = expected_open_times(MONDAY_US, MONDAY_US + (2 * n * timeframe.us // DAY_US + 7) * DAY_US, timeframe)[:n]
    close = 1.1 * np.exp(np.cumsum(log_return))
    opened = np.concatenate(([1.1], close[:-1]))
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    return CandleArrays(times, opened, high, low, close, np.full(n, 100.0), timeframe)


def planted(seed: int, n_blocks: int = 40, length: int = 300) -> tuple[CandleArrays, np.ndarray]:
    """Candles in blocks of one planted regime each, in an order drawn by the seed, and the regime of each candle."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(4) for _ in range(n_blocks // 4)])
    regime = np.repeat(order, length)
    drift, deviation = np.array([PLANTED[code] for code in range(4)])[regime].T
    return candles_of(drift + deviation * rng.standard_normal(len(regime))), regime
