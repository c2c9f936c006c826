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
from fxgpt_core.registry.artifact_tables import lineage_ledger
from fxgpt_core.registry.live_tables import decisions, fills, live_candles, order_intents, signals
from fxgpt_core.registry.tables import deployment_configs, optimization_parameters, optimization_runs, trial_ledger

INTENT_FIELDS = (
    "client_order_id", "signal_key", "deployment_id", "account", "broker", "symbol", "side", "units", "stop_price",
    "target_price",
)  # fmt: skip
FILL_FIELDS = (
    "fill_id", "order_id", "client_order_id", "position_id", "account", "symbol", "side", "units", "price", "commission",
    "reason", "time_us",
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
    """The order as planned, against the fact written before it was sent."""
    written = _written(connection, "order_intent", "client_order_id", intent.client_order_id)
    row = {name: getattr(intent, name) for name in INTENT_FIELDS}
    details = {"state": intent.state, "side": intent.side, "units": intent.units, "order_id": intent.order_id,
               "account": intent.account, "broker": intent.broker}  # fmt: skip
    return Fact("order", intent.client_order_id, content_hash.of_json(written), content_hash.of_json(row), details)


def fill_facts(connection: Connection, intent: Row[Any]) -> Iterator[Fact]:
    """Every fill of the order's position, against the fact written with it."""
    asked = select(fills).where(fills.c.account == intent.account, fills.c.position_id == intent.position_id)
    for row in connection.execute(asked.order_by(fills.c.time_us, fills.c.fill_id)):
        written = _written(connection, "fill", "fill_id", row.fill_id)
        now = {name: getattr(row, name) for name in FILL_FIELDS}
        details = {"price": row.price, "units": row.units, "reason": row.reason, "time": _stamp(row.time_us)}
        yield Fact("fill", row.fill_id, content_hash.of_json(written), content_hash.of_json(now), details)


def signal_fact(connection: Connection, intent: Row[Any]) -> Fact:
    """The signal: the order's id is the hash of its key."""
    row = connection.execute(select(signals).where(signals.c.signal_key == intent.signal_key)).one()
    details = {"side": row.side, "state": row.state, "risk_fraction": row.risk_fraction}
    return Fact("signal", row.signal_key, intent.client_order_id, client_order_id(row.signal_key), details)


def decision_of(connection: Connection, intent: Row[Any]) -> Row[Any]:
    """The decision row behind an order."""
    asked = select(decisions).join(signals, signals.c.decision_id == decisions.c.id)
    return connection.execute(asked.where(signals.c.signal_key == intent.signal_key)).one()


def decision_fact(row: Row[Any]) -> Fact:
    """The decision with all its numbers and inputs."""
    payload = json.loads(row.payload_json)
    details = {
        "known_at": _stamp(row.known_at_us),
        "reason": row.reason,
        "side": row.side,
        "dagster_run_id": row.dagster_run_id,
        "inputs": payload.get("inputs"),
        "commit": payload["code"]["commit"],
        "dirty": payload["code"]["dirty_sha256"],
        "lock": payload["code"]["lock_sha256"],
        "numbers": payload["decision"]["numbers"],
    }
    return Fact("decision", str(row.id), row.sha256, content_hash.of_bytes(row.payload_json.encode()), details)


def live_candles_fact(connection: Connection, row: Row[Any]) -> Fact:
    """The closed candles that had been received when the decision was made."""
    stored = json.loads(row.payload_json)["live_candles"]
    asked = select(live_candles).where(
        live_candles.c.symbol == row.symbol,
        live_candles.c.timeframe == row.timeframe,
        live_candles.c.known_at_us <= row.known_at_us,
    )
    found = ReceivedCandles(tuple(map(closed_candle, connection.execute(asked.order_by(live_candles.c.open_time_us)))))
    details = {"candles": stored["n"], "until": _stamp(row.known_at_us)}
    return Fact("closed candles", f"{row.symbol} {row.timeframe}", stored["sha256"], found.sha256, details)


def deployment_fact(connection: Connection, evidence: Row[Any]) -> Fact:
    """The deployment as approved, against the fact written with it."""
    written = _written(connection, "deployment", "deployment_id", evidence.deployment_id)
    row = connection.execute(select(deployment_configs).where(deployment_configs.c.id == evidence.deployment_id)).one()
    names = ("deployment_id", "broker", "parameter_set_id", "params_sha256", "model_id", "calibration_id", "validation_id",
             "override_reason")  # fmt: skip
    now = {name: getattr(evidence, name) for name in names}
    kept = None if written is None else {name: written.get(name) for name in names}
    details = {"broker": evidence.broker, "override_reason": evidence.override_reason, "deployed_by": row.deployed_by,
               "commit": evidence.commit_sha, "dagster_run_id": evidence.dagster_run_id}  # fmt: skip
    return Fact("deployment", str(evidence.deployment_id), content_hash.of_json(kept), content_hash.of_json(now), details)


def parameter_fact(evidence: Row[Any], proposal: Mapping[str, Any] | None) -> Fact:
    """The 90 parameters, hashed again."""
    found = "" if proposal is None else content_hash.of_json(proposal["parameters"])
    return Fact("parameter set", evidence.parameter_set_id, evidence.params_sha256, found)


def trial_fact(connection: Connection, evidence: Row[Any], proposal: Mapping[str, Any] | None) -> Fact:
    """The trial that proposed the parameters: its 90 rows, hashed again, and its seed."""
    if proposal is None:
        return Fact("trial", evidence.parameter_set_id, evidence.params_sha256, "")
    place = (proposal["run_id"], proposal["trial_number"])
    mine = (trial_ledger.c.run_id == place[0], trial_ledger.c.trial_number == place[1])
    row = connection.execute(select(trial_ledger).where(*mine)).one_or_none()
    if row is None:
        return Fact("trial", f"run {place[0]} trial {place[1]}", evidence.params_sha256, "")
    run = connection.execute(select(optimization_runs).where(optimization_runs.c.id == place[0])).one()
    asked = select(optimization_parameters.c.parameter_name, optimization_parameters.c.parameter_value).where(
        optimization_parameters.c.run_id == place[0], optimization_parameters.c.trial_number == place[1]
    )
    values = {name: json.loads(value) for name, value in connection.execute(asked)}
    details = {"run": run.run_uuid, "trial": row.trial_number, "fold": row.fold, "phase": row.phase, "seed": row.seed,
               "folds": len(proposal.get("folds", ())), "n_trials": run.n_trials}  # fmt: skip
    return Fact("trial", f"run {place[0]} trial {place[1]}", row.params_sha256, content_hash.of_json(values), details)


def _written(connection: Connection, kind: str, key: str, value: object) -> Any:
    """The payload of the first fact of a kind about one thing; None when there is none."""
    facts = select(lineage_ledger.c.payload_json).where(lineage_ledger.c.kind == kind).order_by(lineage_ledger.c.seq)
    for text in connection.execute(facts).scalars():
        payload = json.loads(text)
        if payload.get(key) == value:
            return payload
    return None


def _stamp(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / _MICRO, UTC).isoformat()
