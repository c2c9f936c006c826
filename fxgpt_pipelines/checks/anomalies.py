"""Does an anomaly see the future (blocking), and are anomalies about as rare behind the training span as they are said to be."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from fxgpt_pipelines.checks.features import NO_LOOK_AHEAD, lookahead
from fxgpt_pipelines.recording import table

ASSET = "pattern_autoencoder"
FACTOR = 4.0
BEHIND = ("calibration", "test")

ANOMALY_CHECKS = [
    dg.AssetCheckSpec("no_look_ahead", asset=ASSET, blocking=True, description=NO_LOOK_AHEAD),
    dg.AssetCheckSpec(
        "rare",
        asset=ASSET,
        description=f"Behind the training span at most {FACTOR:g} times as many candles are flagged as the percentile says.",
    ),
]


def look_ahead(summary: Mapping[str, Any]) -> dg.AssetCheckResult:
    """The verdict of the truncation test."""
    return lookahead(ASSET, summary["look_ahead"])


def rarity(summary: Mapping[str, Any]) -> dg.AssetCheckResult:
    """The verdict on the share of flagged candles in calibration and test span; a market that changed fails it."""
    limit = FACTOR * (1.0 - summary["parameters"]["percentile"] / 100.0)
    rows = [row for row in summary["shares"] if row["span"] in BEHIND]
    return dg.AssetCheckResult(
        asset_key=ASSET,
        check_name="rare",
        passed=bool(rows) and all(row["flagged"] <= limit for row in rows),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "limit": limit,
            "spans": table(rows),
            "remedy": "the market is not the one that was learned: train on a longer or later span, or raise the percentile",
        },
    )
