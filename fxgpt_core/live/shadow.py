"""Live is the backtest: decisions as they were made against the same decisions computed afterwards, number by number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_records import decisions_of
from fxgpt_core.strategy.decision import Decisions


@dataclass(frozen=True)
class LiveDecision:
    """A decision as the live job wrote it: `Decision.to_json()` and when it was known."""

    known_at_us: int
    decision: dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """One field that differs: what live had, what the backtest computes (None: no such decision)."""

    known_at_us: int
    field: str
    live: Any
    backtest: Any


def live_decisions(ledger: Ledger, deployment_id: int) -> list[LiveDecision]:
    """All decisions of a deployment that were computed, oldest first: a candle that was refused before has none."""
    found = decisions_of(ledger, deployment_id)
    return [LiveDecision(each.known_at_us, each.payload["decision"]) for each in found if "decision" in each.payload]


def differences(live: Sequence[LiveDecision], recomputed: Decisions) -> list[Difference]:
    """Every field of every live decision that is not exactly what the backtest decides at the same close."""
    rows = {int(known_at): i for i, known_at in enumerate(recomputed.known_at_us.tolist())}
    found = []
    for item in live:
        row = rows.get(item.known_at_us)
        if row is None:
            found.append(Difference(item.known_at_us, "decision", item.decision["reason"], None))
            continue
        backtest = _flat(recomputed.row(row).to_json())
        lived = _flat(item.decision)
        names = sorted(lived.keys() | backtest.keys())
        found += [
            Difference(item.known_at_us, name, lived.get(name), backtest.get(name))
            for name in names
            if lived.get(name) != backtest.get(name)
        ]
    return found


def _flat(decision: dict[str, Any]) -> dict[str, Any]:
    numbers = decision["numbers"]
    return {**{name: value for name, value in decision.items() if name != "numbers"}, **numbers}
