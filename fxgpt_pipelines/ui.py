"""`python -m fxgpt_pipelines.ui`: everything a person wants open while fxgpt runs. Ctrl-C ends all of it."""

import argparse
import sys
import urllib.request
from collections.abc import Sequence
from urllib.error import URLError

from fxgpt_core.errors import FxgptError
from fxgpt_core.settings import Settings, read_settings
from fxgpt_pipelines import services, web
from fxgpt_pipelines.instance.home import prepare_home

MLFLOW_PORT = 5000
SECONDS_TO_START = 60
SECONDS_BETWEEN_LOOKS = 1.0
ACCOUNT = "paper"


def main(arguments: Sequence[str] | None = None) -> int:
    """Start daemon, guarded web server, MLflow server and gateway, and wait; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fxgpt_pipelines.ui", description="Dagster, MLflow and the gateway.")
    parser.add_argument("--port", type=int, default=web.PORT, help="port of the Dagster pages")
    parser.add_argument("--mlflow-port", type=int, default=MLFLOW_PORT, help="port of the MLflow pages")
    given = parser.parse_args(arguments)
    try:
        _serve(read_settings(), given.port, given.mlflow_port)
    except FxgptError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _serve(settings: Settings, port: int, mlflow_port: int) -> None:
    for wanted in (port, mlflow_port):
        web.require_free_port(web.HOST, wanted)
    _require_ledger(settings)
    prepare_home(settings)
    with services.Services(settings.data_root / "logs") as started:
        try:
            for plan in (
                services.daemon(settings),
                services.web_server(settings, port),
                services.mlflow_server(settings, mlflow_port),
                services.gateway(settings, ACCOUNT),
            ):
                started.start(plan)
            pages = {"Dagster": f"http://{web.HOST}:{port}", "MLflow": f"http://{web.HOST}:{mlflow_port}"}
            for name, address in pages.items():
                _wait_for(started, name, address)
        except KeyboardInterrupt:
            return
        sys.stdout.write(f"daemon and gateway run; logs in {settings.data_root / 'logs'}. Ctrl-C ends everything.\n")
        sys.stdout.flush()
        services.wait_until_stopped(started, SECONDS_BETWEEN_LOOKS)


def _require_ledger(settings: Settings) -> None:
    from fxgpt_core.registry.ledger import Ledger

    ledger = Ledger(settings.ledger_url)
    ledger.require_migrated()
    ledger.close()


def _wait_for(started: services.Services, name: str, address: str) -> None:
    import time

    for _ in range(SECONDS_TO_START * 2):
        started.require_running()
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310 -- our own loopback address
                sys.stdout.write(f"{name:<8} {address}\n")
                sys.stdout.flush()
                return
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.5)
    sys.stdout.write(f"{name:<8} {address}  (still starting)\n")


if __name__ == "__main__":
    sys.exit(main())
