"""Live decisions and signals: each stored once whatever is retried, and what becomes of a signal, each step a fact."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from fxgpt_core.content_hash import canonical_json, of_bytes
from fxgpt_core.errors import BadInputError, MissingError, RefusedError
from fxgpt_core.registry import lineage
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import decisions, order_intents, signals

NEW, TAKEN, DENIED, EXPIRED = "new", "taken", "denied", "expired"
LATER_STATES = (TAKEN, DENIED, EXPIRED)


@dataclass(frozen=True)
class DecisionRecord:
    """One live decision: `side` 1, 0 or −1; `payload` has every number and input it rests on, `sha256` is its hash.

    `id` and `created_at` are None until it is stored.
    """

    deployment_id: int
    symbol: str
    timeframe: str
    known_at_us: int
    side: int
    reason: str
    payload: Mapping[str, Any]
    dagster_run_id: str
    id: int | None = None
    created_at: datetime | None = None

    @property
    def sha256(self) -> str:
        """The hash of the payload's canonical JSON."""
        return of_bytes(canonical_json(dict(self.payload)).encode())


@dataclass(frozen=True)
class SignalRecord:
    """The wish to trade: distances in price units from the decision candle's close, risk as a fraction of equity."""

    signal_key: str
    decision_id: int
    side: int
    stop_distance: float
    target_distance: float
    risk_fraction: float
    state: str = NEW
    reason: str = ""
    created_at: datetime | None = None


def signal_key(deployment_id: int, symbol: str, timeframe: str, known_at_us: int) -> str:
    """The one name of the wish to enter on one candle by one deployment."""
    return f"{deployment_id}:{symbol}:{timeframe}:{known_at_us}:entry"


def insert_decision(connection: Connection, decision: DecisionRecord, now: datetime) -> DecisionRecord:
    """Store a decision and its lineage entry, or return the one stored before for that deployment and candle.

    The first decision stands: compare `sha256` to see whether a later one differs.
    """
    lineage.lock(connection)
    found = _find_decision(connection, decision)
    if found is not None:
        return found
    text = canonical_json(dict(decision.payload))
    values = {
        "deployment_id": decision.deployment_id,
        "symbol": decision.symbol,
        "timeframe": decision.timeframe,
        "known_at_us": decision.known_at_us,
        "side": decision.side,
        "reason": decision.reason,
        "sha256": decision.sha256,
        "dagster_run_id": decision.dagster_run_id,
    }
    row = connection.execute(insert(decisions).returning(decisions), {**values, "payload_json": text, "created_at": now}).one()
    lineage.append(connection, "decision", {"decision_id": row.id, **values}, now)
    return _decision(row)


def note_regime_switch(connection: Connection, decision: DecisionRecord, now: datetime) -> Mapping[str, Any] | None:
    """Write down that the regime is another than at the deployment's decision before, and which parameter set decides now.

    Returns what was written: `regime_before`, `regime_after` (codes, None: unknown), `parameter_set_before`, …. Called before
    `insert_decision` in the same transaction, so that a switch is told once, whatever is retried. Nothing is written (None) for
    a deployment whose parameter set is the same in all regimes, nor for its first decision.
    """
    lineage.lock(connection)
    numbers = decision.payload.get("decision", {}).get("numbers", {})
    if "parameter_set" not in numbers or _find_decision(connection, decision) is not None:
        return None
    last = _last_with_numbers(connection, decision)
    if last is None:
        return None
    before = json.loads(last.payload_json)["decision"]["numbers"]
    if before.get("regime") == numbers.get("regime"):
        return None
    told = {"deployment_id": decision.deployment_id, "known_at_us": decision.known_at_us, "before_known_at_us": last.known_at_us}
    places = {"before": before, "after": numbers}
    told |= {f"regime_{when}": place.get("regime") for when, place in places.items()}
    told |= {f"parameter_set_{when}": place.get("parameter_set") for when, place in places.items()}
    lineage.append(connection, "regime_switch", told, now)
    return told


def insert_signal(connection: Connection, signal: SignalRecord, now: datetime) -> SignalRecord:
    """Store a signal, or return the one stored before under its key. Raises `BadInputError` for a signal without a side."""
    if signal.side not in (1, -1) or signal.state != NEW:
        raise BadInputError(
            f"signal {signal.signal_key}: side {signal.side}, state {signal.state}; side is 1 or -1, state `{NEW}`"
        )
    lineage.lock(connection)
    found = _find_signal(connection, signal.signal_key)
    if found is not None:
        return found
    values = {
        "signal_key": signal.signal_key,
        "decision_id": signal.decision_id,
        "side": signal.side,
        "stop_distance": signal.stop_distance,
        "target_distance": signal.target_distance,
        "risk_fraction": signal.risk_fraction,
        "state": NEW,
        "reason": signal.reason,
    }
    row = connection.execute(insert(signals).returning(signals), {**values, "created_at": now}).one()
    lineage.append(connection, "signal", values, now)
    return _signal(row)


def move_signal(connection: Connection, key: str, state: str, reason: str, now: datetime) -> bool:
    """Move a signal on, with its lineage entry; False, and nothing is written, when it is there already.

    A new one becomes taken, denied or expired; one that was taken may still be denied or expire while its order never left.
    Raises `RefusedError` for any other move, `MissingError` for an unknown key, `BadInputError` for another state.
    """
    if state not in LATER_STATES:
        raise BadInputError(f"a signal cannot become {state!r}; it becomes one of {', '.join(LATER_STATES)}")
    lineage.lock(connection)
    found = _find_signal(connection, key)
    if found is None:
        raise MissingError(f"there is no signal {key}; insert it with its decision first")
    if found.state == state:
        return False
    if found.state != NEW and (found.state != TAKEN or _was_sent(connection, key)):
        raise RefusedError(
            f"signal {key} is {found.state} already and cannot become {state}; "
            "states only move forward, and an order that may have left is not taken back"
        )
    connection.execute(update(signals).where(signals.c.signal_key == key).values(state=state, reason=reason))
    lineage.append(connection, "signal_state", {"signal_key": key, "from": found.state, "to": state, "reason": reason}, now)
    return True


def decision_at(ledger: Ledger, deployment_id: int, symbol: str, timeframe: str, known_at_us: int) -> DecisionRecord | None:
    """The stored decision of a deployment on one candle; None when there is none yet."""
    asked = DecisionRecord(deployment_id, symbol, timeframe, known_at_us, 0, "", {}, "")
    with ledger.reading() as connection:
        return _find_decision(connection, asked)


def decisions_of(ledger: Ledger, deployment_id: int) -> list[DecisionRecord]:
    """Every decision of a deployment in the order of its candles."""
    table = decisions.c
    asked = select(decisions).where(table.deployment_id == deployment_id).order_by(table.known_at_us, table.id)
    with ledger.reading() as connection:
        return [_decision(row) for row in connection.execute(asked)]


def signals_in(ledger: Ledger, state: str) -> list[SignalRecord]:
    """Every signal in a state, oldest decision first."""
    asked = select(signals).where(signals.c.state == state).order_by(signals.c.decision_id, signals.c.signal_key)
    with ledger.reading() as connection:
        return [_signal(row) for row in connection.execute(asked)]


def _find_decision(connection: Connection, asked: DecisionRecord) -> DecisionRecord | None:
    names = ("deployment_id", "symbol", "timeframe", "known_at_us")
    same = select(decisions).where(*(decisions.c[name] == getattr(asked, name) for name in names))
    row = connection.execute(same).one_or_none()
    return _decision(row) if row is not None else None


def _last_with_numbers(connection: Connection, decision: DecisionRecord) -> Row[Any] | None:
    """The deployment's latest decision before another that was computed; a refused candle may have no numbers."""
    mine = (decisions.c.deployment_id == decision.deployment_id, decisions.c.known_at_us < decision.known_at_us)
    computed = decisions.c.payload_json.contains('"numbers":')
    asked = select(decisions).where(*mine, computed).order_by(decisions.c.known_at_us.desc())
    return connection.execute(asked.limit(1)).one_or_none()


def _find_signal(connection: Connection, key: str) -> SignalRecord | None:
    row = connection.execute(select(signals).where(signals.c.signal_key == key)).one_or_none()
    return _signal(row) if row is not None else None


def _was_sent(connection: Connection, key: str) -> bool:
    sent = select(order_intents.c.sent_at).where(order_intents.c.signal_key == key, order_intents.c.sent_at.is_not(None))
    return connection.execute(sent).first() is not None


def _decision(row: Row[Any]) -> DecisionRecord:
    payload = json.loads(row.payload_json)
    place = (row.deployment_id, row.symbol, row.timeframe, row.known_at_us)
    return DecisionRecord(*place, row.side, row.reason, payload, row.dagster_run_id, row.id, row.created_at)


def _signal(row: Row[Any]) -> SignalRecord:
    levels = (row.stop_distance, row.target_distance, row.risk_fraction)
    return SignalRecord(row.signal_key, row.decision_id, row.side, *levels, row.state, row.reason, row.created_at)
