"""Do weights see later days (blocking), and did the solver find them all."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_pipelines.checks.features import NO_LOOK_AHEAD

if TYPE_CHECKING:
    import polars as pl

ALLOCATION_CHECKS = [
    dg.AssetCheckSpec("no_look_ahead", asset="allocation", blocking=True, description=NO_LOOK_AHEAD),
    dg.AssetCheckSpec("solved", asset="allocation", description="Every rebalance found its optimal weights."),
]


def solved_of(weights: "pl.DataFrame") -> dict[str, int]:
    """How often a frame of weights was rebalanced, and how often the solver found none."""
    from fxgpt_core.portfolio.optimal_weights import NO_SOLUTION, REASONS

    return {
        "rebalances": int(weights["rebalanced"].sum()),
        "without_solution": int((weights["rebalanced"] & (weights["reason"] == REASONS[NO_SOLUTION])).sum()),
    }


def solved(found: Mapping[str, Any]) -> dg.AssetCheckResult:
    """The verdict on what `solved_of` gave."""
    return dg.AssetCheckResult(
        check_name="solved",
        passed=found["rebalances"] > 0 and found["without_solution"] == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "rebalances": found["rebalances"],
            "without_solution": found["without_solution"],
            "remedy": "there, weights are equal; without a rebalance import more candles: the window is 120 days",
        },
    )
