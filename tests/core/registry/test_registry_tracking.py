"""Models are registered in MLflow with all they need to be traced, quietly, and read back without importing it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from fxgpt_core.errors import MissingError, NotReadyError
from fxgpt_core.registry import model_versions, tracking
from fxgpt_core.registry.model_versions import registered_version
from fxgpt_core.registry.tracking import REQUIRED_TAGS, Tracking, upgrade_store

ROOT = str(Path(__file__).resolve().parents[3])
TAGS = {name: f"the {name}" for name in REQUIRED_TAGS}
QUIET = """
import sys, pathlib
from fxgpt_core.registry.model_versions import registered_version
from fxgpt_core.registry.tracking import REQUIRED_TAGS, Tracking, upgrade_store
url, folder = sys.argv[1], pathlib.Path(sys.argv[2])
upgrade_store(url)
store = Tracking(url, folder)
made = store.register_model("m", {"model.safetensors": b"x"}, {"lr": 1}, {"loss": 0.5}, dict.fromkeys(REQUIRED_TAGS, "t"))
store.set_alias("m", "champion", made.version)
registered_version(url, "m", made.version)
"""
READ = """
import sys
from fxgpt_core.registry.model_versions import registered_version
assert registered_version(sys.argv[1], "fxgpt-EURUSD-1h", "1").aliases == ("challenger",)
assert not {"mlflow", "pandas", "numpy", "sqlalchemy.orm"} & set(sys.modules), sorted(sys.modules)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ml flow")
    url = f"sqlite:///{folder / 'store' / 'mlflow.db'}"
    upgrade_store(url)
    return Tracking(url, folder / "artifacts")


@pytest.fixture(scope="module")
def registered(store, tmp_path_factory):
    config = tmp_path_factory.mktemp("config") / "config.json"
    config.write_text("{}")
    files = {"model.safetensors": b"weights", "config.json": config}
    inputs = {"candles of EURUSD 1h": "c" * 64, "features of EURUSD 1h": "f" * 64}
    return store.register_model("fxgpt-EURUSD-1h", files, {"lr": 0.001}, {"crps": 0.25}, TAGS, inputs)


def python(code, *arguments, cwd=None):
    command = [sys.executable, "-W", "default", "-c", code, *arguments]
    environment = {**os.environ, "PYTHONPATH": ROOT}
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=False, timeout=200)


def client_of(store):
    tracking.quiet()
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=store.url, registry_uri=store.url)


def test_a_registered_model_is_read_back_with_its_files_tags_and_alias(store, registered):
    found = registered_version(store.url, registered.name, registered.version)
    assert (found.name, found.version, found.run_id) == ("fxgpt-EURUSD-1h", registered.version, registered.run_id)
    assert found.tags == TAGS
    assert found.aliases == ("challenger",)
    assert (found.folder / "model.safetensors").read_bytes() == b"weights"
    assert (found.folder / "config.json").read_text() == "{}"
    assert found.folder.is_relative_to(store.artifacts)


def test_mlflow_itself_sees_the_same(store, registered):
    client = client_of(store)
    version = client.get_model_version(registered.name, registered.version)
    assert (version.source, version.run_id, version.tags) == (registered.uri, registered.run_id, TAGS)
    assert list(map(str, [client.get_model_version_by_alias(registered.name, "challenger").version])) == [registered.version]
    run = client.get_run(registered.run_id)
    assert (run.info.status, run.data.params, run.data.metrics) == ("FINISHED", {"lr": "0.001"}, {"crps": 0.25})
    assert sorted(entry.path for entry in client.list_artifacts(registered.run_id, "model")) == [
        "model/config.json",
        "model/model.safetensors",
    ]


def test_the_run_names_the_data_it_was_trained_on(store, registered):
    found = client_of(store).get_run(registered.run_id).inputs.dataset_inputs
    assert [(one.dataset.name, one.dataset.digest, json.loads(one.dataset.source)) for one in found] == [
        ("candles of EURUSD 1h", "c" * 16, {"sha256": "c" * 64}),
        ("features of EURUSD 1h", "f" * 16, {"sha256": "f" * 64}),
    ]
    assert {(tag.key, tag.value) for one in found for tag in one.tags} == {("mlflow.data.context", "training")}


def test_reading_a_version_imports_no_mlflow(store, registered):
    done = python(READ, store.url)
    assert (done.returncode, done.stderr) == (0, "")


def test_aliases_move_and_the_next_registration_is_the_next_version(store, registered):
    name = "moving"
    first = store.register_model(name, {"m": b"1"}, {}, {}, TAGS)
    store.set_alias(name, "champion", first.version)
    second = store.register_model(name, {"m": b"2"}, {}, {}, TAGS)
    assert [first.version, second.version] == ["1", "2"]
    assert registered_version(store.url, name, "1").aliases == ("champion",)
    assert registered_version(store.url, name, "2").aliases == ("challenger",)


@pytest.mark.parametrize("tag", REQUIRED_TAGS)
def test_a_model_without_a_tag_of_its_lineage_is_not_registered(store, tag):
    with pytest.raises(MissingError, match=tag):
        store.register_model("untagged", {}, {}, {}, {name: value for name, value in TAGS.items() if name != tag})
    with pytest.raises(MissingError, match="no version 1 of untagged"):
        registered_version(store.url, "untagged", "1")


def test_a_registration_that_fails_marks_its_run_failed_and_registers_nothing(store, tmp_path):
    with pytest.raises(FileNotFoundError, match="gone"):
        store.register_model("broken", {"model": tmp_path / "gone"}, {}, {}, TAGS)
    client = client_of(store)
    experiment = client.get_experiment_by_name("fxgpt")
    (run,) = client.search_runs([experiment.experiment_id], "attributes.run_name = 'broken'")
    assert run.info.status == "FAILED"
    with pytest.raises(MissingError, match="broken"):
        registered_version(store.url, "broken", "1")


def test_a_store_that_was_never_prepared_says_to_run_setup_and_is_not_made(tmp_path):
    url = f"sqlite:///{tmp_path / 'none.db'}"
    with pytest.raises(NotReadyError, match="fxgpt setup"):
        registered_version(url, "m", "1")
    with pytest.raises(NotReadyError, match="fxgpt setup"):
        Tracking(url, tmp_path).register_model("m", {}, {}, {}, TAGS)
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_another_schema_is_not_ready(tmp_path):
    url = f"sqlite:///{tmp_path / 'old.db'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('older')"))
    engine.dispose()
    with pytest.raises(NotReadyError, match="installed version"):
        registered_version(url, "m", "1")


def test_the_installed_revision_is_the_one_mlflow_itself_names():
    tracking.quiet()
    from mlflow.store.db.utils import _get_latest_schema_revision

    assert model_versions.installed_revision() == _get_latest_schema_revision()


def test_preparing_and_registering_print_nothing_and_leave_nothing_in_the_working_folder(tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    done = python(QUIET, f"sqlite:///{tmp_path / 'm.db'}", str(tmp_path / "artifacts"), cwd=here)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(here.iterdir()) == []


def test_a_postgresql_store_works_the_same(postgres_database, tmp_path):
    upgrade_store(postgres_database)
    made = Tracking(postgres_database, tmp_path / "artifacts").register_model("m", {"m": b"1"}, {}, {"x": 1.0}, TAGS)
    found = registered_version(postgres_database, "m", made.version)
    assert (found.aliases, found.tags) == (("challenger",), TAGS)
    assert (found.folder / "m").read_bytes() == b"1"


def test_pickle_and_telemetry_are_off_before_mlflow_is_imported():
    code = "import os; from fxgpt_core.registry.tracking import quiet; quiet(); import mlflow.environment_variables as e; "
    code += "assert not e.MLFLOW_ALLOW_PICKLE_DESERIALIZATION.get() and e.MLFLOW_DISABLE_TELEMETRY.get()"
    assert python(code).returncode == 0


def test_a_store_out_of_reach_or_damaged_is_not_ready_so_that_a_trace_can_go_on(tmp_path):
    (tmp_path / "damaged.db").write_text("these are a thousand words about something else " * 100)
    away = f"postgresql+psycopg2:///mlflow?host={tmp_path}&user=bob&password=s3cretPW"
    for url in (away, f"sqlite:///{tmp_path / 'damaged.db'}"):
        with pytest.raises(NotReadyError, match=r"the MLflow store .* cannot be read \(.*\); start or restore it") as caught:
            registered_version(url, "m", "1")
        assert "s3cretPW" not in str(caught.value)
        assert "\n" not in str(caught.value)
