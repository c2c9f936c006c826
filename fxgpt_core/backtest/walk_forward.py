"""One strategy on fold after fold: each test window from a fresh account, flat at its end, and judged only where it traded.

Decisions are made on the whole series before, so that every indicator is warm when a window begins; by the rules of the room they
depend on the past only. A window without a trade has no result: it is an error, and never a Sharpe ratio of 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fxgpt_core.backtest.engine import BacktestAccount, BacktestResult, ExecutionParameters, backtest
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import RefusedError
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.performance.measures import Metrics, metrics
from fxgpt_core.strategy.decision import Decisions
from fxgpt_core.validation.folds import Fold

SHOWN = 3


@dataclass(frozen=True, eq=False)
class Strategy:
    """What is walked forward: decisions of every candle, how they are run, what they cost, and from what account."""

    decisions: Decisions
    execution: ExecutionParameters
    costs: Costs | FxCosts
    account: BacktestAccount = field(default_factory=BacktestAccount)


@dataclass(frozen=True, eq=False)
class FoldRun:
    """One fold's test window: candles, result, and the measures, None if nothing was traded."""

    fold: Fold
    candles: CandleArrays
    result: BacktestResult
    metrics: Metrics | None

    @property
    def error(self) -> str:
        """Why there are no measures; empty if there are."""
        return "" if self.metrics else f"no trade from {self.fold.test}: {len(self.candles)} candles, none of them entered"


def walk_forward(candles: CandleArrays, strategy: Strategy, folds: Sequence[Fold]) -> tuple[FoldRun, ...]:
    """The run of each fold's test window. Raises `BadInputError` as `backtest` does."""
    runs = []
    for fold in folds:
        rows = fold.test.slice(candles.known_at_us)
        part, costs = candles.select(rows), strategy.costs.select(rows)
        decisions = strategy.decisions.slice(rows.start, rows.stop)
        result = backtest(part, decisions, strategy.execution, costs, strategy.account)
        runs.append(FoldRun(fold, part, result, metrics(result, part) if len(result.trades) else None))
    return tuple(runs)


def measured(runs: Sequence[FoldRun]) -> list[Metrics]:
    """The measures of every fold, for a mean or a table of all of them. Raises `RefusedError` if a fold has none."""
    idle = [run.error for run in runs if run.metrics is None]
    if idle:
        raise RefusedError(
            f"{len(idle)} of {len(runs)} folds have no result: {'; '.join(idle[:SHOWN])}; a mean over folds needs all of them: "
            "lengthen the test windows, or loosen what keeps the strategy out"
        )
    return [run.metrics for run in runs if run.metrics is not None]
