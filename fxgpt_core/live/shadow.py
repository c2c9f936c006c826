"""Live is the backtest: decisions as they were made against the same decisions computed afterwards, number by number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fxgpt_core.live.candle_feed import ReceivedCandles
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_records import decisions_of
from fxgpt_core.strategy.decision import Decisions

CODE, LATE_DATA = "code", "late data"


@dataclass(frozen=True)
class LiveDecision:
    """A decision as the live job wrote it: `Decision.to_json()`, when it was known, and the hashes of what made it.

    `refusals`: why it made no signal, by kind.
    """

    known_at_us: int
    decision: dict[str, Any]
    code_sha256: str = ""
    candles_sha256: str = ""
    refusals: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """One field that differs: what live had, what the backtest computes (None: no such decision), and why if it is known."""

    known_at_us: int
    field: str
    live: Any
    backtest: Any
    cause: str = ""


def live_decisions(ledger: Ledger, deployment_id: int) -> list[LiveDecision]:
    """All decisions of a deployment that were computed, oldest first: a candle that was refused before has none."""
    found = decisions_of(ledger, deployment_id)
    return [_live(each.known_at_us, each.payload) for each in found if "decision" in each.payload]


def _live(known_at_us: int, payload: Mapping[str, Any]) -> LiveDecision:
    hashes = (payload.get("code", {}).get("code_sha256", ""), payload.get("live_candles", {}).get("sha256", ""))
    refusals = {each["kind"]: each["message"] for each in payload.get("refusals", ())}
    return LiveDecision(known_at_us, payload["decision"], *hashes, refusals)


def cause_of(decision: LiveDecision, code_sha256: str, feed: ReceivedCandles) -> str:
    """Why a decision comes out otherwise: `code` is another version than decided, or `late data`, the candles received up to
    its close are not those it saw; empty where both are the same.
    """
    if decision.code_sha256 and decision.code_sha256 != code_sha256:
        return CODE
    return LATE_DATA if decision.candles_sha256 and decision.candles_sha256 != feed.sha256 else ""


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
