"""The part of a trace that lies in the ledger's rows: each row against the hash or the fact that was written with it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from fxgpt_core import content_hash
from fxgpt_core.errors import MissingError
from fxgpt_core.live.candle_feed import ReceivedCandles, closed_candle
from fxgpt_core.live.order_id import client_order_id
from fxgpt_core.regimes.regime import GLOBAL, SET_NAMES, regime_name
from fxgpt_core.registry.artifact_tables import lineage_ledger
from fxgpt_core.registry.live_tables import decisions, fills, live_candles, order_intents, signals
from fxgpt_core.registry.runs_ever import run_ever
from fxgpt_core.registry.tables import deployment_configs, optimization_parameters, regime_parameters, trial_ledger

INTENT_FIELDS = (
    "client_order_id", "signal_key", "deployment_id", "account", "broker", "symbol", "side", "units", "stop_price",
    "target_price",
)  # fmt: skip
FILL_FIELDS = (
    "fill_id", "order_id", "client_order_id", "position_id", "account", "symbol", "side", "units", "price", "commission",
    "reason", "time_us",
)  # fmt: skip
SIGNAL_FIELDS = ("signal_key", "decision_id", "side", "stop_distance", "target_distance", "risk_fraction")
DECISION_FIELDS = ("deployment_id", "symbol", "timeframe", "known_at_us", "side", "reason", "dagster_run_id")
EVIDENCE_FIELDS = (
    "deployment_id", "broker", "parameter_set_id", "params_sha256", "model_id", "calibration_id", "validation_id",
    "override_reason", "previous_id", "commit_sha", "dirty_sha256", "lock_sha256", "dagster_run_id",
)  # fmt: skip
_MICRO = 1_000_000


@dataclass(frozen=True)
class Fact:
    """What a row says, as a hash, beside the hash of what was written down when it happened."""

    name: str
    id: str
    stored: str
    recomputed: str
    details: Mapping[str, Any] = field(default_factory=dict)


def intent_of(connection: Connection, order: str) -> Row[Any]:
    """The intent of an order id or client order id. Raises `MissingError`."""
    asked = select(order_intents).where(or_(order_intents.c.client_order_id == order, order_intents.c.order_id == order))
    found = connection.execute(asked.order_by(order_intents.c.created_at.desc()).limit(1)).one_or_none()
    if found is None:
        raise MissingError(f"the ledger knows no order {order}; `fxgpt orders` lists those it knows")
    return found


def order_fact(connection: Connection, intent: Row[Any]) -> Fact:
    """The order as planned, against the fact written before it was sent, and its state against the last fact of it."""
    planned = written(connection, "order_intent", "client_order_id", intent.client_order_id) or {}
    moved = written(connection, "order_state", "client_order_id", intent.client_order_id, last=True) or {"to": "PLANNED"}
    kept = {**planned, "state": moved["to"]}
    row = {name: getattr(intent, name, None) for name in {**dict.fromkeys(INTENT_FIELDS), **kept}}
    details = {"state": intent.state, "side": intent.side, "units": intent.units, "order_id": intent.order_id,
               "account": intent.account, "broker": intent.broker}  # fmt: skip
    return Fact("order", intent.client_order_id, content_hash.of_json(kept), content_hash.of_json(row), details)


def fill_facts(connection: Connection, intent: Row[Any]) -> Iterator[Fact]:
    """Every fill of the order's position, against the fact written with it; one without a row is missing."""
    mine = select(fills).where(fills.c.account == intent.account, fills.c.position_id == intent.position_id)
    kept = {fact["fill_id"]: fact for fact in facts(connection, "fill", "position_id", intent.position_id)}
    # Earlier versions wrote fewer numbers down: a row is held against what was written of it, and the fields above at least.
    rows = {
        row.fill_id: {name: getattr(row, name, None) for name in {**dict.fromkeys(FILL_FIELDS), **kept.get(row.fill_id, {})}}
        for row in connection.execute(mine)
    }
    both = {**rows, **kept}
    for fill_id in sorted(both, key=lambda found: (both[found]["time_us"], both[found]["reason"] != "entry", found)):
        row = rows.get(fill_id)
        shown = row or kept[fill_id]
        details = {
            "price": shown["price"],
            "units": shown["units"],
            "reason": shown["reason"],
            "time": _stamp(int(shown["time_us"] or 0)),
        }
        recomputed = "" if row is None else content_hash.of_json(row)
        yield Fact("fill", fill_id, content_hash.of_json(kept.get(fill_id)), recomputed, details)


def signal_fact(connection: Connection, intent: Row[Any]) -> Fact:
    """The signal against the fact written with it; the order's id is the hash of its key."""
    row = connection.execute(select(signals).where(signals.c.signal_key == intent.signal_key)).one_or_none()
    fact = written(connection, "signal", "signal_key", intent.signal_key) or {}
    kept = {name: fact.get(name) for name in SIGNAL_FIELDS} | {"client_order_id": intent.client_order_id}
    if row is None:
        return Fact("signal", intent.signal_key, content_hash.of_json(kept), "", {})
    now = {name: getattr(row, name) for name in SIGNAL_FIELDS} | {
        "client_order_id": client_order_id(row.signal_key, intent.retry)
    }
    details = {"side": row.side, "state": row.state, "risk_fraction": row.risk_fraction}
    return Fact("signal", row.signal_key, content_hash.of_json(kept), content_hash.of_json(now), details)


def decision_of(connection: Connection, intent: Row[Any]) -> Row[Any] | None:
    """The decision row behind an order; None when it, or its signal, is gone."""
    asked = select(decisions).join(signals, signals.c.decision_id == decisions.c.id)
    return connection.execute(asked.where(signals.c.signal_key == intent.signal_key)).one_or_none()


def decision_fact(connection: Connection, row: Row[Any]) -> Fact:
    """The decision with all its numbers and inputs, against the fact written with it."""
    fact = written(connection, "decision", "decision_id", row.id)
    hashed = content_hash.of_bytes(row.payload_json.encode())
    now = {name: getattr(row, name) for name in DECISION_FIELDS} | {"decision_id": row.id, "sha256": hashed}
    payload = _payload(row)
    code, decision = payload.get("code", {}), payload.get("decision", {})
    details = {
        "known_at": _stamp(row.known_at_us),
        "reason": row.reason,
        "side": row.side,
        "dagster_run_id": row.dagster_run_id,
        "inputs": payload.get("inputs"),
        "commit": code.get("commit"),
        "dirty": code.get("dirty_sha256"),
        "lock": code.get("lock_sha256"),
        "numbers": decision.get("numbers"),
    }
    recomputed = content_hash.of_json(now if row.sha256 == hashed else {**now, "stored": row.sha256})
    return Fact("decision", str(row.id), content_hash.of_json(fact), recomputed, details)


def live_candles_fact(connection: Connection, row: Row[Any]) -> Fact:
    """The closed candles that had been received when the decision was made."""
    stored = _payload(row).get("live_candles", {})
    asked = select(live_candles).where(
        live_candles.c.symbol == row.symbol,
        live_candles.c.timeframe == row.timeframe,
        live_candles.c.known_at_us <= row.known_at_us,
    )
    rows = connection.execute(asked.order_by(live_candles.c.open_time_us)).all()
    found = ReceivedCandles(tuple(map(closed_candle, rows)))
    details = {"candles": stored.get("n"), "until": _stamp(row.known_at_us)}
    kept = [received.sha256 for received in rows]
    same = kept == [candle.sha256 for candle in found.candles]
    recomputed = found.sha256 if same else content_hash.of_json({"candles": found.sha256, "rows": kept})
    return Fact("closed candles", f"{row.symbol} {row.timeframe}", str(stored.get("sha256", "unknown")), recomputed, details)


def deployment_fact(connection: Connection, evidence: Row[Any]) -> Fact:
    """The deployment as approved, against the fact written with it."""
    fact = written(connection, "deployment", "deployment_id", evidence.deployment_id)
    row = connection.execute(select(deployment_configs).where(deployment_configs.c.id == evidence.deployment_id)).one()
    now = {name: getattr(evidence, name) for name in EVIDENCE_FIELDS}
    kept = None if fact is None else {name: fact.get(name) for name in EVIDENCE_FIELDS}
    details = {"broker": evidence.broker, "override_reason": evidence.override_reason, "deployed_by": row.deployed_by,
               "commit": evidence.commit_sha, "dagster_run_id": evidence.dagster_run_id}  # fmt: skip
    return Fact("deployment", str(evidence.deployment_id), content_hash.of_json(kept), content_hash.of_json(now), details)


def parameter_fact(evidence: Row[Any], proposal: Mapping[str, Any] | None) -> Fact:
    """The 90 parameters, hashed again."""
    found = "" if proposal is None else content_hash.of_json(proposal["parameters"])
    return Fact("parameter set", evidence.parameter_set_id, evidence.params_sha256, found)


def regime_set_facts(row: Row[Any] | None, proposal: Mapping[str, Any] | None) -> Iterator[Fact]:
    """Where each regime may have a set of its own: the one that the decision was made by, its 90 parameters hashed again."""
    payload = {} if row is None else _payload(row)
    numbers = payload.get("decision", {}).get("numbers", {})
    if numbers.get("parameter_set") is None:
        return
    sets = {} if proposal is None else proposal.get("regime_sets", {})
    name = dict(enumerate(SET_NAMES)).get(int(numbers["parameter_set"]), "unknown")
    values = sets.get("global") if name == GLOBAL else sets.get("by_regime", {}).get(name)
    found = "" if values is None else content_hash.of_json(values)
    regime = "unknown" if numbers.get("regime") is None else regime_name(int(numbers["regime"]))
    details = {"regime": regime, "fallback": sets.get("reasons", {}).get(regime)}
    yield Fact("regime set", name, str(payload.get("parameters_sha256", "unknown")), found, details)


def trial_fact(connection: Connection, evidence: Row[Any], proposal: Mapping[str, Any] | None) -> Fact:
    """The trial that proposed the parameters: its 90 values, of an archived run those kept with the proposal, hashed again."""
    if proposal is None:
        return Fact("trial", evidence.parameter_set_id, evidence.params_sha256, "")
    place = (proposal["run_id"], proposal["trial_number"])
    mine = (trial_ledger.c.run_id == place[0], trial_ledger.c.trial_number == place[1])
    row = connection.execute(select(trial_ledger).where(*mine)).one_or_none()
    kept = {"params_sha256": evidence.params_sha256, "seed": str(proposal.get("trial_seed"))}
    name = f"run {place[0]} trial {place[1]}"
    if row is None:
        return Fact("trial", name, content_hash.of_json(kept), "")
    run = run_ever(connection, place[0])
    values = _parameters_of(connection, *place)
    details = {"run": run.run_uuid, "trial": row.trial_number, "fold": row.fold, "phase": row.phase, "seed": row.seed,
               "folds": len(proposal.get("folds", ())), "n_trials": run.n_trials}  # fmt: skip
    hashed = content_hash.of_json(values)
    now = {"params_sha256": hashed if row.params_sha256 == hashed else f"{hashed} and {row.params_sha256}", "seed": str(row.seed)}
    return Fact("trial", name, content_hash.of_json(kept), content_hash.of_json(now), details)


def _parameters_of(connection: Connection, run_id: int, trial_number: int) -> dict[str, Any]:
    rows, proposals = optimization_parameters.c, regime_parameters.c
    asked = select(rows.parameter_name, rows.parameter_value).where(rows.run_id == run_id, rows.trial_number == trial_number)
    values = {name: json.loads(value) for name, value in connection.execute(asked)}
    if values:
        return values
    kept = select(proposals.parameters_json).where(
        proposals.optimization_run_id == run_id, proposals.trial_number == trial_number
    )
    return _object(connection.execute(kept.order_by(proposals.id)).scalars().first() or "{}")


def written(connection: Connection, kind: str, key: str, value: object, last: bool = False) -> Any:
    """The payload of the first (or last) fact of a kind about one thing; None when there is none."""
    found = list(facts(connection, kind, key, value))
    return found[-1 if last else 0] if found else None


def facts(connection: Connection, kind: str, key: str, value: object) -> Iterator[dict[str, Any]]:
    """The payloads of a kind's facts about one thing, oldest first; one that is no JSON any more is the chain's own hop."""
    text = lineage_ledger.c.payload_json
    # The database narrows the chain down, or a trace would read all of it again for every hop.
    asked = select(text).where(lineage_ledger.c.kind == kind, text.contains(str(value), autoescape=True))
    for payload in map(_object, connection.execute(asked.order_by(lineage_ledger.c.seq)).scalars()):
        if payload.get(key) == value:
            yield payload


def _payload(row: Row[Any]) -> dict[str, Any]:
    return _object(row.payload_json)


def _object(text: str) -> dict[str, Any]:
    """A JSON object; empty when the text is not one any more, which a hash tells."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _stamp(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / _MICRO, UTC).isoformat()
