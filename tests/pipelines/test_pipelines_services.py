"""Child processes: started with a log, found dead, ended by their own pid, with what they started themselves."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fxgpt_core.errors import NotReadyError
from fxgpt_core.settings import read_settings
from fxgpt_pipelines import services
from fxgpt_pipelines.services import ServicePlan, Services

WITH_A_CHILD = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
    "print(child.pid, flush=True); time.sleep(60)"
)


def _gone(pid):
    for _ in range(100):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except FileNotFoundError:
            return True
        if stat.rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def _wait_for_line(log):
    for _ in range(200):
        if log.exists() and log.read_text().strip():
            return log.read_text().strip()
        time.sleep(0.05)
    raise AssertionError(f"nothing in {log}")


def test_leaving_the_block_ends_every_child_and_its_children(tmp_path):
    with Services(tmp_path) as started:
        service = started.start(ServicePlan("sleeper", (sys.executable, "-c", WITH_A_CHILD), {}))
        grandchild = int(_wait_for_line(service.log))
        assert service.running()
    assert not service.running()
    assert _gone(service.pid)
    assert _gone(grandchild)


def test_a_second_interrupt_does_not_leave_children_running(tmp_path):
    slow = (
        "import signal, sys, time; signal.signal(signal.SIGINT, lambda *_: (time.sleep(1), sys.exit())); "
        "print(1, flush=True); time.sleep(60)"
    )
    program = (
        "import sys, time; from pathlib import Path; from fxgpt_pipelines.services import ServicePlan, Services\n"
        f"with Services(Path({str(tmp_path)!r})) as started:\n"
        f"    service = started.start(ServicePlan('slow', (sys.executable, '-c', {slow!r}), {{}}))\n"
        "    while not service.log.read_text().strip(): time.sleep(0.05)\n"
        "    try: print(service.pid, flush=True); time.sleep(60)\n"
        "    except KeyboardInterrupt: pass\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGINT)
        time.sleep(0.4)
        parent.send_signal(signal.SIGINT)
        errors = parent.stderr.read()
    assert (parent.returncode, errors) == (0, "")
    assert _gone(child)


def test_a_child_that_ended_by_itself_is_named_with_the_end_of_its_log(tmp_path):
    with Services(tmp_path) as started:
        service = started.start(ServicePlan("broken", (sys.executable, "-c", "raise SystemExit('no ledger here')"), {}))
        while service.running():
            time.sleep(0.02)
        with pytest.raises(NotReadyError, match=r"broken ended with code 1(.|\n)*no ledger here"):
            started.require_running()


def test_a_child_gets_the_parents_environment_and_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("FXGPT_TEST_OF_THE_PARENT", "parent")
    program = "import os; print(os.environ['FXGPT_TEST_OF_THE_PARENT'], os.environ['OWN'])"
    with Services(tmp_path) as started:
        service = started.start(ServicePlan("teller", (sys.executable, "-c", program), {"OWN": "own"}))
        assert _wait_for_line(service.log) == "parent own"


def test_every_service_names_the_set_up_absolutely_and_listens_on_the_loopback_only(tmp_path):
    settings = read_settings({"FXGPT_DATA_ROOT": str(tmp_path)})
    plans = (services.daemon(settings), services.mlflow_server(settings, 5000), services.web_server(settings, 3000))
    for plan in (*plans, services.gateway(settings, "paper")):
        assert plan.environment["FXGPT_DATA_ROOT"] == str(tmp_path)
        assert os.path.isabs(plan.environment["DAGSTER_HOME"])
        assert plan.environment["DAGSTER_DISABLE_TELEMETRY"] == "1"
        assert "0.0.0.0" not in plan.command  # noqa: S104 -- that it is absent
    mlflow = services.mlflow_server(settings, 5000)
    assert mlflow.command[mlflow.command.index("--host") + 1] == "127.0.0.1"
    assert mlflow.environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_no_database_url_is_on_a_command_line_where_every_user_can_read_it(tmp_path):
    url = "postgresql+psycopg2://fx:s3cret@127.0.0.1/fx"
    settings = replace(read_settings({"FXGPT_DATA_ROOT": str(tmp_path)}), ledger_url=url, mlflow_url=url, dagster_pg_url=url)
    plans = (
        *(services.daemon(settings), services.web_server(settings, 3000), services.mlflow_server(settings, 5000)),
        services.gateway(settings, "paper"),
    )
    assert not [plan.name for plan in plans if "s3cret" in " ".join(plan.command)]
    assert plans[2].environment["MLFLOW_BACKEND_STORE_URI"] == url


def test_children_end_when_their_parent_is_killed(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from fxgpt_pipelines.services import ServicePlan, Services\n"
        f"with Services(Path({str(tmp_path)!r})) as started:\n"
        "    sleeper = ServicePlan('sleeper', (sys.executable, '-c', 'import time; time.sleep(60)'), {})\n"
        "    print(started.start(sleeper).pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        time.sleep(0.3)
        parent.kill()
    assert _gone(child)
