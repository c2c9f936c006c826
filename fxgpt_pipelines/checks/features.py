"""Do features see the future (blocking), and is every row behind the warm-up filled."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_core.errors import BrokenLineageError

if TYPE_CHECKING:
    import polars as pl

    from fxgpt_core.validation.lookahead import LookaheadReport

NO_LOOK_AHEAD = "The future cut off and all recomputed: nothing changes."

FEATURE_CHECKS = [
    dg.AssetCheckSpec("no_look_ahead", asset="features", blocking=True, description=NO_LOOK_AHEAD),
    dg.AssetCheckSpec(
        "warm_up",
        asset="features",
        blocking=True,
        description="Behind the warm-up no feature is missing or not finite, nor moved by where the series begins.",
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


def leaking(what: str, seen: Mapping[str, Any]) -> BrokenLineageError:
    """The error that stops an asset whose values see the future; `what` they are, in the plural."""
    columns = ", ".join(difference["column"] for difference in seen["differences"])
    return BrokenLineageError(f"{what} that change when the future is cut off: {columns}; none may; repair them first")


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


def settled(compute: "Callable[[pl.DataFrame], pl.DataFrame]", candles: "pl.DataFrame", n_warm_up: int) -> dict[str, Any]:
    """What the features of `compute`, which blanks no warm-up, are like behind a warm-up of so many candles.

    `drift`: how far another start moves them, in standard deviations of the column `drift_of`; none for too short a series.
    """
    from fxgpt_core.validation.warm_up import COMPARED, warm_up_drift

    if len(candles) <= n_warm_up + COMPARED:
        return {"drift": None, "drift_of": ""}
    found = warm_up_drift(compute, candles, (n_warm_up,))[0]
    return {"drift": found.drift, "drift_of": found.column}


def complete(matrix: "pl.DataFrame", names: Sequence[str]) -> dict[str, Any]:
    """How many rows are behind a warm-up, the first or one behind a hole, and how many of their values are missing."""
    import polars as pl

    found = matrix.select(names)
    # A row that warms up has no value at all.
    behind = found.filter(~pl.all_horizontal(pl.all().is_null()))
    missing = sum(len(column) - int(column.is_finite().fill_null(False).sum()) for column in behind)
    return {"rows_behind_warm_up": len(behind), "missing_values": missing}


def is_broken(found: Mapping[str, Any]) -> bool:
    """Is a value missing, or moved by where the series begins? From what `complete` and `settled` gave."""
    from fxgpt_core.validation.warm_up import MOST_DRIFT

    return found["missing_values"] > 0 or (found["drift"] is not None and found["drift"] > MOST_DRIFT)


def warm_up(found: Mapping[str, Any]) -> dg.AssetCheckResult:
    """The verdict on what lies behind the warm-up, from what `complete` and `settled` gave."""
    broken = is_broken(found)
    drift = (
        "the series is too short to tell" if found["drift"] is None else f"{found['drift']:.4f} ({found['drift_of'] or 'none'})"
    )
    return dg.AssetCheckResult(
        check_name="warm_up",
        passed=not broken and found["rows_behind_warm_up"] > 0,
        # A series that is still too short is no defect.
        severity=dg.AssetCheckSeverity.ERROR if broken else dg.AssetCheckSeverity.WARN,
        metadata={
            "rows_behind_warm_up": found["rows_behind_warm_up"],
            "missing_values": found["missing_values"],
            "drift": drift,
            "remedy": "import more candles than the warm-up needs; `fxgpt features check --warm-up` shows more of the drift",
        },
    )
