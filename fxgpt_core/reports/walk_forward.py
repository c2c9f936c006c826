"""The report of a walk-forward search: what the folds' choices did on their unseen test windows, with one account."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from fxgpt_core.backtest.stress import StressResult
from fxgpt_core.optimization.outcome import FoldOutcome, OptimizationOutcome
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.performance.luck import LuckTest
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.gates import GateResult
from fxgpt_core.reports.contents import BacktestReport, FoldRow, Heading

IDLE = "no trial traded enough on the train window; the least bad one stands in"


@dataclass(frozen=True)
class Origin:
    """Where a search came from: `made_at` has a time zone, `artifacts` are ids by name of asset."""

    made_at: datetime
    artifacts: Mapping[str, str] = field(default_factory=dict)
    code: CodeIdentity | None = None


@dataclass(frozen=True)
class Verdicts:
    """What has judged a search: the gate board, the tests of luck, and the stress of the folds' choices."""

    gates: tuple[GateResult, ...] = ()
    luck: tuple[LuckTest, ...] = ()
    stress: tuple[StressResult, ...] = ()


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
    )


def _fold_row(outcome: FoldOutcome) -> FoldRow:
    return FoldRow(
        fold=outcome.fold.index,
        train=str(outcome.fold.train),
        test=str(outcome.fold.test),
        parameters_sha256=outcome.parameters.sha256,
        trades=outcome.test.total_trades if outcome.test else 0,
        sharpe=outcome.test.sharpe_ratio if outcome.test else 0.0,
        return_pct=outcome.test.total_return_pct if outcome.test else 0.0,
        note=IDLE if outcome.idle else "",
    )
