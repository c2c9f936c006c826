"""One strategy on fold after fold: each test window from a fresh account, flat at its end, and judged only where it traded.

Decisions are made on the whole series before, so that every indicator is warm when a window begins; by the rules of the room they
depend on the past only. A window without a trade, or of a single FX day, has no result: it is an error, and never a Sharpe
ratio of 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fxgpt_core.backtest.engine import BacktestResult, ExecutionParameters, backtest
from fxgpt_core.backtest.sets import Replay
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import RefusedError
from fxgpt_core.performance.measures import Metrics, metrics
from fxgpt_core.performance.ratios import FloatArray, deviation
from fxgpt_core.strategy.decision import Decisions
from fxgpt_core.validation.folds import Fold

SHOWN = 3
LEAST_DAYS = 2
JUDGED = ("total_trades", "sharpe_ratio", "total_return_pct", "max_drawdown_pct")


@dataclass(frozen=True, eq=False)
class FoldRun:
    """One fold's test window: candles, result, and its measures, of which `metrics` are those that tell something."""

    fold: Fold
    candles: CandleArrays
    result: BacktestResult
    measures: Metrics

    @property
    def metrics(self) -> Metrics | None:
        """The measures; None if nothing was traded or a single FX day was seen."""
        return None if self.cause else self.measures

    @property
    def cause(self) -> str:
        """Why there are no measures, in three words; empty if there are."""
        return unmeasured(self.measures)

    @property
    def error(self) -> str:
        """Why there are no measures, and where; empty if there are."""
        if not self.cause:
            return ""
        why = "its returns have no deviation" if len(self.result.trades) else "none of them entered"
        return f"{self.cause} from {self.fold.test}: {len(self.candles)} candles, {why}"


def unmeasured(measures: Metrics) -> str:
    """Why the measures of a fold tell nothing, in three words; empty if they do."""
    if measures.total_trades == 0:
        return "no trade"
    return "single FX day" if measures.n_periods < LEAST_DAYS else ""


def walk_forward(
    replay: Replay, decisions: Decisions, execution: ExecutionParameters, folds: Sequence[Fold]
) -> tuple[FoldRun, ...]:
    """The run of each fold's test window. Raises `BadInputError` as `backtest` does."""
    runs = []
    for fold in folds:
        rows = fold.test.slice(replay.candles.known_at_us)
        part, costs = replay.candles.select(rows), replay.costs.select(rows)
        result = backtest(part, decisions.select(rows), execution, costs, replay.account, finer=replay.finer)
        runs.append(FoldRun(fold, part, result, metrics(result, part)))
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


@dataclass(frozen=True)
class OverFolds:
    """One measure over all folds; `deviation` is the sample's (ddof 1), None of a single fold."""

    mean: float
    deviation: float | None
    lowest: float
    highest: float


def over_folds(runs: Sequence[FoldRun], names: Sequence[str] = JUDGED) -> dict[str, OverFolds]:
    """Fields of `Metrics` over the folds, by name; every fold counts the same. Raises `RefusedError` as `measured` does."""
    found = measured(runs)
    return {name: _spread(np.array([getattr(one, name) for one in found], dtype=np.float64)) for name in names}


def _spread(values: FloatArray) -> OverFolds:
    around = deviation(values) if len(values) > 1 else None
    return OverFolds(float(values.mean()), around, float(values.min()), float(values.max()))
