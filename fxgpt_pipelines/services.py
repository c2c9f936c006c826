"""The long-lived processes of a set-up as children of one parent: started with a log file each, ended by their own pid."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fxgpt_core.errors import NotReadyError
from fxgpt_core.settings import Settings

SECONDS_TO_STOP = 15.0
GROUP_LOOKS, SECONDS_BETWEEN_GROUP_LOOKS = 20, 0.05
TAIL_LINES = 12
PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>


@dataclass(frozen=True)
class ServicePlan:
    """What to start: a name, a command line, and the environment on top of the parent's."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]


class Service:
    """A started child process in its own process group, so that its own children end with it."""

    def __init__(self, plan: ServicePlan, process: subprocess.Popen[bytes], log: Path) -> None:
        self.plan = plan
        self.log = log
        self._process = process

    @property
    def pid(self) -> int:
        """Process id, also the id of its process group."""
        return self._process.pid

    def running(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def require_running(self) -> None:
        """Raises `NotReadyError` with the end of the log when the process has ended."""
        if not self.running():
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
            raise NotReadyError(f"{self.plan.name} ended with code {self._process.returncode}; the end of {self.log}:\n{tail}")

    def ask_to_stop(self) -> None:
        """Interrupt the process; it ends its children itself."""
        if self.running():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGINT)

    def stop(self) -> None:
        """End the process: interrupted first; what is left of its group then, itself included, is killed."""
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_STOP)
        # The group may outlive its leader (a code server whose parent was interrupted twice).
        if not self.running():
            self._end_group(signal.SIGTERM)
        self._end_group(signal.SIGKILL)
        self._process.wait(SECONDS_TO_STOP)

    def _end_group(self, by: signal.Signals) -> None:
        """Send a signal to the group, and wait a little for it to be empty."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, by)
            for _ in range(GROUP_LOOKS):
                os.killpg(self.pid, 0)
                self._process.poll()
                time.sleep(SECONDS_BETWEEN_GROUP_LOOKS)


def _end_with_parent() -> None:
    """In the child: be interrupted when the parent dies, even if it was killed; a forgotten gateway would go on trading."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C is ignored inside the block; only the main thread may set, and only there does it arrive."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Services:
    """Children of this process; leaving the `with` block ends every one of them, the last started first."""

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._started: list[Service] = []

    def __enter__(self) -> "Services":
        """Nothing is started yet."""
        # A shell that starts us in the background leaves SIGINT ignored, children would inherit that and never stop.
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return self

    def __exit__(self, *_: object) -> None:
        """End all children."""
        self.stop_all()

    def start(self, plan: ServicePlan) -> Service:
        """Start one child; its output goes to `<log folder>/<name>.log`."""
        self._log_folder.mkdir(parents=True, exist_ok=True)
        log = self._log_folder / f"{plan.name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 -- the command is ours, no shell
                plan.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **plan.environment},
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        service = Service(plan, process, log)
        self._started.append(service)
        return service

    def require_running(self) -> None:
        """Raises `NotReadyError` naming the first child that has ended."""
        for service in self._started:
            service.require_running()

    def stop_all(self) -> None:
        """End all children, the last started first. A second Ctrl-C does not cut this short and leave some running."""
        with _uninterrupted():
            for service in reversed(self._started):
                service.ask_to_stop()
                time.sleep(0.05)
            while self._started:
                self._started.pop().stop()


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)


def environment(settings: Settings) -> dict[str, str]:
    """The settings as environment variables, absolute, so that a child finds the same set-up from any folder."""
    variables = {
        "FXGPT_DATA_ROOT": str(settings.data_root),
        "FXGPT_LEDGER_URL": settings.ledger_url,
        "FXGPT_MLFLOW_URL": settings.mlflow_url,
        "DAGSTER_HOME": str(settings.dagster_home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    return variables | ({"FXGPT_DAGSTER_PG_URL": settings.dagster_pg_url} if settings.dagster_pg_url else {})


def daemon(settings: Settings) -> ServicePlan:
    """Dagster's daemon (sensors, schedules, queue, run monitoring) with its code server."""
    return ServicePlan("daemon", _python("dagster._daemon", "run", "-m", "fxgpt_pipelines.definitions"), environment(settings))


def web_server(settings: Settings, port: int) -> ServicePlan:
    """The guarded Dagster web server."""
    return ServicePlan("web", _python("fxgpt_pipelines.web", "--port", str(port)), environment(settings))


def mlflow_server(settings: Settings, port: int) -> ServicePlan:
    """MLflow's own pages on the loopback address: one worker, no job runners (they cost a gigabyte and are not used)."""
    arguments = ("server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1")
    # Not on the command line, which every user of the machine can read: a database URL may hold a password.
    stores = {"MLFLOW_BACKEND_STORE_URI": settings.mlflow_url, "MLFLOW_DEFAULT_ARTIFACT_ROOT": settings.mlflow_artifacts.as_uri()}
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return ServicePlan("mlflow", _python("mlflow", *arguments), environment(settings) | stores | quiet)


def gateway(settings: Settings, account: str) -> ServicePlan:
    """The trading gateway of one account, on the paper broker."""
    return ServicePlan("gateway", _python("fxgpt_core.cli.main", "gateway", "--account", account), environment(settings))


def wait_until_stopped(services: Services, seconds_between_looks: float) -> None:
    """Return when the user interrupts; raises `NotReadyError` when a child ends by itself."""
    with suppress(KeyboardInterrupt):
        while True:
            services.require_running()
            time.sleep(seconds_between_looks)
