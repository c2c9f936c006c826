"""Is the model worth more than a random walk, and do its bands hold. Neither blocks: the gate board decides on deployment."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from fxgpt_pipelines.recording import table

TIE = 0.01

VALIDATION_CHECKS = [
    dg.AssetCheckSpec(
        "beats_random_walk",
        asset="walk_forward_validation",
        description="CRPS on unseen candles is at most a random walk's, or ties with it within one percent.",
    ),
    dg.AssetCheckSpec(
        "coverage",
        asset="walk_forward_validation",
        description="Observed coverage lies in its binomial band wherever there is evidence, and there is some.",
    ),
]


def verdicts(stored: Mapping[str, Any]) -> Iterator[dg.AssetCheckResult]:
    """The verdicts on a stored validation."""
    ratio = stored["crps"] / stored["crps_random_walk"]
    yield dg.AssetCheckResult(
        check_name="beats_random_walk",
        passed=ratio <= 1.0 + TIE,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "crps": stored["crps"],
            "crps_random_walk": stored["crps_random_walk"],
            "ratio": ratio,
            "limit": 1.0 + TIE,
            "remedy": "train with a larger preset or on more candles; a model that loses to a random walk should not be deployed",
        },
    )
    outside = [row for row in stored["coverage"] if row["verdict"] == "does not hold"]
    unknown = [row for row in stored["coverage"] if row["verdict"] == "insufficient evidence"]
    yield dg.AssetCheckResult(
        check_name="coverage",
        passed=not outside and len(unknown) < len(stored["coverage"]),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "rows": len(stored["coverage"]),
            "insufficient_evidence": table([{n: row[n] for n in ("step", "nominal", "n_eff")} for row in unknown]),
            "outside": table([{n: row[n] for n in ("step", "nominal", "observed", "low", "high")} for row in outside]),
            "remedy": "calibrate on a later or longer span, or train the model again",
        },
    )
