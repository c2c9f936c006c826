"""What a finished optimization says: the proposed set, what each fold chose, and the stitched out-of-sample record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.backtest.walk_forward import unmeasured
from fxgpt_core.optimization.problem import Evaluation, Problem, joined
from fxgpt_core.performance.measures import Metrics
from fxgpt_core.registry.evaluations import Evaluations
from fxgpt_core.registry.runs import us_of
from fxgpt_core.registry.searches import SearchRow
from fxgpt_core.registry.trials import TrialRecord
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.regime_sets import RegimeSets, Strategy
from fxgpt_core.validation.folds import Fold, Window


@dataclass(frozen=True)
class FoldOutcome:
    """One fold: the trial chosen on its train window and what it did on the test window, from a fresh account.

    `idle`: no trial of the fold traded enough on the train window, and the least bad one stands in.
    """

    fold: Fold
    chosen: TrialRecord
    parameters: Strategy
    train_sharpe: float
    tested: Metrics
    idle: bool

    @property
    def test(self) -> Metrics | None:
        """The measures of the test window; None where they tell nothing (`unmeasured`), and never a Sharpe ratio of 0."""
        return None if self.cause else self.tested

    @property
    def cause(self) -> str:
        """Why there is no result, in three words; empty if there is one."""
        return unmeasured(self.tested)

    @property
    def error(self) -> str:
        """Why there is no result, and where; empty if there is one."""
        return f"{self.cause} from {self.fold.test}" if self.cause else ""


@dataclass(frozen=True, eq=False)
class OptimizationOutcome:
    """`proposed`: the choice of the last search, on the latest train window; it has seen every candle, so its own numbers
    prove nothing. `out_of_sample`: the folds' choices on their test windows, one account through all of them.
    `pareto`: trial numbers on the front of what the last search ended with; `evaluations`: every evaluation, losers too;
    `searches` as stored; `span`: what the searches and their judges see, all but the vault; `regime_parameters_id`: the ledger's
    row of the proposed set. Where regimes were searched apart, `regime_sets` has `proposed` as its global set, and the sets that
    decide in their regimes; their trials and rows of the ledger by regime.
    """

    run_id: int
    proposed: StrategyParameters
    final: TrialRecord
    folds: tuple[FoldOutcome, ...]
    out_of_sample: Evaluation
    in_sample_sharpe: float
    pareto: tuple[int, ...]
    evaluations: Evaluations
    searches: tuple[SearchRow, ...]
    span: Window
    regime_parameters_id: int | None = None
    regime_sets: RegimeSets | None = None
    regime_trials: Mapping[str, TrialRecord] = field(default_factory=dict)
    regime_parameters_ids: Mapping[str, int] = field(default_factory=dict)

    @property
    def strategy(self) -> Strategy:
        """What is proposed to decide: the sets by regime where they were searched, else the proposed set."""
        return self.proposed if self.regime_sets is None else self.regime_sets

    @property
    def own_window(self) -> Window:
        """The train window on which the proposed set was chosen: that of the last search."""
        last = self.searches[-1]
        return Window(us_of(last.window_start), us_of(last.window_end))

    @property
    def choices(self) -> tuple[TrialRecord, ...]:
        """The trial that each fold chose."""
        return tuple(fold.chosen for fold in self.folds)

    @property
    def n_trials(self) -> int:
        """How many trials this run made."""
        return len(self.evaluations)


def walked_forward(problem: Problem, choices: Sequence[tuple[Strategy, Window]], *, cost_multiplier: float = 1.0) -> Evaluation:
    """Strategies played on successive test windows with one account; a bust account stays at zero and trades no more.

    `choices` must be in time order and the windows must not overlap.
    """
    parts: list[Evaluation] = []
    cash = problem.account.cash
    for parameters, window in choices:
        account = BacktestAccount(cash=cash, leverage=problem.account.leverage)
        parts.append(problem.evaluate(parameters, window, account=account, cost_multiplier=cost_multiplier))
        cash = parts[-1].result.final_equity
        if cash <= 0.0:
            break
    return joined(parts, problem.account.cash)


def in_sample(problem: Problem, outcome: OptimizationOutcome) -> Mapping[str, Any]:
    """What the proposal did on its own train window: of one set as its trial tells, of sets by regime played together."""
    if outcome.regime_sets is None:
        return outcome.final.metrics
    return problem.evaluate(outcome.regime_sets, outcome.own_window).metrics.to_json()


def mean_in_sample_sharpe(folds: Sequence[FoldOutcome]) -> float:
    """Mean annual Sharpe ratio of the folds' choices on their own train windows; 0 when no fold traded.

    Idle folds do not count: their Sharpe of 0 would lower what out-of-sample is measured against.
    """
    active = [fold.train_sharpe for fold in folds if not fold.idle]
    return float(np.mean(active)) if active else 0.0
