"""Materialize one asset of one partition in this process, on the real instance, with its log lines handed to a listener."""

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

from fxgpt_core.errors import NotReadyError
from fxgpt_pipelines.definitions import build_definitions
from fxgpt_pipelines.partitions import add_symbol, partition_key

PATIENCE_S = 60.0
SECONDS_BETWEEN_LOOKS = 0.3
JUDGES = ("robustness", "vault")
CHECKED = dg.DagsterEventType.ASSET_CHECK_EVALUATION


@dataclass(frozen=True)
class Made:
    """One materialization: metadata as plain values by name, checks as passed or not by name, seconds it took."""

    asset: str
    run_id: str
    reused: bool
    metadata: Mapping[str, Any]
    checks: Mapping[str, bool]
    seconds: float


class Runner:
    """Materializes assets of one symbol and timeframe; `listen` gets every line an asset logs."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        symbol: str,
        timeframe: str,
        listen: Callable[[str], None],
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        self._instance = instance
        self._key = partition_key(symbol, timeframe)
        add_symbol(instance, symbol)
        definitions = build_definitions(overrides, {"listener": listener(listen)})
        self._job = definitions.resolve_implicit_global_asset_job_def()

    def materialize(self, asset: str, config: Mapping[str, Any] | None = None, tags: Mapping[str, str] | None = None) -> Made:
        """Make one asset as a run of its own; raises what the asset raises, after the run is recorded as failed.

        A run that fails by the checks of a judge (`JUDGES`) made what it should: the verdicts are among the checks.
        """
        began, run_id = time.monotonic(), str(uuid.uuid4())
        try:
            self._job.execute_in_process(
                instance=self._instance,
                partition_key=self._key,
                asset_selection=[dg.AssetKey(asset)],
                run_config={"loggers": {"listener": {}}} | ({"ops": {asset: {"config": dict(config)}}} if config else {}),
                tags={"fxgpt/lane": "batch"} | dict(tags or {}),
                run_id=run_id,
            )
        except DagsterAssetCheckFailedError:
            if asset not in JUDGES:
                raise
        events = [record.dagster_event for record in self._instance.all_logs(run_id) if record.dagster_event is not None]
        (made,) = [event.step_materialization_data.materialization for event in events if event.is_step_materialization]
        judged = [event.asset_check_evaluation_data for event in events if event.event_type is CHECKED]
        metadata = {name: value.value for name, value in made.metadata.items()}
        checks = {check.check_name: check.passed for check in judged}
        reused = str(metadata.get("made", "")).startswith("unchanged")
        return Made(asset, run_id, reused, metadata, checks, time.monotonic() - began)


def wait_until_ended(instance: dg.DagsterInstance, job: str, patience_s: float = PATIENCE_S) -> None:
    """Return once no run of a job is under way. Raises `NotReadyError` when one still is after `patience_s` seconds."""
    under_way = dg.RunsFilter(job_name=job, statuses=list(IN_PROGRESS_RUN_STATUSES))
    began = time.monotonic()
    while runs := instance.get_runs(filters=under_way):
        if time.monotonic() - began > patience_s:
            raise NotReadyError(
                f"{len(runs)} runs of {job} have not ended after {patience_s:.0f} s, {runs[0].run_id} among them; "
                "look at them in the Dagster UI (make ui)"
            )
        time.sleep(SECONDS_BETWEEN_LOOKS)


def listener(listen: Callable[[str], None]) -> dg.LoggerDefinition:
    """A Dagster logger that hands on what assets log and nothing of Dagster's own events."""

    def lines(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("fxgpt.listener", logging.INFO)
        logger.addHandler(_Listener(listen))
        return logger

    return dg.LoggerDefinition(lines, description="Hands the lines that assets log to a listener.")


class _Listener(logging.Handler):
    def __init__(self, listen: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._listen = listen

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", {})
        if not meta.get("dagster_event"):
            self._listen(str(meta.get("orig_message", record.getMessage())))
