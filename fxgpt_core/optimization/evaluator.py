"""Many parameter sets on one problem, as fast as this machine allows: what `Problem.evaluate` tells of each, to the last bit.

Three things make it fast: a stage is computed once for the values of its own parameters and kept (`optimization.stages`), only
candles where there can be an entry are decided, and the sets are shared out among threads, since compiled code lets others run.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.checks import judges_distances
from fxgpt_core.backtest.engine import execution_parameters, rules_rows, tape_of, terms_of
from fxgpt_core.backtest.kernel import size
from fxgpt_core.backtest.tape import RANGE, RISK_FRACTION, STOP_DISTANCE, TARGET_DISTANCE, Wishes
from fxgpt_core.optimization.entries import ANY_REGIME, Asked, Entries, Filters, entries, sized_of
from fxgpt_core.optimization.memory import Memory, Use
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.stages import Stages
from fxgpt_core.optimization.windows import N_MEASURES, measured_windows, windows_of
from fxgpt_core.performance.measures import Metrics, metrics_of
from fxgpt_core.portfolio.sizing import KELLY, SizingParameters
from fxgpt_core.regimes.regime import GLOBAL, REGIMES
from fxgpt_core.strategy.components import record_of
from fxgpt_core.strategy.filters import (
    SentimentFilterParameters,
    VixFilterParameters,
    fear_of,
    limits_of_volume,
    mood_of,
)
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.unsized import ALL_SIZED, Unsized
from fxgpt_core.strategy.volume_measures import VolumeFilterParameters
from fxgpt_core.strategy.wishes import limits_of
from fxgpt_core.validation.folds import Window

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MEMORY_BYTES: Final = 1_000_000_000


@dataclass(frozen=True)
class Measured:
    """What a set did on a window: its metrics, and the largest loss of an FX day in percent of the equity it began with (≥ 0)."""

    metrics: Metrics
    worst_day_pct: float


def measured_of(numbers: FloatArray) -> Measured:
    """The record of one set on one window, of what `Evaluator.on_windows` tells."""
    return Measured(metrics_of(numbers[:N_MEASURES]), -100.0 * float(numbers[N_MEASURES]))


class Evaluator:
    """Plays sets on windows of a problem. `threads` None takes every core; no result depends on them, nor on `memory_bytes`."""

    def __init__(self, problem: Problem, *, threads: int | None = None, memory_bytes: int = MEMORY_BYTES) -> None:
        self._problem, self._threads = problem, threads or os.cpu_count() or 1
        self._memory = Memory(memory_bytes)
        self._stages = Stages(problem, self._memory)
        charged = problem.costs_at(slice(None))
        self._tape, self._terms = tape_of(problem.candles, charged, problem.finer), terms_of(charged, problem.account)
        self._judges_distances = judges_distances(problem.candles, charged, problem.finer)

    @property
    def use(self) -> Use:
        """How the memory of stages was used so far."""
        return self._memory.use

    def measured(self, sets: Sequence[StrategyParameters], window: Window) -> tuple[Measured, ...]:
        """Each set on one window; `metrics` equal those of `Problem.evaluate`. Raises what that raises."""
        return tuple(measured_of(found) for found in self.on_windows(sets, [window])[:, 0])

    def on_windows(self, sets: Sequence[StrategyParameters], windows: Sequence[Window]) -> FloatArray:
        """float64[K,F,21]: each of K sets on each of F windows, decided once for all; `measured_of` reads the last axis."""
        if len(sets) == 1 or self._threads == 1:
            return np.array([self._of_set(each, windows) for each in sets])
        with ThreadPoolExecutor(self._threads) as pool:
            return np.array(list(pool.map(lambda each: self._of_set(each, windows), sets)))

    def _of_set(self, parameters: StrategyParameters, windows: Sequence[Window]) -> FloatArray:
        problem, key = self._problem, tuple(windows)
        prepared = self._memory.output("windows", key, lambda: windows_of(problem.candles, windows))
        rules = rules_rows(execution_parameters(parameters, problem.candles.timeframe))
        wished, near = self._wished(parameters, slice(int(prepared.spans[:, 0].min()), int(prepared.spans[:, 1].max())))
        found = measured_windows(self._tape, wished, rules, self._terms, prepared)
        bounds = np.searchsorted(near, prepared.spans)
        for number in np.flatnonzero(np.isnan(found[:, 0]) | (bounds[:, 0] < bounds[:, 1])):
            # It says what is wrong, in the words of one backtest.
            problem.evaluate(parameters, windows[int(number)])
        return found

    def _wished(self, parameters: StrategyParameters, span: slice) -> tuple[Wishes, IntArray]:
        """What is wished in a span, by the rows of the whole series, and the rows whose stop or target is too near to play."""
        sizing = record_of(SizingParameters, parameters, "sizing_")
        found = entries(
            self._stages.series(parameters),
            self._stages.within(parameters, span),
            Asked(limits_of(parameters, self._problem.costs), self._filters(parameters), sized_of(sizing)),
            (span.start, span.stop),
        )
        side = np.zeros(len(self._problem.candles), dtype=np.int8)
        side[found.at] = found.side
        wished = Wishes(side, found.at, found.rows, self._unsized(parameters, found) if sizing.reads_edge else ALL_SIZED)
        return wished, _too_near(wished) if self._judges_distances else found.at[:0]

    def _filters(self, parameters: StrategyParameters) -> Filters:
        known, name = self._problem.components.regime, self._problem.regime
        return Filters(
            fear=fear_of(record_of(VixFilterParameters, parameters, "filter_vix_")),
            mood=mood_of(record_of(SentimentFilterParameters, parameters, "filter_sentiment_")),
            volume=limits_of_volume(record_of(VolumeFilterParameters, parameters, "filter_volume_")),
            only=ANY_REGIME if known is None or name == GLOBAL else REGIMES.index(name),
        )

    def _unsized(self, parameters: StrategyParameters, found: Entries) -> Unsized:
        # No position of the 90 parameters is left by a signal: a wish that is not tried changes nothing, whatever its odds.
        return Unsized(
            at=self._stages.horizon(parameters.sssd_forecast_horizon).at,
            band=self._stages.has_band(found.at),
            close=self._problem.candles.close[found.at],
            multiplier=found.multiplier,
            cost=self._problem.costs.round_trip,
            share=parameters.sizing_kelly_fraction,
            by_kelly=parameters.sizing_method == KELLY,
        )


def _too_near(wished: Wishes) -> IntArray:
    """The rows whose stop or target is nearer than one average true range, and that have an edge: see `check_resolution`."""
    nearest = np.minimum(wished.rows[:, STOP_DISTANCE], wished.rows[:, TARGET_DISTANCE])
    numbers = np.flatnonzero(nearest < wished.rows[:, RANGE])
    for number in numbers:
        size(wished, int(number))
    found: IntArray = wished.at[numbers[wished.rows[numbers, RISK_FRACTION] > 0.0]]
    return found
