"""The part of a trace that lies in files: each artifact's bytes, recipe and row, the model version in MLflow, the provider."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from fxgpt_core import content_hash
from fxgpt_core.errors import BrokenLineageError, MissingError, NotReadyError
from fxgpt_core.live.genealogy_rows import Fact, written
from fxgpt_core.registry import lineage
from fxgpt_core.registry.artifact import Artifact
from fxgpt_core.registry.artifact_tables import artifact_inputs, artifacts
from fxgpt_core.registry.lake import Edge, Lake

ASSET_ORDER = (
    "optimized_parameters", "robustness", "walk_forward_validation", "calibration_quantiles", "forecasts", "quantile_head",
    "diffusion_model", "features", "candles", "raw_candles",
)  # fmt: skip
ROOTS = ("parameter_set_id", "validation_id", "calibration_id", "model_id")
MODEL_COLUMNS = ("mlflow_run_id", "model_name", "model_version")

ModelCheck = Callable[[Artifact], Mapping[str, Any]]
"""Reads what MLflow says of a model artifact: `version`, `artifact_sha256` and `ledger_head` (its tags), `file_sha256` (of its
copy) and more."""


def artifact_facts(lake: Lake, evidence: Row[Any], model_check: ModelCheck | None) -> Iterator[Fact]:
    """Each artifact behind a deployment once, in the order of the flow, then the provider of the oldest."""
    found: dict[str, Artifact] = {}
    for role in ROOTS:
        artifact_id = str(getattr(evidence, role))
        try:
            root = lake.get(artifact_id)
        except MissingError as error:
            yield Fact(role.removesuffix("_id").replace("_", " "), artifact_id, artifact_id, "", {"error": str(error)})
            continue
        found[root.id] = root
        found |= {edge.parent.id: edge.parent for edge in lake.ancestors(root.id)}
    ordered = sorted(found.values(), key=lambda artifact: (_place(artifact.asset), artifact.id))
    for artifact in ordered:
        yield artifact_fact(lake, artifact)
        if artifact.asset == "diffusion_model" and model_check is not None:
            yield model_fact(lake, artifact, model_check)
    for artifact in ordered:
        if artifact.asset == "raw_candles":
            yield provider_fact(lake, artifact)


def artifact_fact(lake: Lake, artifact: Artifact) -> Fact:
    """An artifact's bytes and its recipe: its id is the hash of both, so one comparison covers file, settings and inputs.

    What the id does not cover (run, commit, seed, summary) is compared with what was written down when it was made.
    """
    inputs = lake.inputs(artifact.id)
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
        return Fact(artifact.asset, artifact.id, artifact.id, "", {**details, "error": str(error)})
    recomputed = content_hash.of_json({"recipe_sha256": _recipe_sha256(artifact, inputs), "sha256": bytes_sha256})
    with lake.ledger.reading() as connection:
        edited = edited_columns(connection, artifact.id)
    if edited:
        details["error"] = f"its row is not what was written: {', '.join(edited)}"
        recomputed = content_hash.of_json({"edited": edited, "id": recomputed})
    return Fact(artifact.asset, artifact.id, artifact.id, recomputed, details)


def edited_columns(connection: Connection, artifact_id: str) -> list[str]:
    """Columns of an artifact's row, and its edges, that are not what the chain of facts says was written."""
    fact = written(connection, "artifact", "id", artifact_id)
    if fact is None:
        return ["no fact of it in the chain"]
    row = connection.execute(select(artifacts).where(artifacts.c.id == artifact_id)).one()._mapping
    model = written(connection, "model_version", "artifact_id", artifact_id, last=True) or {}
    edges = select(artifact_inputs).where(artifact_inputs.c.child_id == artifact_id)
    read = [dict(edge._mapping) for edge in connection.execute(edges)]
    found = [name for name, value in fact.items() if name != "inputs" and row[name] != value]
    found += [name for name in MODEL_COLUMNS if row[name] != model.get(name)]
    return found if _sorted(read) == _sorted(fact["inputs"]) else [*found, "inputs"]


def model_fact(lake: Lake, artifact: Artifact, model_check: ModelCheck) -> Fact:
    """The model version in MLflow: its tag and its own copy of the file must carry the artifact's hash.

    It was registered with the head the chain of facts had then. MLflow's store is another database: a chain that was written
    anew has lost that head, however well its own hashes fit together.
    """
    name = f"{artifact.model_name} version {artifact.model_version}"
    try:
        said = model_check(artifact)
    except (MissingError, NotReadyError) as error:
        return Fact("model version", name, artifact.sha256, "", {"error": str(error)})
    with lake.ledger.reading() as connection:
        anchored = lineage.anchored(connection, str(said["ledger_head"]))
    if not anchored:
        lost = f"the chain of facts no longer has its head of when the version was registered, {said['ledger_head']}"
        return Fact("model version", name, artifact.sha256, "rewritten chain", {**said, "error": lost})
    same = said["artifact_sha256"] == said["file_sha256"] == artifact.sha256
    differing = said["file_sha256"] if said["file_sha256"] != artifact.sha256 else said["artifact_sha256"]
    return Fact("model version", name, artifact.sha256, artifact.sha256 if same else str(differing or ""), said)


def provider_fact(lake: Lake, artifact: Artifact) -> Fact:
    """Where the candles came from: the hash of the provider's candles, as told, against the one the artifact's id covers.

    The bytes are hashed again; they are not decoded, since importing a Parquet reader takes longer than the whole trace.
    """
    provider, stored = str(artifact.summary["provider"]), str(artifact.summary["candles_sha256"])
    try:
        same = lake.verify(artifact) == artifact.sha256
    except BrokenLineageError as error:
        return Fact("provider", provider, stored, "", {**artifact.summary, "error": str(error)})
    recomputed = str(artifact.settings["candles_sha256"]) if same else ""
    return Fact("provider", provider, stored, recomputed, dict(artifact.summary))


def _recipe_sha256(artifact: Artifact, inputs: list[Edge]) -> str:
    return content_hash.of_json(
        {
            "asset": artifact.asset,
            "symbol": artifact.symbol,
            "timeframe": artifact.timeframe,
            "code_sha256": artifact.code_sha256,
            "settings": dict(artifact.settings),
            "seed": artifact.seed,
            "inputs": sorted(edge.parent.id for edge in inputs),
        }
    )


def _sorted(edges: list[dict[str, Any]]) -> list[str]:
    return sorted(content_hash.canonical_json(edge) for edge in edges)


def _place(asset: str) -> int:
    return ASSET_ORDER.index(asset) if asset in ASSET_ORDER else len(ASSET_ORDER)
