"""Is live the backtest: a blocking check, because a difference means that what was validated is not what trades.

And do the orders keep the thresholds of adherence: warnings, because what is already traded cannot be blocked.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from fxgpt_pipelines.recording import table

if TYPE_CHECKING:
    from fxgpt_pipelines.adhering import Adhered
    from fxgpt_pipelines.shadowing import Compared

UNEXPLAINED = "unexplained"
THRESHOLDS = {
    "slippage": "No entry of the last 30 days filled more than 0.1 % worse than the close it was decided at.",
    "rejections": "The broker rejected at most 5 % of the orders of the last 30 days.",
    "costs": "The trades of the last 30 days cost no more than the backtest expects.",
    "limits": "No order was filled beyond its size, and no day lost more than its deployment allows.",
}
ADHERENCE_CHECKS = [
    dg.AssetCheckSpec(name, asset="adherence", description=description) for name, description in THRESHOLDS.items()
]
SHADOW_CHECKS = [
    dg.AssetCheckSpec(
        "no_difference",
        asset="shadow_comparison",
        blocking=True,
        description="Every number of every live decision, computed again.",
    ),
    dg.AssetCheckSpec(
        "every_candle_decided", asset="shadow_comparison", description="There are decisions, and no closed candle waits for one."
    ),
    dg.AssetCheckSpec(
        "every_difference_explained", asset="shadow_comparison", description="Every difference of a trade has a cause."
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


def every_difference_explained(compared: "Compared") -> dg.AssetCheckResult:
    """Whether a rule knows the cause of every difference between live and backtest trades."""
    unknown = [row for row in compared.fill_differences if row["cause"] == UNEXPLAINED]
    return dg.AssetCheckResult(
        check_name="every_difference_explained",
        passed=not unknown,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "unexplained": table(unknown),
            "remedy": "compare the order's trace (`fxgpt trace ORDER`) with the backtest's trade of the same decision",
        },
    )


def within_thresholds(found: "Adhered") -> Iterator[dg.AssetCheckResult]:
    """One verdict for each threshold, with what is beyond it."""
    for name in THRESHOLDS:
        beyond = [breach for breach in found.breaches if breach.kind == name]
        rows = [{"found": each.found, "allowed": each.allowed, "what": each.message, "remedy": each.remedy} for each in beyond]
        yield dg.AssetCheckResult(
            check_name=name, passed=not beyond, severity=dg.AssetCheckSeverity.WARN, metadata={"beyond": table(rows)}
        )
