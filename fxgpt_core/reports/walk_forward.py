"""What a walk-forward did, for a report: of a search, its choices on their test windows; of one parameter set, its folds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from fxgpt_core.backtest.stress import StressResult
from fxgpt_core.backtest.walk_forward import FoldRun
from fxgpt_core.optimization.outcome import FoldOutcome, OptimizationOutcome
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.robustness import Told
from fxgpt_core.performance.luck import LuckTest
from fxgpt_core.performance.measures import Metrics
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.gates import GateResult
from fxgpt_core.reports.contents import BacktestReport, FoldRow, Heading
from fxgpt_core.validation.folds import Fold

IDLE = "no trial traded enough on the train window; the least bad one stands in"


@dataclass(frozen=True)
class Origin:
    """Where a search came from: `made_at` has a time zone, `artifacts` are ids by name of asset."""

    made_at: datetime
    artifacts: Mapping[str, str] = field(default_factory=dict)
    code: CodeIdentity | None = None


@dataclass(frozen=True)
class Verdicts:
    """What has judged a search: the gate board, the tests of luck, the stress of the folds' choices, and how robust it is."""

    gates: tuple[GateResult, ...] = ()
    luck: tuple[LuckTest, ...] = ()
    stress: tuple[StressResult, ...] = ()
    robustness: tuple[Told, ...] = ()


def walk_forward_report(
    problem: Problem,
    outcome: OptimizationOutcome,
    origin: Origin,
    verdicts: Verdicts | None = None,
) -> BacktestReport:
    """The stitched out-of-sample record of a search, with its folds, and what has judged it.

    Raises as `BacktestReport` does.
    """
    stitched, judged = outcome.out_of_sample, verdicts or Verdicts()
    # The test windows need not follow each other.
    rows = np.searchsorted(problem.candles.open_time_us, stitched.candles.open_time_us)
    heading = Heading(
        symbol=problem.symbol,
        made_at=origin.made_at,
        about="The choices of the folds, each played on its test window, which its search had not seen, with one account. "
        f"The set proposed for deployment, {outcome.proposed.sha256[:16]}, has seen all these candles and is not played here.",
        artifacts=origin.artifacts,
        code=origin.code,
    )
    return BacktestReport(
        heading=heading,
        candles=stitched.candles,
        result=stitched.result,
        costs=problem.costs_at(rows),
        account=problem.account,
        folds=tuple(map(_fold_row, outcome.folds)),
        stress=judged.stress,
        luck=judged.luck,
        gates=judged.gates,
        robustness=judged.robustness,
    )


def fold_rows(runs: Iterable[FoldRun], parameters_sha256: str) -> tuple[FoldRow, ...]:
    """The rows of one parameter set, by its hash, that was played on every fold and searched on none."""
    return tuple(_row(run.fold, parameters_sha256, len(run.result.trades), run.metrics, run.cause) for run in runs)


def _fold_row(outcome: FoldOutcome) -> FoldRow:
    note = "; ".join(filter(None, (outcome.cause, IDLE if outcome.idle else "")))
    return _row(outcome.fold, outcome.parameters.sha256, outcome.tested.total_trades, outcome.test, note)


def _row(fold: Fold, parameters_sha256: str, trades: int, test: Metrics | None, note: str) -> FoldRow:
    return FoldRow(
        fold=fold.index,
        train=str(fold.train),
        test=str(fold.test),
        parameters_sha256=parameters_sha256,
        trades=trades,
        sharpe=test.sharpe_ratio if test else None,
        return_pct=test.total_return_pct if test else None,
        note=note,
    )
