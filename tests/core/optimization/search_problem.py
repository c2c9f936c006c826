"""A small problem with a planted edge, and a store of its trials, shared by the tests of the search."""

import tempfile
from dataclasses import replace

import numpy as np

from benchmarks.search_material import COSTS, bands_knowing, components_of, random_walk
from fxgpt_core.conformal.bands import Bands
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
from fxgpt_core.validation.folds import FoldParameters

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
    candles = random_walk(n, Timeframe.H1, rng)
    return Problem("EURUSD", candles, bands_knowing(candles, edge, rng), COSTS)


def around(bands: Bands, median: np.ndarray) -> Bands:
    """The same bands around another median float64[N,S], each as far from it as it was."""
    moved = (median - bands.median)[:, :, None]
    return replace(bands, median=median, lower=bands.lower + moved, upper=bands.upper + moved)


def with_components(small: Problem, seed: int = 5) -> Problem:
    """The same problem with volume, and with every component saying something else at each candle."""
    rng, n = np.random.default_rng(seed), len(small.candles)
    components = components_of(n, rng)
    return replace(small, candles=replace(small.candles, volume=rng.lognormal(5.0, 0.7, n)), components=components)
