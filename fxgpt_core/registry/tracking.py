"""Model versions in MLflow, by its client only: explicit run ids, absolute places, no pickle, no telemetry, no chatter."""

import importlib
import logging
import os
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SADeprecationWarning
from sqlalchemy.orm import configure_mappers

from fxgpt_core.atomic_file import write_atomically
from fxgpt_core.content_hash import canonical_json
from fxgpt_core.errors import MissingError, NotReadyError
from fxgpt_core.registry.artifact import Artifact
from fxgpt_core.registry.model_versions import PREPARE, is_prepared, local_path, shown

EXPERIMENT = "fxgpt"
MODEL_FOLDER = "model"
REQUIRED_TAGS = ("artifact_sha256", "dagster_run_id", "code_sha256", "data_sha256", "ledger_head")
CHALLENGER, CHAMPION = "challenger", "champion"


@dataclass(frozen=True)
class RegisteredModel:
    """One registered version: its run, its number and the URI of the folder with its files."""

    name: str
    run_id: str
    version: str
    uri: str


@dataclass(frozen=True)
class ModelFacts:
    """What is told of a version: parameters and metrics on its run, tags (all of `REQUIRED_TAGS`) on run and version.

    `inputs`: the hash of each data set it was trained on, by name.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)


class Tracking:
    """One MLflow store, by its database URL, with its files below `artifacts`."""

    def __init__(self, url: str, artifacts: Path, experiment: str = EXPERIMENT) -> None:
        self.url = url
        self.artifacts = artifacts.resolve()
        self.experiment = experiment

    def register_model(
        self,
        name: str,
        files: Mapping[str, bytes | Path],
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        inputs: Mapping[str, str] | None = None,
    ) -> RegisteredModel:
        """Make a run with these files, parameters and metrics, register it as the next version and call it the challenger.

        `files`: bytes or a path by file name; `inputs`: the hash of each data set, by name. Raises `MissingError` for a tag of
        `REQUIRED_TAGS` that is not given and `NotReadyError` when the store was never prepared. A failure marks the run FAILED
        and registers nothing.
        """
        missing = [tag for tag in REQUIRED_TAGS if tag not in tags]
        if missing:
            raise MissingError(
                f"model {name} cannot be registered without the tags {', '.join(missing)}; give all of {REQUIRED_TAGS}"
            )
        client = self._client()
        run = client.create_run(self._experiment_id(client), tags=dict(tags), run_name=name)
        try:
            registered = self._filled(client, run, name, files, ModelFacts(parameters, metrics, tags, inputs or {}))
        except BaseException:
            client.set_terminated(run.info.run_id, "FAILED")
            raise
        client.set_terminated(run.info.run_id, "FINISHED")
        client.set_registered_model_alias(name, CHALLENGER, registered.version)
        return registered

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Let an alias (`challenger`, `champion`) name a version; MLflow keeps no history of it, the ledger does."""
        self._client().set_registered_model_alias(name, alias, version)

    def _filled(self, client: Any, run: Any, name: str, files: Mapping[str, bytes | Path], facts: ModelFacts) -> RegisteredModel:
        from mlflow.entities import Metric, Param

        run_id = run.info.run_id
        now = time.time_ns() // 1_000_000
        client.log_batch(
            run_id,
            metrics=[Metric(key, float(value), now, 0) for key, value in facts.metrics.items()],
            params=[Param(key, str(value)) for key, value in facts.parameters.items()],
        )
        client.log_inputs(run_id, datasets=_datasets(facts.inputs))
        folder = local_path(run.info.artifact_uri)
        if folder is None:
            raise NotReadyError(f"MLflow keeps files at {run.info.artifact_uri}; fxgpt registers models on a local disk only")
        for file_name, content in files.items():
            data = content.read_bytes() if isinstance(content, Path) else content
            write_atomically(folder / MODEL_FOLDER / file_name, data)
        uri = f"{run.info.artifact_uri}/{MODEL_FOLDER}"
        _make_registered_model(client, name)
        made = client.create_model_version(name, source=uri, run_id=run_id, tags=dict(facts.tags))
        return RegisteredModel(name, run_id, str(made.version), uri)

    def _client(self) -> Any:
        quiet()
        if not is_prepared(self.url):
            raise NotReadyError(PREPARE.format(url=shown(self.url)))
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.url, registry_uri=self.url)

    def _experiment_id(self, client: Any) -> str:
        from mlflow.exceptions import MlflowException

        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            location = self.artifacts / self.experiment
            location.mkdir(parents=True, exist_ok=True)
            try:
                return str(client.create_experiment(self.experiment, artifact_location=location.as_uri()))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                # Another process was faster between the question and the creation.
                found = client.get_experiment_by_name(self.experiment)
        return str(found.experiment_id)


def name_champion(tracking: Tracking, model: Artifact) -> str | None:
    """Let the alias `champion` name the deployed model's version; what went wrong, or None.

    The alias is for people and the ledger is what is trusted, so its failure must not look like the deployment's.
    """
    if model.model_name is None or model.model_version is None:
        return f"the model {model.id[:16]} was never registered in MLflow, so no version of it is called {CHAMPION}"
    try:
        tracking.set_alias(model.model_name, CHAMPION, model.model_version)
    except Exception as error:  # noqa: BLE001 -- of whatever kind, it is told and the deployment stands
        return f"MLflow's alias {CHAMPION} still names another version than {model.model_version} of {model.model_name}: {error}"
    return None


def quiet() -> None:
    """Import MLflow without telemetry, pickle loading, or messages below warnings."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # MLflow's tables still use it, under SQLAlchemy 2.1; it is said once, when the mappers are configured, so here.
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy is deprecated", SADeprecationWarning)
        importlib.import_module("mlflow.store.db.utils")
        configure_mappers()


def upgrade_store(url: str) -> None:
    """Bring the schema of an MLflow store to the installed version; about 7 s for a new one, at once when it is there."""
    if is_prepared(url):
        return
    quiet()
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    # Typed loosely: MLflow offers this under a private name only; the tests hold it to what it does.
    utils: Any = importlib.import_module("mlflow.store.db.utils")
    engine = utils.create_sqlalchemy_engine_with_retry(url)
    try:
        if inspect(engine).has_table("runs"):
            utils._upgrade_db(engine)
        else:
            utils._safe_initialize_tables(engine)
    finally:
        engine.dispose()


def _datasets(inputs: Mapping[str, str]) -> list[Any]:
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

    # MLflow shows a digest of at most 36 characters; the source is the whole hash.
    return [
        DatasetInput(
            Dataset(name=name, digest=sha256[:16], source_type="fxgpt lake", source=canonical_json({"sha256": sha256})),
            tags=[InputTag(key=MLFLOW_DATASET_CONTEXT, value="training")],
        )
        for name, sha256 in sorted(inputs.items())
    ]


def _make_registered_model(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
