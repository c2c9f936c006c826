"""What the benchmark of the search plays: candles, bands that know a little of the future, and every component but capital.

The bands are those of a random walk; their median knows a share of the move to come, so that a search has something to find. The
components say something else at each candle, drawn by chance: it is the work they make that is measured, not what they are worth.
"""

from dataclasses import replace

import numpy as np
from scipy import stats

from benchmarks.backtest_material import COSTS, resampled, sample
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.conformal.bands import Bands
from fxgpt_core.context.market_context import MarketContext
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.strategy.components import Components
from fxgpt_core.strategy.constraints import repaired
from fxgpt_core.strategy.definitions import Kind, ParameterDefinition, ParameterValue
from fxgpt_core.strategy.parameters import StrategyParameters, searched_definitions

TWO_YEARS = 149_500
"""Five-minute candles of two years of FX weeks."""
STEPS = 24
COVERAGES = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
EDGE = 0.02
"""The share of the move to come that the median knows."""
NOISE = 0.15
"""What the median says besides, in deviations of the move."""
REGIME_CANDLES = 60


def two_years(seed: int) -> CandleArrays:
    """Candles made of blocks of real moves, with volume."""
    candles = resampled(sample(), TWO_YEARS, seed)
    return replace(candles, volume=np.random.default_rng(seed).lognormal(5.0, 0.7, len(candles)))


def problem_of(candles: CandleArrays, seed: int) -> Problem:
    """All components on candles."""
    rng, n = np.random.default_rng(seed), len(candles)
    components = Components(
        patterns=True,
        regime=np.repeat(rng.integers(-1, 4, n // REGIME_CANDLES + 1), REGIME_CANDLES)[:n].astype(np.int8),
        anomaly=rng.uniform(0.3, 1.05, n),
        context=MarketContext(
            vix=rng.uniform(10.0, 45.0, n),
            crowd_long=rng.uniform(0.0, 1.0, n),
            crowd_confidence=rng.uniform(0.0, 1.0, n),
            news=rng.uniform(-1.0, 1.0, n),
        ),
    )
    return Problem("EURUSD", candles, _bands(candles, rng), COSTS, components=components)


def _bands(candles: CandleArrays, rng: np.random.Generator) -> Bands:
    close, n = np.log(candles.close), len(candles)
    rows = np.minimum(np.arange(n)[:, None] + np.arange(1, STEPS + 1), n - 1)
    deviation = float(np.std(np.diff(close)))
    scale = np.broadcast_to(deviation * np.sqrt(np.arange(1, STEPS + 1)), (n, STEPS))
    median = EDGE * (close[rows] - close[:, None]) + NOISE * scale * rng.standard_normal((n, 1))
    half = scale[:, :, None] * stats.norm.ppf((1.0 + COVERAGES) / 2.0)
    lower, upper = median[:, :, None] - half, median[:, :, None] + half
    steps, flags = np.arange(1, STEPS + 1, dtype=np.int32), np.zeros(half.shape, dtype=bool)
    return Bands(candles.known_at_us, steps, COVERAGES, lower, upper, flags, median, np.ascontiguousarray(scale))


def drawn_parameters(rng: np.random.Generator, n: int) -> list[StrategyParameters]:
    """n sets drawn from the whole ranges of all searched parameters."""
    default = StrategyParameters.default().to_json()
    return [
        StrategyParameters.from_json(repaired(default | {each.name: _drawn(each, rng) for each in searched_definitions()}))
        for _ in range(n)
    ]


def _drawn(of: ParameterDefinition, rng: np.random.Generator) -> ParameterValue:
    if of.kind is Kind.BOOL:
        return bool(rng.integers(2))
    if of.kind is Kind.CATEGORICAL:
        return of.choices[rng.integers(len(of.choices))]
    low, high = of.low or 0.0, of.high or 0.0
    return int(rng.integers(int(low), int(high) + 1)) if of.kind is Kind.INT else float(rng.uniform(low, high))
