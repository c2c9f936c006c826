"""Is live the backtest: a blocking check, because a difference means that what was validated is not what trades."""

from typing import TYPE_CHECKING

import dagster as dg

from fxgpt_pipelines.recording import table

if TYPE_CHECKING:
    from fxgpt_pipelines.shadowing import Compared

ADHERENCE_CHECKS = [
    dg.AssetCheckSpec(
        "no_difference", asset="adherence", blocking=True, description="Every number of every live decision, computed again."
    ),
    dg.AssetCheckSpec(
        "every_candle_decided", asset="adherence", description="There are decisions, and no closed candle waits for one."
    ),
]


def no_difference(compared: "Compared") -> dg.AssetCheckResult:
    """The verdict on the recomputed decisions."""
    return dg.AssetCheckResult(
        check_name="no_difference",
        passed=not compared.differences,
        metadata={"decisions": compared.n_decisions, "differences": table(compared.differences)},
    )


def every_candle_decided(compared: "Compared") -> dg.AssetCheckResult:
    """Whether there was anything to compare, and nothing is left out."""
    return dg.AssetCheckResult(
        check_name="every_candle_decided",
        passed=compared.n_decisions > 0 and compared.n_undecided == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "decisions": compared.n_decisions,
            "undecided": compared.n_undecided,
            "remedy": "look at the failed runs of live_trading_job and at `fxgpt live status`; with no decision at all, nothing "
            "was traded yet",
        },
    )
