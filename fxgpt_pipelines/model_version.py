"""A trained artifact as a version in MLflow, with the tags that tie both ledgers together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making
    from fxgpt_core.registry.tracking import Tracking


@dataclass(frozen=True)
class Version:
    """What is registered of an artifact under a `name`: files, metrics, and the asset it mainly `learned_from`."""

    name: str
    files: Mapping[str, bytes]
    metrics: Mapping[str, float]
    learned_from: str


def registered(
    making: "Making", artifact: "Artifact", tracking: "Callable[[], Tracking]", version: "Callable[[Artifact], Version]"
) -> "Artifact":
    """The artifact with its MLflow version, which is made when there is none: a crash may have come between the two."""
    if artifact.model_version is not None:
        return artifact
    from fxgpt_core.registry import lineage
    from fxgpt_core.registry.code_identity import code_diff

    asked = version(artifact)
    with making.lake.ledger.reading() as connection:
        ledger_head = lineage.head_hash(connection)
    made = tracking().register_model(
        asked.name,
        {**asked.files, "code.diff": code_diff()},
        parameters={**artifact.settings, **artifact.summary["parameters"]},
        metrics=asked.metrics,
        tags={
            "artifact_id": artifact.id,
            "artifact_sha256": artifact.sha256,
            "dagster_run_id": making.origin.run_id,
            "code_sha256": artifact.code_sha256,
            "data_sha256": making.read(asked.learned_from).sha256,
            "ledger_head": ledger_head,
        },
        inputs={one.place: one.sha256 for one in making.read_so_far.values()},
    )
    return making.lake.record_model(artifact, made.run_id, made.name, made.version)


def facts(artifact: "Artifact") -> dict[str, Any]:
    """The artifact's MLflow version as metadata; the page is there while `make ui` runs."""
    page = f"http://127.0.0.1:5000/#/models/{artifact.model_name}/versions/{artifact.model_version}"
    return {
        "mlflow_run_id": artifact.mlflow_run_id or "",
        "model_version": f"{artifact.model_name} version {artifact.model_version}",
        "mlflow": dg.MetadataValue.url(page),
    }
