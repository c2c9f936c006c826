"""A small problem with a planted edge, and a store of its trials, shared by the tests of the search."""

import tempfile
from dataclasses import replace

import numpy as np

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.conformal.bands import Bands
from fxgpt_core.context.market_context import MarketContext
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.optimization.convergence import NEVER
from fxgpt_core.optimization.engines.genetic import GeneticParameters
from fxgpt_core.optimization.engines.named import EngineName, EngineParameters
from fxgpt_core.optimization.limits import TrialLimits
from fxgpt_core.optimization.plan import SearchParameters
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import metadata
from fxgpt_core.registry.trials import TrialStore
from fxgpt_core.strategy.components import Components
from fxgpt_core.validation.folds import FoldParameters

STEPS = 24
COVERAGES = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
Z = np.array([0.674490, 0.841621, 1.036433, 1.281552, 1.644854, 1.959964])
HOUR_US = 3_600_000_000
MONDAY_US = 1_704_067_200_000_000
VOLATILITY = 0.0012

SMALL = SearchParameters(
    n_trials=5,
    n_final_trials=6,
    max_folds=3,
    vault_share=0.0,
    folds=FoldParameters(train_days=14, test_days=5, step_days=5, purge_candles=24),
    limits=TrialLimits(None, None, None, None, min_trades=2),
    engine=EngineParameters(EngineName.TPE),
    convergence=NEVER,
)
GENETIC = replace(
    SMALL,
    n_trials=24,
    n_final_trials=32,
    engine=EngineParameters(EngineName.NSGA2, genetic=GeneticParameters(population=8), seeded=4),
)


def memory_store() -> TrialStore:
    """A store of trials in a ledger of its own, which is gone with the process."""
    ledger = Ledger(f"sqlite:///{tempfile.mkdtemp(prefix='fxgpt-search-')}/ledger.db")
    metadata.create_all(ledger.engine)
    return TrialStore(ledger)


def problem(n: int = 24 * 40, *, edge: float = 0.5, seed: int = 3) -> Problem:
    """Hourly candles of a random walk and bands whose median knows a share `edge` of the move to come (0: pure noise)."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal(n) * VOLATILITY
    close = 1.1 * np.exp(np.cumsum(steps))
    opening = np.concatenate([[1.1], close[:-1]])
    spread = np.abs(rng.standard_normal((2, n))) * VOLATILITY / 2
    candles = CandleArrays(
        open_time_us=MONDAY_US + np.arange(n, dtype=np.int64) * HOUR_US,
        open=opening,
        high=np.maximum(opening, close) * (1 + spread[0]),
        low=np.minimum(opening, close) * (1 - spread[1]),
        close=close,
        volume=np.zeros(n),
        timeframe=Timeframe("1h"),
    )
    return Problem("EURUSD", candles, _bands(candles, rng, edge), Costs(spread=0.00008, commission=0.00002))


def with_components(small: Problem, seed: int = 5) -> Problem:
    """The same problem with volume, and with every component saying something else at each candle."""
    rng, n = np.random.default_rng(seed), len(small.candles)
    components = Components(
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
    return replace(small, candles=replace(small.candles, volume=rng.lognormal(5.0, 0.7, n)), components=components)


def _bands(candles: CandleArrays, rng: np.random.Generator, edge: float) -> Bands:
    log_close = np.log(candles.close)
    n = len(log_close)
    rows = np.minimum(np.arange(n)[:, None] + np.arange(1, STEPS + 1), n - 1)
    ahead = log_close[rows] - log_close[:, None]
    scale = np.broadcast_to(VOLATILITY * np.sqrt(np.arange(1, STEPS + 1)), ahead.shape)
    noise = np.cumsum(rng.standard_normal((n, STEPS)), axis=1) * VOLATILITY
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
