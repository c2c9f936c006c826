"""The gate board, one check a gate, and each of them blocks: what follows in the same run is not made.

A run of its own, such as that of a deployment, is refused by the board in the ledger, where it can be overridden on paper.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from fxgpt_core.registry.efforts import EFFORTS, TOLD

if TYPE_CHECKING:
    from fxgpt_core.registry.gates import GateResult

GATES = {
    "deflated_sharpe": "Probability that the Sharpe ratio out of sample is not the luck of all trials ever made.",
    "overfitting": "How often the trial that is best in one half of the searched days is not better than most in the other.",
    "superior_ability": "How often the best of as many worthless trials would look as good as the best of the search.",
    "track_record": "Length of the unseen test windows over the length that their Sharpe ratio needs.",
    "sharpe_at_5": "Annual Sharpe ratio that remains in all but 5 % of the histories that the unseen days could have made.",
    "out_of_sample_ratio": "Sharpe ratio on the unseen test windows over that of the same choices on their train windows.",
    "minimum_trades": "Closed trades on the unseen test windows.",
    "proposed_trades": "Closed trades of the proposed set itself on the latest train window.",
    "coverage_cases": "Independent outcomes that the coverage of the bands was measured on.",
    **{
        f"coverage_{level}_not_{side}": f"The {level} % bands are not too {how}: observed coverage against its binomial band."
        for level in (50, 80, 95)
        for side, how in (("below", "narrow"), ("above", "wide"))
    },
    "fold_consistency": "Share of the measured test windows with a Sharpe ratio above 0.",
    "late_entries": "Annual Sharpe ratio that remains in all but 5 % of 1,000 plays whose entries come up to three candles late.",
    "cost_x1_5": "Money earned on the unseen test windows when trading costs rise by half.",
    "cost_x2": "Money earned on the unseen test windows when trading costs double.",
    "stress_shocks": "Synthetic shocks that could be put where the proposed set held a position.",
    "stress_kept": "The least that the account kept through any shock or crisis, in percent of what it had before.",
}
"""Every gate, in the board's order, and what it asks."""

GATE_CHECKS = [dg.AssetCheckSpec(gate, asset="robustness", description=asked, blocking=True) for gate, asked in GATES.items()]
VAULT_CHECK = dg.AssetCheckSpec(
    "vault_ratio",
    asset="vault",
    description="Sharpe ratio on the days that no search saw, less what luck shows, over that on the set's own train window.",
    blocking=True,
)


def verdicts(board: "Sequence[GateResult]") -> Iterator[dg.AssetCheckResult]:
    """One verdict for each gate; a gate that could not be measured fails."""
    by_name = {gate.gate: gate for gate in board}
    for name in GATES:
        gate = by_name.get(name)
        if gate is None:
            yield dg.AssetCheckResult(check_name=name, passed=False, metadata={"remedy": "not measured: see the board"})
            continue
        yield verdict(gate)


def verdict(gate: "GateResult") -> dg.AssetCheckResult:
    """A gate as a check: its number, its limit, and what to do."""
    return dg.AssetCheckResult(
        check_name=gate.gate,
        passed=gate.passed,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "value": gate.value,
            "limit": gate.limit,
            "comparison": gate.comparison,
            "remedy": "none needed" if gate.passed else gate.remedy,
            "asks_for": TOLD[EFFORTS[gate.gate]],
        },
    )
