"""Champion and challenger on the same candles: what is deployed, and what a new search would have traded in its place."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from fxgpt_core.backtest.walk_forward import unmeasured
from fxgpt_core.market.costs import FxCosts
from fxgpt_core.optimization.outcome import OptimizationOutcome, walked_forward
from fxgpt_core.optimization.problem import Evaluation, Problem
from fxgpt_core.performance.report import Report, ReportParameters, report
from fxgpt_core.regimes.regime import GLOBAL, SET_NAMES
from fxgpt_core.registry.deployments import Deployments
from fxgpt_core.registry.lake import Lake
from fxgpt_core.strategy.definitions import ParameterValue
from fxgpt_core.strategy.regime_sets import RegimeSets, Strategy, strategy_of


@dataclass(frozen=True, eq=False)
class Contender:
    """`strategy` to be traded from now on; Sharpe ratio of each test window (None: no result), and `measured` over them all."""

    strategy: Strategy
    sharpes: tuple[float | None, ...]
    measured: Report

    @cached_property
    def worst_month(self) -> tuple[str, float]:
        """The month "2018-03" with the lowest return, and that return as a fraction."""
        return min(self.measured.months.items(), key=lambda month: month[1])


class Change(NamedTuple):
    """A parameter that differs, in the set that decides everywhere ("global") or in a regime."""

    set_name: str
    parameter: str
    old: ParameterValue
    new: ParameterValue


@dataclass(frozen=True, eq=False)
class Contest:
    """Both on the same test windows, one account through all of them, each with its sets by regime where it has any.

    The challenger is played as its folds chose, each on what it had not seen; the champion stays as it is, and may have seen
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
    def changed(self) -> tuple[Change, ...]:
        """The parameters that differ, of each regime in which one of both has a set of its own, too."""
        old, new = _by_name(self.champion.strategy), _by_name(self.challenger.strategy)
        own = [name for name in SET_NAMES if any(each[name] != each[GLOBAL] for each in (old, new))]
        return tuple(
            Change(name, parameter, old[name][parameter], value)
            for name in (GLOBAL, *own)
            for parameter, value in new[name].items()
            if value != old[name][parameter]
        )


def can_play(problem: Problem, strategy: Strategy) -> bool:
    """Whether a problem knows what a strategy decides by: sets by regime need the regimes of its candles."""
    return problem.components.regime is not None or not (isinstance(strategy, RegimeSets) and strategy.by_regime)


def contest(problem: Problem, outcome: OptimizationOutcome, champion: Strategy) -> Contest:
    """Play the champion on the test windows of an optimization. Raises as `report` does, `MissingError` unless `can_play`."""
    windows = [fold.fold.test for fold in outcome.folds]
    stood = tuple(_sharpe(problem.evaluate(champion, window)) for window in windows)
    through = walked_forward(problem, [(champion, window) for window in windows])
    sharpes = tuple(fold.test.sharpe_ratio if fold.test else None for fold in outcome.folds)
    return Contest(
        champion=Contender(champion, stood, _measured(problem, through)),
        challenger=Contender(outcome.strategy, sharpes, _measured(problem, outcome.out_of_sample)),
    )


def _sharpe(played: Evaluation) -> float | None:
    return None if unmeasured(played.metrics) else played.metrics.sharpe_ratio


def _measured(problem: Problem, played: Evaluation) -> Report:
    rows = np.searchsorted(problem.candles.open_time_us, played.candles.open_time_us)
    costs = problem.costs_at(rows)
    conversion = costs.conversion if isinstance(costs, FxCosts) else None
    return report(played.result, played.candles, ReportParameters(conversion=conversion))


def champion(lake: Lake, symbol: str, timeframe: str) -> Strategy | None:
    """What is deployed for a symbol and timeframe, its sets by regime where it was deployed so; None where nothing is.

    Raises as `strategy_of`.
    """
    for each in Deployments(lake.ledger).active(symbol, timeframe):
        return strategy_of(lake.get(each.parameter_set_id).json(), each.mode)
    return None


def _by_name(strategy: Strategy) -> dict[str, dict[str, ParameterValue]]:
    sets = strategy.sets if isinstance(strategy, RegimeSets) else (strategy,) * len(SET_NAMES)
    return {name: each.to_json() for name, each in zip(SET_NAMES, sets, strict=True)}
