"""Problems that are made up, so that what a search should find is known: candles of a random walk, and bands that know a share of
the moves to come, or nothing.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.conformal.bands import Bands
from fxgpt_core.context.market_context import MarketContext
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.optimization.convergence import NEVER
from fxgpt_core.optimization.engines.named import EngineName, EngineParameters
from fxgpt_core.optimization.plan import SearchParameters
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.strategy.components import Components
from fxgpt_core.validation.folds import FoldParameters

STEPS: Final = 24
COVERAGES: Final = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
Z: Final = np.array([0.674490, 0.841621, 1.036433, 1.281552, 1.644854, 1.959964])
MONDAY_US: Final = 1_704_067_200_000_000
HOURLY_VOLATILITY: Final = 0.0012
COSTS: Final = Costs(spread=0.00008, commission=0.00002)


def made_up(n: int, edge: float, seed: int, timeframe: Timeframe = Timeframe.H1) -> Problem:
    """A problem of n candles whose bands know a share `edge` of each move to come (0: nothing), without components.

    Candles are of a random walk without weekends; bands are those of a random walk around what is known.
    """
    rng = np.random.default_rng(seed)
    candles = random_walk(n, timeframe, rng)
    candles = replace(candles, volume=rng.lognormal(5.0, 0.7, n))
    return Problem("EURUSD", candles, bands_knowing(candles, edge, rng), COSTS)


def random_walk(n: int, timeframe: Timeframe, rng: np.random.Generator) -> CandleArrays:
    """Candles of a random walk without weekends and without volume."""
    volatility = _volatility(timeframe)
    close = 1.1 * np.exp(np.cumsum(rng.standard_normal(n) * volatility))
    opening = np.concatenate([[1.1], close[:-1]])
    reach = np.abs(rng.standard_normal((2, n))) * volatility / 2
    return CandleArrays(
        open_time_us=MONDAY_US + np.arange(n, dtype=np.int64) * timeframe.us,
        open=opening,
        high=np.maximum(opening, close) * (1 + reach[0]),
        low=np.minimum(opening, close) * (1 - reach[1]),
        close=close,
        volume=np.zeros(n),
        timeframe=timeframe,
    )


def with_components(problem: Problem, seed: int) -> Problem:
    """The same with patterns on, and regimes, anomalies, VIX and crowd that change every few candles and know nothing."""
    return replace(problem, components=components_of(len(problem.candles), np.random.default_rng(seed)))


def components_of(n: int, rng: np.random.Generator) -> Components:
    """Components of n candles, drawn by chance."""
    return Components(
        patterns=True,
        regime=np.repeat(rng.integers(-1, 4, n // 8 + 1), 8)[:n].astype(np.int8),
        anomaly=rng.uniform(0.3, 1.1, n),
        context=MarketContext(
            vix=rng.uniform(10.0, 70.0, n),
            crowd_long=rng.uniform(0.0, 1.0, n),
            crowd_confidence=rng.uniform(0.0, 1.0, n),
            news=rng.uniform(-1.0, 1.0, n),
        ),
    )


def planted() -> Problem:
    """A small problem with an edge and all components: eight weeks of hourly candles."""
    return with_components(made_up(24 * 56, edge=0.3, seed=3), seed=5)


def search(name: EngineName, n_trials: int = 600) -> SearchParameters:
    """A small search of it that spends its whole budget; TPE, whose trials are dear, a tenth of it."""
    trials = n_trials // 10 if name in (EngineName.TPE, EngineName.TPE_WEIGHTED) else n_trials
    return SearchParameters(
        n_trials=trials,
        n_final_trials=trials,
        max_folds=3,
        folds=FoldParameters(train_days=21, test_days=7, step_days=7, purge_candles=24),
        engine=EngineParameters(name),
        convergence=NEVER,
    )


def bands_knowing(candles: CandleArrays, edge: float, rng: np.random.Generator) -> Bands:
    """Bands of a random walk, whose median knows a share `edge` of each move to come."""
    volatility = _volatility(candles.timeframe)
    log_close, n = np.log(candles.close), len(candles)
    rows = np.minimum(np.arange(n)[:, None] + np.arange(1, STEPS + 1), n - 1)
    ahead = log_close[rows] - log_close[:, None]
    scale = np.broadcast_to(volatility * np.sqrt(np.arange(1, STEPS + 1)), ahead.shape)
    noise = np.cumsum(rng.standard_normal((n, STEPS)), axis=1) * volatility
    median = edge * ahead + (1 - edge) * 0.5 * noise
    half = scale[:, :, None] * Z
    return Bands(
        known_at_us=candles.known_at_us,
        steps=np.arange(1, STEPS + 1, dtype=np.int32),
        coverages=COVERAGES,
        lower=median[:, :, None] - half,
        upper=median[:, :, None] + half,
        uncalibrated=np.zeros(half.shape, dtype=bool),
        median=median,
        scale=np.ascontiguousarray(scale),
    )


def _volatility(timeframe: Timeframe) -> float:
    root: float = (timeframe.us / Timeframe.H1.us) ** 0.5
    return HOURLY_VOLATILITY * root
