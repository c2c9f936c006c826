"""One strategy on fold after fold: each test window from a fresh account, flat at its end, and judged only where it traded.

Decisions are made on the whole series before, so that every indicator is warm when a window begins; by the rules of the room they
depend on the past only. A window without a trade has no result: it is an error, and never a Sharpe ratio of 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fxgpt_core.backtest.engine import BacktestResult, ExecutionParameters, backtest
from fxgpt_core.backtest.sets import Replay
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import RefusedError
from fxgpt_core.performance.measures import Metrics, metrics
from fxgpt_core.strategy.decision import Decisions
from fxgpt_core.validation.folds import Fold

SHOWN = 3


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


def walk_forward(
    replay: Replay, decisions: Decisions, execution: ExecutionParameters, folds: Sequence[Fold]
) -> tuple[FoldRun, ...]:
    """The run of each fold's test window. Raises `BadInputError` as `backtest` does."""
    runs = []
    for fold in folds:
        rows = fold.test.slice(replay.candles.known_at_us)
        part, costs = replay.candles.select(rows), replay.costs.select(rows)
        result = backtest(part, decisions.select(rows), execution, costs, replay.account, finer=replay.finer)
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
