"""Are candles sound, and can each of their months be trusted: both block what is made of them."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from fxgpt_core.errors import CandleSchemaError, RefusedError
from fxgpt_pipelines.recording import table, two_columns

SHOWN = 3

CANDLE_CHECKS = [
    dg.AssetCheckSpec("schema", asset="candles", blocking=True, description="Ordered, unique, on the grid, sound OHLC."),
    dg.AssetCheckSpec(
        "quality", asset="candles", blocking=True, description="Every month GREEN; YELLOW is a warning, RED stops what follows."
    ),
]


def schema_failed(error: CandleSchemaError) -> dg.AssetCheckResult:
    """The verdict on candles that cannot be used; nothing of them is stored."""
    return dg.AssetCheckResult(check_name="schema", passed=False, description=str(error), metadata={"found": str(error)})


def schema_passed(found: Mapping[str, Any]) -> dg.AssetCheckResult:
    """The verdict on candles that passed the schema."""
    return dg.AssetCheckResult(check_name="schema", passed=True, metadata={"rows": found["rows"]})


def quality(found: Mapping[str, Any], picture: dg.MarkdownMetadataValue | None = None) -> dg.AssetCheckResult:
    """The verdict on the months of a `candles.verdict`, with a `picture` of them where one is RED."""
    from fxgpt_core.candles.defects.inspection import Grade

    # The months to look at come first, since a table is cut at its end.
    months = [
        month | {"reasons": "; ".join(month["reasons"])}
        for grade in (Grade.RED, Grade.YELLOW, Grade.GREEN)
        for month in found["months"]
        if month["grade"] == grade
    ]
    return dg.AssetCheckResult(
        check_name="quality",
        passed=found["grade"] == Grade.GREEN,
        severity=dg.AssetCheckSeverity.ERROR if found["grade"] == Grade.RED else dg.AssetCheckSeverity.WARN,
        # Of candles that are stored, the asset itself shows the picture.
        metadata=({"picture": picture} if picture else {})
        | {
            "grade": found["grade"],
            "months": table(months),
            "findings": two_columns(found["defects"]),
            "completeness": found["completeness"],
            "holiday_candles_missing": found["n_holiday"],
            "remedy": "correct the months named at their source and import them again; nothing is repaired here",
        },
    )


def refused(found: Mapping[str, Any], partition: str) -> RefusedError:
    """The error that names the first months that are RED, and why.

    A blocking check stops what follows in the same run only; candles that are not stored stop every run.
    """
    from fxgpt_core.candles.defects.inspection import Grade

    red = [month for month in found["months"] if month["grade"] == Grade.RED]
    told = "; ".join(f"{month['month']}: {month['reasons'][0]}" for month in red[:SHOWN])
    more = f" and {len(red) - SHOWN} more" if len(red) > SHOWN else ""
    return RefusedError(
        f"{len(red)} of {len(found['months'])} months of {partition} are RED ({told}{more}); no month may be, and nothing was "
        "stored; correct them at the source, or import the history after them; `fxgpt candles quality` shows all"
    )
