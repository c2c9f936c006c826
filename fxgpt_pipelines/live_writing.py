"""One decision written down, once: its row, its signal if it may have one, the alerts it raises and those it resolves."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from fxgpt_core.live.freshness import FAILED_CHECK, STALE_CANDLE, STALE_MODEL, Refusal

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from fxgpt_core.registry.deployment_records import Deployment
    from fxgpt_core.registry.ledger import Ledger
    from fxgpt_core.registry.live_records import DecisionRecord
    from fxgpt_core.strategy.decision import Decision

KINDS = (STALE_CANDLE, STALE_MODEL, FAILED_CHECK)
WHEN = ("before", "after")


@dataclass(frozen=True)
class Recorded:
    """What became of a candle, in one line; `refused`: it makes no signal, whatever is decided on it."""

    text: str
    refused: bool = False


@dataclass(frozen=True)
class Candle:
    """The candle of a deployment, and what was decided on it (None: nothing could be) from what, or why it makes no signal."""

    deployment: "Deployment"
    known_at_us: int
    decision: "Decision | None"
    payload: Mapping[str, Any]
    refusals: Sequence[Refusal] = ()

    @property
    def place(self) -> "tuple[int, str, str, int]":
        """Deployment, symbol, timeframe and the candle's close."""
        return (self.deployment.id, self.deployment.symbol, self.deployment.timeframe, self.known_at_us)

    def record(self) -> "DecisionRecord":
        """The row to be written; a refused one has no side, and what it would have decided stays in its payload."""
        from fxgpt_core.registry.live_records import DecisionRecord

        refused = {"refusals": [asdict(refusal) for refusal in self.refusals]} if self.refusals else {}
        payload = {**self.payload, **refused} | ({} if self.decision is None else {"decision": self.decision.to_json()})
        side = 0 if self.decision is None or self.refusals else self.decision.side
        told = "no signal: " + "; ".join(refusal.message for refusal in self.refusals)
        reason = told if self.refusals or self.decision is None else self.decision.reason
        return DecisionRecord(*self.place, side, reason, payload, payload["dagster_run_id"])


def written(ledger: "Ledger", candle: Candle) -> Recorded:
    """Write a candle's decision, signal and alerts in one transaction; what another run wrote meanwhile stands."""
    from fxgpt_core.registry.live_records import insert_decision, note_regime_switch

    record = candle.record()
    with ledger.begin() as connection:
        now = ledger.now()
        switch = note_regime_switch(connection, record, now)
        if switch is not None:
            record = replace(record, reason=f"{record.reason}; {_switched(switch)}")
        stored = insert_decision(connection, record, now)
        if stored.id is None or stored.sha256 != record.sha256:
            return Recorded(f"decided meanwhile by another run: {stored.reason}")
        _tell(connection, ledger, candle)
        if candle.decision is not None and record.side:
            _signal(connection, candle, candle.decision, stored, now)
    return Recorded(f"{record.reason} (side {record.side})", refused=bool(candle.refusals))


def _signal(connection: "Connection", candle: Candle, decision: "Decision", stored: "DecisionRecord", now: "datetime") -> None:
    """The signal of a decision with a side; on a paused series it is denied as it is made, with the pause as its reason."""
    from fxgpt_core.registry.live_records import DENIED, SignalRecord, insert_signal, move_signal, signal_key
    from fxgpt_core.registry.pauses import pause_of

    wish = {name: getattr(decision, name) for name in ("side", "stop_distance", "target_distance", "risk_fraction")}
    key = signal_key(*candle.place)
    insert_signal(connection, SignalRecord(key, int(stored.id or 0), reason=decision.reason, **wish), now)
    pause = pause_of(connection, candle.deployment.symbol, candle.deployment.timeframe)
    if pause is not None:
        move_signal(connection, key, DENIED, pause.refusal, now)


def _tell(connection: "Connection", ledger: "Ledger", candle: Candle) -> None:
    """Raise the alerts of what was refused and resolve those of what is well again; the candle itself waits no longer."""
    from fxgpt_core.live.state_of_trading import alert, resolve_alerts
    from fxgpt_pipelines.attempts import alert_key

    resolve_alerts(connection, ledger, alert_key(":".join(map(str, candle.place))))
    number, symbol, timeframe, _ = candle.place
    refused = {refusal.kind: refusal for refusal in candle.refusals}
    for kind in KINDS:
        key = f"{kind}:{number}"
        if kind not in refused:
            if candle.decision is not None:  # of what could not be read nothing is known to be well
                resolve_alerts(connection, ledger, key)
            continue
        message = f"deployment {number} makes no signal on {symbol} {timeframe}: {refused[kind].message}"
        alert(connection, ledger, kind, key, message, refused[kind].remedy)


def _switched(switch: Mapping[str, Any]) -> str:
    from fxgpt_core.regimes.regime import SET_NAMES, UNKNOWN, regime_name

    regimes = {when: regime_name(UNKNOWN if (code := switch[f"regime_{when}"]) is None else int(code)) for when in WHEN}
    sets = {when: SET_NAMES[int(switch[f"parameter_set_{when}"] or 0)] for when in WHEN}
    return (
        f"the regime is {regimes['after']} after {regimes['before']}: the {sets['after']} set decides, "
        f"the {sets['before']} set did before"
    )
