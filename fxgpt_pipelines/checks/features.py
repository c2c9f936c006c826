"""Do features see the future (blocking), and is every row behind the warm-up filled."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    import polars as pl

    from fxgpt_core.validation.lookahead import LookaheadReport

NO_LOOK_AHEAD = "The future cut off and all recomputed: nothing changes."

FEATURE_CHECKS = [
    dg.AssetCheckSpec("no_look_ahead", asset="features", blocking=True, description=NO_LOOK_AHEAD),
    dg.AssetCheckSpec(
        "warm_up", asset="features", blocking=True, description="Behind the warm-up no feature is missing or not finite."
    ),
]
INTERMARKET_CHECKS = [dg.AssetCheckSpec("no_look_ahead", asset="intermarket_features", blocking=True, description=NO_LOOK_AHEAD)]


def looked_ahead(report: "LookaheadReport") -> dict[str, Any]:
    """A report on look-ahead as values of JSON; its difference is a text, since it may be infinite."""
    differences = [
        {"column": d.column, "rows": d.n_rows, "first": d.first_time.isoformat(), "largest": f"{d.max_difference:g}"}
        for d in report.differences
    ]
    return {"cuts": list(report.cuts), "rows_compared": report.rows_compared, "differences": differences}


def lookahead(asset: str, seen: Mapping[str, Any]) -> dg.AssetCheckResult:
    """The verdict of the truncation test, from what `looked_ahead` gave."""
    lines = [f"* {d['column']}: {d['rows']} rows from {d['first']}, by {d['largest']}" for d in seen["differences"]]
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name="no_look_ahead",
        passed=not lines,
        metadata={
            "cuts": ", ".join(str(cut) for cut in seen["cuts"]),
            "rows_compared": seen["rows_compared"],
            "differences": dg.MetadataValue.md("\n".join(lines) or "none"),
        },
    )


def settled(matrix: "pl.DataFrame", names: Sequence[str]) -> dict[str, int]:
    """How many rows are behind a warm-up, the first or one behind a hole, and how many of their values are missing."""
    found = matrix.select(names)
    # A row that warms up has no value at all.
    behind = found.filter(~_all_null(names))
    missing = sum(len(column) - int(column.is_finite().fill_null(False).sum()) for column in behind)
    return {"rows_behind_warm_up": len(behind), "missing_values": missing}


def _all_null(names: Sequence[str]) -> "pl.Expr":
    import polars as pl

    return pl.all_horizontal(pl.col(*names).is_null())


def warm_up(found: Mapping[str, Any]) -> dg.AssetCheckResult:
    """The verdict on missing values behind the warm-up, from what `settled` gave."""
    rows, missing = found["rows_behind_warm_up"], found["missing_values"]
    return dg.AssetCheckResult(
        check_name="warm_up",
        passed=missing == 0 and rows > 0,
        # A series that is still too short is no defect; a hole in a column is.
        severity=dg.AssetCheckSeverity.ERROR if missing else dg.AssetCheckSeverity.WARN,
        metadata={
            "rows_behind_warm_up": rows,
            "missing_values": missing,
            "remedy": "import more candles than the warm-up needs",
        },
    )
