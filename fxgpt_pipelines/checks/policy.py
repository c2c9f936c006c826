"""Is the policy worth more than weights that never change. It does not block: nothing trades by it unless a person says so."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

POLICY_CHECKS = [
    dg.AssetCheckSpec(
        "beats_static_weights",
        asset="rl_agent",
        description="On unseen days the policy earns more than the static weights that were best on its training days.",
    )
]


def verdicts(summary: Mapping[str, Any]) -> Iterator[dg.AssetCheckResult]:
    """The verdict on a stored policy."""
    earned = {row["name"]: row["total_return"] for row in summary["judged"]}
    yield dg.AssetCheckResult(
        check_name="beats_static_weights",
        passed=earned["policy"] > earned["best static"],
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "policy": earned["policy"],
            "best_static": earned["best static"],
            "equal": earned["equal"],
            "remedy": "leave the mode at advisory, or train on more candles and symbols, before the policy's weights are traded",
        },
    )
