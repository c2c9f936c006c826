"""Are candles sound, and can each of their months be trusted: both block what is made of them."""

from typing import TYPE_CHECKING

import dagster as dg

from fxgpt_core.errors import CandleSchemaError, RefusedError
from fxgpt_pipelines.recording import table, two_columns

if TYPE_CHECKING:
    from fxgpt_core.candles.defects.inspection import Inspection
    from fxgpt_core.candles.quality import QualityReport

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


def schema_passed(report: "QualityReport") -> dg.AssetCheckResult:
    """The verdict on candles that passed the schema."""
    return dg.AssetCheckResult(check_name="schema", passed=True, metadata={"rows": report.rows})


def quality(report: "QualityReport", found: "Inspection", picture: dg.MarkdownMetadataValue) -> dg.AssetCheckResult:
    """The verdict on the months, with `picture` of them where one is RED."""
    from fxgpt_core.candles.defects.inspection import Grade

    # The months to look at come first, since a table is cut at its end.
    months = [
        {"month": month.month, "grade": str(month.grade), "candles": month.candles, "reasons": "; ".join(month.reasons)}
        for grade in (Grade.RED, Grade.YELLOW, Grade.GREEN)
        for month in found.graded(grade)
    ]
    red = found.grade is Grade.RED
    return dg.AssetCheckResult(
        check_name="quality",
        passed=found.grade is Grade.GREEN,
        severity=dg.AssetCheckSeverity.ERROR if red else dg.AssetCheckSeverity.WARN,
        # Of candles that are stored, the asset itself shows the picture.
        metadata=({"picture": picture} if red else {})
        | {
            "grade": str(found.grade),
            "months": table(months),
            "findings": two_columns(found.counts),
            "completeness": report.completeness,
            "holiday_candles_missing": report.n_holiday,
            "remedy": "correct the months named at their source and import them again; nothing is repaired here",
        },
    )


def require_no_red(found: "Inspection", partition: str) -> None:
    """Raise `RefusedError`, naming the first months that are RED and why, if there are any.

    A blocking check stops what follows in the same run only; candles that are not stored stop every run.
    """
    from fxgpt_core.candles.defects.inspection import Grade

    red = found.graded(Grade.RED)
    if red:
        told = "; ".join(f"{month.month}: {month.reasons[0]}" for month in red[:SHOWN])
        more = f" and {len(red) - SHOWN} more" if len(red) > SHOWN else ""
        raise RefusedError(
            f"{len(red)} of {len(found.months)} months of {partition} are RED ({told}{more}); no month may be, and nothing was "
            "stored; correct them at the source, or import the history after them; `fxgpt candles quality` shows all"
        )
