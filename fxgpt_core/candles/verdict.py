"""What was found in a candle series, in plain values: stored beside the candles, and told again without a second look."""

from typing import Any

import polars as pl

from fxgpt_core.candles.defects.inspection import Inspection
from fxgpt_core.candles.quality import QualityReport


def verdict(report: QualityReport, found: Inspection, given: pl.DataFrame) -> dict[str, Any]:
    """The report's numbers, and of the `given` candles, which were inspected: grade, months, defects, rows in quarantine."""
    return report.to_dict() | {
        "grade": str(found.grade),
        "months": [
            {"month": month.month, "grade": str(month.grade), "candles": month.candles, "reasons": list(month.reasons)}
            for month in found.months
        ],
        "defects": found.counts,
        "n_quarantined": int(found.with_quarantine(given)["quarantined"].sum()),
    }
