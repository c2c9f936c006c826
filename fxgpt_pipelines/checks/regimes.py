"""Do regimes see the future (blocking), and did the fit end with a state for each name."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from fxgpt_pipelines.checks.features import NO_LOOK_AHEAD

REGIME_CHECKS = [
    dg.AssetCheckSpec("no_look_ahead", asset="regimes", blocking=True, description=NO_LOOK_AHEAD),
    dg.AssetCheckSpec(
        "named", asset="regimes", description="The fit converged, and each of the four regimes has a hidden state."
    ),
]


def named(summary: Mapping[str, Any]) -> dg.AssetCheckResult:
    """The verdict on the fit, a warning: what has no state is never told, and the others are told as they are."""
    states = [state["regime"] for state in summary["states"]]
    without = sorted({row["regime"] for row in summary["statistics"]} - set(states))
    return dg.AssetCheckResult(
        asset_key="regimes",
        check_name="named",
        passed=not without and summary["fitted_on"]["converged"],
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "converged": summary["fitted_on"]["converged"],
            "regimes_without_a_state": ", ".join(without) or "none",
            "remedy": "give a longer train span, more n_states, or a larger prior_weight",
        },
    )
