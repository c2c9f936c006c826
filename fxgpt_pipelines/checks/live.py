"""Is live the backtest: a blocking check, because a difference means that what was validated is not what trades."""

from typing import TYPE_CHECKING

import dagster as dg

from fxgpt_pipelines.recording import table

if TYPE_CHECKING:
    from fxgpt_pipelines.adhering import Compared

ADHERENCE_CHECKS = [
    dg.AssetCheckSpec("no_difference", asset="adherence", blocking=True, description="Every number of every live decision again.")
]


def no_difference(compared: "Compared") -> dg.AssetCheckResult:
    """The verdict on the recomputed decisions."""
    return dg.AssetCheckResult(
        check_name="no_difference",
        passed=not compared.differences,
        metadata={"decisions": compared.n_decisions, "differences": table(compared.differences)},
    )
