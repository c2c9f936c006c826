"""The Dagster instance: storage by environment, home made once, dead runs found by two proofs."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher.base import WorkerStatus
from dagster._core.test_utils import instance_for_test

from fxgpt_core.settings import read_settings
from fxgpt_pipelines.instance.home import opened_instance, prepare_home, template
from fxgpt_pipelines.instance.launcher import MonitoredRunLauncher
from fxgpt_pipelines.instance.proof_of_life import BIRTH_TAG, BOOT_TAG, HOST_TAG, ProofOfLife
from fxgpt_pipelines.instance.storage import EnvironmentStorage

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.delenv("FXGPT_DAGSTER_PG_URL", raising=False)
    return read_settings({"FXGPT_DATA_ROOT": str(tmp_path)})


def test_the_home_is_made_from_the_template_and_a_users_edit_stays(settings):
    home = prepare_home(settings)
    assert (home / "dagster.yaml").read_bytes() == template()
    (home / "dagster.yaml").write_text("nux: {enabled: false}\n")
    prepare_home(settings)
    assert (home / "dagster.yaml").read_text() == "nux: {enabled: false}\n"


def test_the_instance_stores_in_sqlite_limits_its_pools_and_is_silent_to_the_outside(settings):
    with opened_instance(settings) as instance:
        assert type(instance.event_log_storage).__name__ == "SqliteEventLogStorage"
        assert {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()} == {"gpu": 1, "data": 2}
        assert instance.telemetry_enabled is False
        assert instance.nux_enabled is False
        assert isinstance(instance.run_launcher, MonitoredRunLauncher)
        assert instance.run_launcher.supports_check_run_worker_health
    assert (settings.dagster_home / "storage" / "runs.db").exists() or any((settings.dagster_home / "storage").rglob("runs.db"))


def test_a_postgresql_url_without_a_driver_selects_postgresql_through_psycopg2(monkeypatch):
    made = []
    import dagster_postgres

    monkeypatch.setattr(dagster_postgres, "DagsterPostgresStorage", lambda url, **kwargs: made.append(url) or "storage")
    monkeypatch.setenv("FXGPT_DAGSTER_PG_URL", "postgres://u:p@127.0.0.1/dagster")
    assert EnvironmentStorage.from_config_value(None, {"url_env": "FXGPT_DAGSTER_PG_URL"}) == "storage"
    assert made == ["postgresql+psycopg2://u:p@127.0.0.1/dagster"]


def test_a_process_lives_until_it_ends_and_its_pid_alone_proves_nothing():
    own = ProofOfLife.own()
    tags = own.tags("run 1")
    assert own.lives() is True
    assert ProofOfLife.from_tags(tags, "run 1") == own
    assert ProofOfLife.from_tags(tags | {BIRTH_TAG: "1"}, "run 1").lives() is False
    assert ProofOfLife.from_tags(tags | {BOOT_TAG: "another boot"}, "run 1").lives() is False
    assert ProofOfLife.from_tags(tags | {HOST_TAG: "another machine"}, "run 1").lives() is None


def test_the_tags_a_retry_inherits_say_nothing_of_the_retry():
    assert ProofOfLife.from_tags(ProofOfLife.own().tags("run 1"), "run 2") is None
    assert ProofOfLife.from_tags({}, "run 1") is None


def _started_run(instance, tags):
    @dg.op
    def nothing() -> None: ...

    @dg.job
    def idle() -> None:
        nothing()

    run = instance.create_run_for_job(idle, status=dg.DagsterRunStatus.STARTED)
    instance.add_run_tags(run.run_id, tags(run.run_id))
    return instance.get_run_by_id(run.run_id)


def test_a_run_is_failed_only_when_its_process_is_gone_too():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        stat = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        tags = {"fxgpt/pid": str(child.pid), BIRTH_TAG: stat[19]}
        with instance_for_test() as instance:
            launcher = MonitoredRunLauncher()
            launcher.register_instance(instance)
            run = _started_run(instance, lambda run_id: ProofOfLife.own().tags(run_id) | tags)
            alive = launcher.check_run_worker_health(run)
            child.kill()
            child.wait()
            dead = launcher.check_run_worker_health(run)
            young = launcher.check_run_worker_health(_started_run(instance, lambda _: {}))
    finally:
        child.kill()
        child.wait()
    assert alive.status is WorkerStatus.RUNNING
    assert dead.status is WorkerStatus.FAILED
    assert "gone" in dead.msg
    assert young.status is WorkerStatus.RUNNING


def test_a_run_that_never_showed_a_sign_of_life_is_failed_after_the_waiting_time(monkeypatch):
    with instance_for_test() as instance:
        launcher = MonitoredRunLauncher()
        launcher.register_instance(instance)
        run = _started_run(instance, lambda _: {})
        monkeypatch.setattr("fxgpt_pipelines.instance.launcher.SECONDS_TO_FIRST_SIGN", 0.0)
        assert launcher.check_run_worker_health(run).status is WorkerStatus.FAILED


def test_the_environment_of_this_process_names_the_home(settings):
    prepare_home(settings)
    assert os.environ["DAGSTER_HOME"] == str(settings.dagster_home)
