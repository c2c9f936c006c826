"""Champion and challenger on the same candles: the deployed set, and what a new search would have traded in its place."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fxgpt_core.backtest.walk_forward import unmeasured
from fxgpt_core.market.costs import FxCosts
from fxgpt_core.optimization.outcome import OptimizationOutcome, walked_forward
from fxgpt_core.optimization.problem import Evaluation, Problem
from fxgpt_core.performance.report import Report, ReportParameters, report
from fxgpt_core.registry.deployments import Deployments
from fxgpt_core.registry.lake import Lake
from fxgpt_core.strategy.parameters import StrategyParameters


@dataclass(frozen=True, eq=False)
class Contender:
    """`parameters` to be traded from now on; Sharpe ratio of each test window (None: no result), and `measured` over them all."""

    parameters: StrategyParameters
    sharpes: tuple[float | None, ...]
    measured: Report

    @cached_property
    def worst_month(self) -> tuple[str, float]:
        """The month "2018-03" with the lowest return, and that return as a fraction."""
        return min(self.measured.months.items(), key=lambda month: month[1])


@dataclass(frozen=True, eq=False)
class Contest:
    """Both on the same test windows, one account through all of them.

    The challenger is played as its folds chose, each on what it had not seen; the champion is one set, which may have seen
    some of these candles in the search that found it, so that the comparison favours it.
    """

    champion: Contender
    challenger: Contender

    @property
    def folds_won(self) -> int:
        """On how many windows the challenger has the higher Sharpe ratio; one without a result loses to any other."""
        pairs = zip(self.challenger.sharpes, self.champion.sharpes, strict=True)
        return sum(new is not None and (old is None or new > old) for new, old in pairs)

    @property
    def changed(self) -> tuple[str, ...]:
        """The names of the parameters that differ."""
        old, new = self.champion.parameters.to_json(), self.challenger.parameters.to_json()
        return tuple(name for name in new if new[name] != old[name])


def contest(problem: Problem, outcome: OptimizationOutcome, champion: StrategyParameters) -> Contest:
    """Play the champion on the test windows of an optimization. Raises as `report` does."""
    windows = [fold.fold.test for fold in outcome.folds]
    stood = tuple(_sharpe(problem.evaluate(champion, window)) for window in windows)
    through = walked_forward(problem, [(champion, window) for window in windows])
    sharpes = tuple(fold.test.sharpe_ratio if fold.test else None for fold in outcome.folds)
    return Contest(
        champion=Contender(champion, stood, _measured(problem, through)),
        challenger=Contender(outcome.proposed, sharpes, _measured(problem, outcome.out_of_sample)),
    )


def _sharpe(played: Evaluation) -> float | None:
    return None if unmeasured(played.metrics) else played.metrics.sharpe_ratio


def _measured(problem: Problem, played: Evaluation) -> Report:
    rows = np.searchsorted(problem.candles.open_time_us, played.candles.open_time_us)
    costs = problem.costs_at(rows)
    conversion = costs.conversion if isinstance(costs, FxCosts) else None
    return report(played.result, played.candles, ReportParameters(conversion=conversion))


def champion(lake: Lake, symbol: str, timeframe: str) -> StrategyParameters | None:
    """The set that is deployed for a symbol and timeframe, the global one of several; None where nothing is."""
    for each in Deployments(lake.ledger).active(symbol, timeframe):
        return StrategyParameters.from_json(lake.get(each.parameter_set_id).json()["parameters"])
    return None
