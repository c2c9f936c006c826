"""Do features see the future (blocking), and is every row behind the warm-up filled."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    import polars as pl

    from fxgpt_core.validation.lookahead import LookaheadReport

FEATURE_CHECKS = [
    dg.AssetCheckSpec(
        "no_look_ahead", asset="features", blocking=True, description="The future cut off and all recomputed: nothing changes."
    ),
    dg.AssetCheckSpec("warm_up", asset="features", description="Behind the warm-up no feature is missing or not finite."),
]


def lookahead(report: "LookaheadReport") -> dg.AssetCheckResult:
    """The verdict of the truncation test."""
    lines = [f"* {d.column}: {d.n_rows} rows from {d.first_time}, by {d.max_difference:g}" for d in report.differences]
    return dg.AssetCheckResult(
        check_name="no_look_ahead",
        passed=report.clean,
        metadata={
            "cuts": ", ".join(str(cut) for cut in report.cuts),
            "rows_compared": report.rows_compared,
            "differences": dg.MetadataValue.md("\n".join(lines) or "none"),
        },
    )


def warm_up(matrix: "pl.DataFrame", names: Sequence[str], n_warm_up: int) -> dg.AssetCheckResult:
    """The verdict on missing values behind the warm-up."""
    settled = matrix.select(names).slice(n_warm_up)
    missing = sum(len(column) - int(column.is_finite().fill_null(False).sum()) for column in settled)
    return dg.AssetCheckResult(
        check_name="warm_up",
        passed=missing == 0 and len(settled) > 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "rows_behind_warm_up": len(settled),
            "missing_values": missing,
            "remedy": "import more candles than the warm-up needs",
        },
    )
