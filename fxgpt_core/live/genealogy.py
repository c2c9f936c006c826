"""From an order back to the candles, code and seed that caused it; every hash on the way is computed again."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from fxgpt_core import content_hash
from fxgpt_core.errors import BrokenLineageError, MissingError
from fxgpt_core.live import genealogy_rows as rows
from fxgpt_core.registry import lineage
from fxgpt_core.registry.artifact import Artifact
from fxgpt_core.registry.artifact_tables import deployment_evidence
from fxgpt_core.registry.lake import Edge, Lake
from fxgpt_core.registry.tracking import registered_version

MODEL_FILE = "model.safetensors"
OK, BROKEN, MISSING = "ok", "BROKEN", "MISSING"
ASSET_ORDER = (
    "optimized_parameters", "robustness", "walk_forward_validation", "calibration_quantiles", "forecasts", "diffusion_model",
    "features", "candles", "raw_candles",
)  # fmt: skip

ModelCheck = Callable[[Artifact], Mapping[str, Any]]
"""Reads what MLflow says of a model artifact: `version`, `artifact_sha256` (its tag), `file_sha256` (of its copy) and more."""


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
        hops = [*_trading_hops(connection, intent)]
        evidence = connection.execute(
            select(deployment_evidence).where(deployment_evidence.c.deployment_id == intent.deployment_id)
        ).one()
        hops += rows_of_deployment(connection, lake, evidence)
        hops.append(_chain(connection))
    hops += _artifact_hops(lake, evidence, model_check)
    return Trace(str(intent.client_order_id), tuple(hops))


def _trading_hops(connection: Connection, intent: Row[Any]) -> Iterator[Hop]:
    yield _from(rows.order_fact(connection, intent))
    for fact in rows.fill_facts(connection, intent):
        yield _from(fact)
    yield _from(rows.signal_fact(connection, intent))
    decision = rows.decision_of(connection, intent)
    yield _from(rows.decision_fact(decision))
    yield _from(rows.live_candles_fact(connection, decision))


def rows_of_deployment(connection: Connection, lake: Lake, evidence: Row[Any]) -> list[Hop]:
    """Deployment, parameter set and trial, from the ledger's rows."""
    proposal = _json_or_none(lake, evidence.parameter_set_id)
    return [
        _from(rows.deployment_fact(connection, evidence)),
        _from(rows.parameter_fact(evidence, proposal)),
        _from(rows.trial_fact(connection, evidence, proposal)),
    ]


def _json_or_none(lake: Lake, artifact_id: str) -> Mapping[str, Any] | None:
    """The JSON of an artifact; None when its bytes are not what was written, which its own hop reports."""
    try:
        found: Mapping[str, Any] = lake.get(artifact_id).json()
    except BrokenLineageError:
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


def _artifact_hops(lake: Lake, evidence: Row[Any], model_check: ModelCheck | None) -> list[Hop]:
    """Each artifact behind the deployment once, in the order of the flow, then the provider of the oldest."""
    ids = (evidence.parameter_set_id, evidence.validation_id, evidence.calibration_id, evidence.model_id)
    roots = [lake.get(artifact_id) for artifact_id in ids]
    edges = [edge for root in roots for edge in lake.ancestors(root.id)]
    found = {artifact.id: artifact for artifact in (*roots, *(edge.parent for edge in edges))}
    ordered = sorted(found.values(), key=lambda artifact: (_place(artifact.asset), artifact.id))
    hops = []
    for artifact in ordered:
        hops.append(_artifact_hop(lake, artifact, lake.inputs(artifact.id)))
        if artifact.asset == "diffusion_model" and model_check is not None:
            hops.append(_model_hop(artifact, model_check))
    hops += [_provider_hop(artifact) for artifact in ordered if artifact.asset == "raw_candles"]
    return hops


def _artifact_hop(lake: Lake, artifact: Artifact, inputs: list[Edge]) -> Hop:
    """An artifact's bytes and its recipe: its id is the hash of both, so one comparison covers file, settings and inputs."""
    details: dict[str, Any] = {
        "path": str(artifact.path),
        "made_at": artifact.created_at.isoformat(),
        "dagster_run_id": artifact.run_id,
        "commit": artifact.code.commit,
        "dirty": artifact.code.dirty_sha256,
        "lock": artifact.code.lock_sha256,
        "seed": artifact.seed,
        "inputs": {edge.role: edge.parent.id for edge in inputs},
    }
    try:
        bytes_sha256 = lake.verify(artifact)
    except BrokenLineageError as error:
        return Hop(artifact.asset, artifact.id, artifact.id, "", {**details, "error": str(error)})
    stale = [edge.role for edge in inputs if edge.sha256 != edge.parent.sha256]
    if stale:
        details["error"] = f"read other bytes of {', '.join(stale)} than are stored now"
    recipe = {
        "asset": artifact.asset,
        "symbol": artifact.symbol,
        "timeframe": artifact.timeframe,
        "code_sha256": artifact.code_sha256,
        "settings": dict(artifact.settings),
        "seed": artifact.seed,
        "inputs": sorted(edge.parent.id for edge in inputs),
    }
    recomputed = content_hash.of_json({"recipe_sha256": content_hash.of_json(recipe), "sha256": bytes_sha256})
    return Hop(artifact.asset, artifact.id, artifact.id, "stale input" if stale else recomputed, details)


def _model_hop(artifact: Artifact, model_check: ModelCheck) -> Hop:
    """The model version in MLflow: its tag and its own copy of the file must carry the artifact's hash."""
    name = f"{artifact.model_name} version {artifact.model_version}"
    try:
        said = model_check(artifact)
    except MissingError as error:
        return Hop("model version", name, artifact.sha256, "", {"error": str(error)})
    same = said["artifact_sha256"] == said["file_sha256"] == artifact.sha256
    differing = said["file_sha256"] if said["file_sha256"] != artifact.sha256 else said["artifact_sha256"]
    return Hop("model version", name, artifact.sha256, artifact.sha256 if same else str(differing or ""), said)


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
            "file_sha256": content_hash.of_file(copy) if copy is not None and copy.is_file() else None,
            "path": str(copy),
        }

    return check


def _provider_hop(artifact: Artifact) -> Hop:
    """Where the candles came from: the candles themselves, not their file, against the hash the provider's had."""
    from fxgpt_core.candles.versions import candles_sha256

    provider, stored = str(artifact.summary["provider"]), str(artifact.summary["candles_sha256"])
    try:
        recomputed = candles_sha256(artifact.frame())
    except BrokenLineageError as error:
        return Hop("provider", provider, stored, "", {**artifact.summary, "error": str(error)})
    return Hop("provider", provider, stored, recomputed, dict(artifact.summary))


def _from(fact: rows.Fact) -> Hop:
    return Hop(fact.name, fact.id, fact.stored, fact.recomputed, fact.details)


def _place(asset: str) -> int:
    return ASSET_ORDER.index(asset) if asset in ASSET_ORDER else len(ASSET_ORDER)


def as_text(found: Trace) -> str:
    """The trace for people: one line a hop, its hash, and the facts worth a look."""
    lines = [f"order {found.order}: {'every hop is ok' if found.ok else f'{len(found.broken)} hops are NOT ok'}"]
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
