"""Many parameter sets on one problem, as fast as this machine allows: what `Problem.evaluate` tells of each, to the last bit.

Three things make it fast: a stage is computed once for the values of its own parameters and kept (`optimization.stages`), only
candles with a wish are decided, and the sets are shared out among threads, since compiled code lets other threads run.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.checks import judges_distances
from fxgpt_core.backtest.engine import execution_parameters, rules_rows, tape_of, terms_of, wishes_of
from fxgpt_core.backtest.tape import RANGE, STOP_DISTANCE, TARGET_DISTANCE, Wishes
from fxgpt_core.optimization.memory import Memory, Use
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.stages import Stages
from fxgpt_core.optimization.windows import N_MEASURES, measured_windows, windows_of
from fxgpt_core.performance.measures import Metrics, metrics_of
from fxgpt_core.regimes.regime import GLOBAL, REGIMES
from fxgpt_core.strategy.decision import decide
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.wishes import wishes
from fxgpt_core.validation.folds import Window

IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

MEMORY_BYTES: Final = 1_000_000_000


@dataclass(frozen=True)
class Measured:
    """What a set did on a window: its metrics, and the largest loss of an FX day in percent of the equity it began with (≥ 0)."""

    metrics: Metrics
    worst_day_pct: float


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
        return tuple(found[0] for found in self.on_windows(sets, [window]))

    def on_windows(self, sets: Sequence[StrategyParameters], windows: Sequence[Window]) -> list[tuple[Measured, ...]]:
        """Each set on each window, decided once for all of them; as `measured` of each window alone."""
        if len(sets) == 1 or self._threads == 1:
            return [self._of_set(each, windows) for each in sets]
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(lambda each: self._of_set(each, windows), sets))

    def _of_set(self, parameters: StrategyParameters, windows: Sequence[Window]) -> tuple[Measured, ...]:
        problem = self._problem
        slices = [window.slice(problem.candles.known_at_us) for window in windows]
        span = slice(min(each.start for each in slices), max(each.stop for each in slices))
        rules = rules_rows(execution_parameters(parameters, problem.candles.timeframe))
        prepared = self._memory.output("windows", tuple(windows), lambda: windows_of(problem.candles, slices))
        wished, near = self._wished(parameters, span)
        found = measured_windows(self._tape, wished, rules, self._terms, prepared)
        for window, rows, told in zip(windows, slices, found, strict=True):
            if np.isnan(told[0]) or np.searchsorted(near, rows.start) < np.searchsorted(near, rows.stop):
                # It says what is wrong, in the words of one backtest.
                problem.evaluate(parameters, window)
        return tuple(Measured(metrics_of(told[:N_MEASURES]), -100.0 * float(told[N_MEASURES])) for told in found)

    def _wished(self, parameters: StrategyParameters, span: slice) -> tuple[Wishes, IntArray]:
        """What is decided in a span, by the rows of the whole series, and the rows whose stop or target is too near to play."""
        view = self._stages.view(parameters, span)
        rows = self._allowed(np.flatnonzero(wishes(view, parameters, self._problem.costs).side), span)
        decided = decide(view.select(rows), parameters, self._problem.costs, told=False)
        found = wishes_of(decided)
        side = np.zeros(len(self._problem.candles), dtype=np.int8)
        at = rows[found.at] + span.start
        side[at] = decided.side[found.at]
        near = at[_too_near(found)] if self._judges_distances else at[:0]
        return Wishes(side, at, found.rows), near

    def _allowed(self, rows: IntArray, span: slice) -> IntArray:
        """The rows of a span at which the problem lets entries be: those of its regime, if it is of one."""
        known, name = self._problem.components.regime, self._problem.regime
        return rows if known is None or name == GLOBAL else rows[known[span][rows] == REGIMES.index(name)]


def _too_near(wished: Wishes) -> Mask:
    """Where stop or target is nearer than one average true range: see `engine.check_resolution`."""
    nearest = np.minimum(wished.rows[:, STOP_DISTANCE], wished.rows[:, TARGET_DISTANCE])
    near: Mask = nearest < wished.rows[:, RANGE]
    return near
