"""Plays many parameter sets on a window and measures them."""

from collections.abc import Sequence
from dataclasses import dataclass

from fxgpt_core.optimization.problem import Problem
from fxgpt_core.performance.measures import Metrics, period_returns
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.validation.folds import Window


@dataclass(frozen=True)
class Measured:
    """What a set did on a window; `worst_day_pct`: the least return of an FX day, in percent."""

    metrics: Metrics
    worst_day_pct: float


class Evaluator:
    """Measures the sets of one problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def measured(self, sets: Sequence[StrategyParameters], window: Window) -> tuple[Measured, ...]:
        """Each set played alone on the window, as `Problem.evaluate` plays it."""
        return tuple(self._one(each, window) for each in sets)

    def _one(self, parameters: StrategyParameters, window: Window) -> Measured:
        played = self.problem.evaluate(parameters, window)
        returns = period_returns(played.result, played.candles)
        return Measured(played.metrics, float(returns.min()) * 100.0 if len(returns) else 0.0)
