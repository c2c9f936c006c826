"""The gate board, one check a gate. None blocks its asset: the refusal happens at deployment, where it can be overridden."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from fxgpt_core.registry.gates import GateResult

GATES = (
    "deflated_sharpe",
    "out_of_sample_ratio",
    "minimum_trades",
    "proposed_trades",
    "coverage_cases",
    *(f"coverage_{level}_not_{side}" for level in (50, 80, 95) for side in ("below", "above")),
    "cost_x2",
)

GATE_CHECKS = [dg.AssetCheckSpec(gate, asset="robustness", description="A gate of deployment.") for gate in GATES]


def verdicts(board: "Sequence[GateResult]") -> Iterator[dg.AssetCheckResult]:
    """One verdict for each gate; a gate that could not be measured fails."""
    by_name = {gate.gate: gate for gate in board}
    for name in GATES:
        gate = by_name.get(name)
        if gate is None:
            yield dg.AssetCheckResult(check_name=name, passed=False, metadata={"remedy": "not measured: see the board"})
            continue
        yield dg.AssetCheckResult(
            check_name=name,
            passed=gate.passed,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "value": gate.value,
                "limit": gate.limit,
                "comparison": gate.comparison,
                "remedy": "none needed" if gate.passed else gate.remedy,
            },
        )
