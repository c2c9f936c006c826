"""From an order back to the candles, code and seed that caused it; every hash on the way is computed again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from fxgpt_core import content_hash
from fxgpt_core.errors import BrokenLineageError, MissingError
from fxgpt_core.live import genealogy_rows as rows
from fxgpt_core.live.genealogy_files import ModelCheck, artifact_facts
from fxgpt_core.live.genealogy_rows import Fact
from fxgpt_core.registry import lineage
from fxgpt_core.registry.artifact import Artifact
from fxgpt_core.registry.artifact_tables import deployment_evidence
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.model_versions import registered_version

MODEL_FILE = "model.safetensors"
OK, BROKEN, MISSING = "ok", "BROKEN", "MISSING"


@dataclass(frozen=True)
class Hop:
    """One step back: what it is, the hash that was stored, the hash computed now, and facts worth showing."""

    name: str
    id: str
    stored: str
    recomputed: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """`ok` when both hashes agree, `MISSING` when there is nothing to hash any more, else `BROKEN`."""
        if self.recomputed == self.stored:
            return OK
        return BROKEN if self.recomputed else MISSING

    def to_json(self) -> dict[str, Any]:
        """The hop as JSON values."""
        return {
            "name": self.name,
            "id": self.id,
            "status": self.status,
            "stored": self.stored,
            "recomputed": self.recomputed,
            "details": dict(self.details),
        }


@dataclass(frozen=True)
class Trace:
    """All hops of one order, from the order to the provider and the chain of facts."""

    order: str
    hops: tuple[Hop, ...]

    @property
    def ok(self) -> bool:
        """Whether every hop is."""
        return all(hop.status == OK for hop in self.hops)

    @property
    def broken(self) -> tuple[Hop, ...]:
        """The hops that are not ok."""
        return tuple(hop for hop in self.hops if hop.status != OK)

    def to_json(self) -> dict[str, Any]:
        """The trace as JSON values."""
        return {"order": self.order, "ok": self.ok, "hops": [hop.to_json() for hop in self.hops]}


def trace(lake: Lake, order: str, model_check: ModelCheck | None = None) -> Trace:
    """The trace of an order by its order id or client order id. Raises `MissingError` for an unknown order."""
    with lake.ledger.reading() as connection:
        intent = rows.intent_of(connection, order)
        evidence = connection.execute(
            select(deployment_evidence).where(deployment_evidence.c.deployment_id == intent.deployment_id)
        ).one_or_none()
        found = [*_trading_facts(connection, intent), *_deployment_facts(connection, lake, intent, evidence)]
        chain = _chain(connection)
    behind = [] if evidence is None else artifact_facts(lake, evidence, model_check)
    return Trace(str(intent.client_order_id), (*map(_hop, found), chain, *map(_hop, behind)))


def _trading_facts(connection: Connection, intent: Row[Any]) -> Iterator[Fact]:
    yield rows.order_fact(connection, intent)
    yield from rows.fill_facts(connection, intent)
    yield rows.signal_fact(connection, intent)
    decision = rows.decision_of(connection, intent)
    if decision is None:
        yield Fact("decision", intent.signal_key, "unknown", "", {"error": "no decision row belongs to the signal"})
        return
    yield rows.decision_fact(connection, decision)
    yield rows.live_candles_fact(connection, decision)


def _deployment_facts(connection: Connection, lake: Lake, intent: Row[Any], evidence: Row[Any] | None) -> Iterator[Fact]:
    """Deployment, parameter set and trial, from the ledger's rows."""
    if evidence is None:
        yield Fact("deployment", str(intent.deployment_id), "unknown", "", {"error": "the ledger has no such deployment"})
        return
    proposal = _json_or_none(lake, evidence.parameter_set_id)
    yield rows.deployment_fact(connection, evidence)
    yield rows.parameter_fact(evidence, proposal)
    yield from rows.regime_set_facts(rows.decision_of(connection, intent), proposal)
    yield rows.trial_fact(connection, evidence, proposal)


def _json_or_none(lake: Lake, artifact_id: str) -> Mapping[str, Any] | None:
    """The JSON of an artifact; None when its bytes are not what was written, which its own hop reports."""
    try:
        found: Mapping[str, Any] = lake.get(artifact_id).json()
    except (BrokenLineageError, MissingError):
        return None
    return found


def _chain(connection: Connection) -> Hop:
    """The chain of facts, recomputed from its first entry."""
    head = lineage.head_hash(connection)
    try:
        n_entries = lineage.verify(connection)
    except BrokenLineageError as error:
        return Hop("lineage ledger", head[:16], head, "broken", {"error": str(error)})
    return Hop("lineage ledger", head[:16], head, head, {"entries": n_entries})


def mlflow_check(url: str) -> ModelCheck:
    """The check of a model artifact against an MLflow store, by plain SQL and the bytes of MLflow's own copy."""

    def check(artifact: Artifact) -> Mapping[str, Any]:
        if artifact.model_name is None or artifact.model_version is None:
            raise MissingError(f"{artifact.place} was never registered in MLflow; materialize diffusion_model again")
        version = registered_version(url, artifact.model_name, artifact.model_version)
        copy = None if version.folder is None else version.folder / MODEL_FILE
        return {
            "version": version.version,
            "alias": ", ".join(version.aliases) or None,
            "mlflow_run_id": version.run_id,
            "artifact_sha256": version.tags.get("artifact_sha256"),
            "ledger_head": version.tags.get("ledger_head"),
            "file_sha256": content_hash.of_file(copy) if copy is not None and copy.is_file() else None,
            "path": str(copy),
        }

    return check


def _hop(fact: Fact) -> Hop:
    return Hop(fact.name, fact.id, fact.stored, fact.recomputed, fact.details)


def as_text(found: Trace) -> str:
    """The trace for people: one line a hop, its hash, and the facts worth a look."""
    lines = [f"order {found.order}: {'every hop is ok' if found.ok else f'{len(found.broken)} of {len(found.hops)} hops NOT ok'}"]
    for hop in found.hops:
        lines.append(f"  {hop.status:<7} {hop.name:<24} {hop.id[:44]:<44} {hop.stored[:12]}")
        shown = {name: hop.details[name] for name in SHOWN if hop.details.get(name) is not None}
        if hop.status != OK:
            shown["recomputed"] = hop.recomputed[:12] or "nothing there"
        if shown:
            lines.append(" " * 10 + "  ".join(f"{name}={_short(value)}" for name, value in shown.items()))
    return "\n".join(lines)


SHOWN = (
    "error", "state", "side", "units", "price", "time", "reason", "known_at", "candles", "override_reason", "run", "trial",
    "fold", "seed", "commit", "dagster_run_id", "version", "alias", "provider", "rows", "entries",
)  # fmt: skip


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"
