"""A run launcher that notices dead runs: the stock one leaves a run STARTED, with its GPU slot, for ever after a power cut."""

import time

from dagster import DagsterRun
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

from fxgpt_pipelines.instance.proof_of_life import ProofOfLife

SECONDS_TO_FIRST_SIGN = 120.0
SECONDS_TO_ANSWER = 5


class MonitoredRunLauncher(DefaultRunLauncher):
    """Says FAILED only after two proofs: the code server does not know the run, and the process the run named is gone.

    One proof is not enough: a run whose code server died works on and would be doubled by the retry.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes: this is what run monitoring asks for."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """RUNNING while any proof of life holds, FAILED when both are gone."""
        if self._code_server_knows(run):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        process = ProofOfLife.from_tags(run.tags, run.run_id)
        if process is None:
            return self._before_first_sign(run)
        lives = process.lives()
        if lives is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, f"runs on {process.host}: its death cannot be proved from here")
        if lives:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "its code server is gone, its process works on")
        return CheckRunHealthResult(
            WorkerStatus.FAILED, f"process {process.pid} of this run is gone and no code server knows the run: it was killed"
        )

    def _before_first_sign(self, run: DagsterRun) -> CheckRunHealthResult:
        record = self._instance.get_run_record_by_id(run.run_id)
        waited = time.time() - record.start_time if record and record.start_time else 0.0
        if waited < SECONDS_TO_FIRST_SIGN:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "no sign of life yet")
        return CheckRunHealthResult(WorkerStatus.FAILED, f"no sign of life in {waited:.0f} s and no code server knows the run")

    def _code_server_knows(self, run: DagsterRun) -> bool:
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return False
        from dagster._core.errors import DagsterUserCodeUnreachableError

        try:
            answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id), timeout=SECONDS_TO_ANSWER)
        except DagsterUserCodeUnreachableError:
            return False
        return deserialize_value(answer, CanCancelExecutionResult).can_cancel
