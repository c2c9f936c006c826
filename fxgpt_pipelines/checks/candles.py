"""Are candles sound (blocking), and how complete are they."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from fxgpt_core.errors import CandleSchemaError

if TYPE_CHECKING:
    from fxgpt_core.candles.quality import QualityReport

LEAST_COMPLETENESS = 0.95
MOST_SUSPECT = 0.05

CANDLE_CHECKS = [
    dg.AssetCheckSpec("schema", asset="candles", blocking=True, description="Ordered, unique, on the grid, sound OHLC."),
    dg.AssetCheckSpec("quality", asset="candles", description="Missing, flat and repeated candles against the FX week."),
]


def schema_failed(error: CandleSchemaError) -> dg.AssetCheckResult:
    """The verdict on candles that cannot be used; nothing of them is stored."""
    return dg.AssetCheckResult(check_name="schema", passed=False, description=str(error), metadata={"found": str(error)})


def schema_and_quality(report: "QualityReport") -> Iterator[dg.AssetCheckResult]:
    """The verdicts on candles that passed the schema."""
    yield dg.AssetCheckResult(check_name="schema", passed=True, metadata={"rows": report.rows})
    suspect = (report.n_flat + report.n_repeated + report.n_spikes) / max(1, report.rows)
    passed = report.completeness >= LEAST_COMPLETENESS and suspect <= MOST_SUSPECT
    yield dg.AssetCheckResult(
        check_name="quality",
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "completeness": report.completeness,
            "least_completeness": LEAST_COMPLETENESS,
            "suspect_share": suspect,
            "most_suspect_share": MOST_SUSPECT,
            "remedy": "import a fuller history of this symbol, or accept that indicators jump over the gaps",
        },
    )
