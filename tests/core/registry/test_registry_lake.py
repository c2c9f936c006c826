"""The lake never names bytes it does not have, never hands out bytes that changed, and remembers every input."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from registry_examples import lake_of, made
from sqlalchemy import select

from fxgpt_core.errors import BadInputError, CorruptArtifactError, MissingError
from fxgpt_core.registry import lake as lake_module
from fxgpt_core.registry import lineage
from fxgpt_core.registry.artifact_tables import artifact_inputs, artifacts

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def lake(sqlite_ledger, tmp_path):
    return lake_of(sqlite_ledger, tmp_path / "lake")


def files_below(lake):
    return sorted(path for path in lake.root.rglob("*") if path.is_file())


def rows_of(lake, table):
    with lake.ledger.reading() as connection:
        return connection.execute(select(table)).all()


def chain_of(lake):
    with lake.ledger.reading() as connection:
        lineage.verify(connection)
        return [entry.kind for entry in lineage.entries(connection)]


def test_an_artifact_comes_back_as_it_was_written(migrated_ledger, tmp_path):
    lake = lake_of(migrated_ledger, tmp_path / "lake")
    with lake.making("candles", "EURUSD", "1h", {"b": 2, "a": [1.5]}, code_sha256="f" * 64, run_id="run", seed=2**64) as making:
        written = making.write_bytes(b"abc", "bin", {"first": "x"})
    read = lake.latest("candles", "EURUSD", "1h")
    assert read == written == lake.get(written.id)
    assert read.bytes() == b"abc"
    assert read.sha256 == lake.verify(read) == hashlib.sha256(b"abc").hexdigest()
    assert read.path == lake.root / "candles/EURUSD/1h" / f"{read.sha256[:16]}.bin"
    assert (read.settings, read.summary, read.seed, read.rows) == ({"a": [1.5], "b": 2}, {"first": "x"}, 2**64, None)
    assert chain_of(lake) == ["artifact"]


def test_a_table_keeps_its_values_types_and_row_count(lake):
    frame = pl.DataFrame({"x": [0.1, None, float("nan")], "n": [1, 2, 3]})
    with lake.making("features", "EURUSD", "1h", {}, code_sha256="f", run_id="r") as making:
        artifact = making.write_frame(frame, {})
    assert artifact.frame().equals(frame)
    assert artifact.frame().schema == frame.schema
    assert artifact.rows == 3
    assert pl.read_parquet(artifact.path).equals(frame)


def test_the_same_table_gives_the_same_bytes_however_it_is_chunked(lake):
    whole = pl.DataFrame(
        {"x": pl.arange(0, 300_000, eager=True).cast(pl.Float64).sqrt(), "day": pl.arange(0, 300_000, eager=True)}
    )
    pieces = pl.concat([whole[:7], whole[7:150_000], whole[150_000:]], rechunk=False)
    assert pieces.n_chunks() > 1
    assert len({lake_module.parquet_bytes(table) for table in (whole, pieces, whole.clone())}) == 1


def test_json_is_stored_canonically(lake):
    with lake.making("calibration", "EURUSD", "1h", {}, code_sha256="f", run_id="r") as making:
        artifact = making.write_json({"b": 1, "a": [0.1]}, {})
    assert artifact.bytes() == b'{"a":[0.1],"b":1}'
    assert artifact.json() == {"a": [0.1], "b": 1}


def test_what_was_read_is_what_the_artifact_is_made_of(lake):
    raw = made(lake, "raw_candles", b"1")
    candles = made(lake, "candles", b"2", "raw_candles")
    features = made(lake, "features", b"3", "candles")
    model = made(lake, "diffusion_model", b"4", "candles", "features")
    assert [(edge.role, edge.parent, edge.sha256) for edge in lake.inputs(model.id)] == [
        ("candles", candles, candles.sha256),
        ("features", features, features.sha256),
    ]
    behind = lake.ancestors(model.id)
    assert [edge.parent.asset for edge in behind] == ["candles", "features", "raw_candles", "candles"]
    assert [artifact.id for artifact in lake.descendants(raw.id)] == [candles.id, features.id, model.id]
    assert lake.inputs(raw.id) == lake.ancestors(raw.id) == []


def test_an_input_of_another_partition_is_noted_too(lake):
    with lake.making("candles", "GBPUSD", "4h", {}, code_sha256="f", run_id="r") as making:
        other = making.write_bytes(b"gbp", "bin", {})
    with lake.making("features", "EURUSD", "1h", {}, code_sha256="f", run_id="r") as making:
        making.read("candles", symbol="GBPUSD", timeframe="4h")
        artifact = making.write_bytes(b"x", "bin", {})
    assert [edge.parent for edge in lake.inputs(artifact.id)] == [other]


def test_an_unchanged_recipe_is_recognised_and_becomes_the_latest(lake):
    made(lake, "candles", b"c")
    first = made(lake, "features", b"f", "candles", settings={"n": 1})
    second = made(lake, "features", b"g", "candles", settings={"n": 2})
    assert lake.latest("features", "EURUSD", "1h") == second
    with lake.making("features", "EURUSD", "1h", {"n": 1}, code_sha256="a" * 64, run_id="later") as making:
        making.read("candles")
        assert making.unchanged() == first
    assert lake.latest("features", "EURUSD", "1h") == first
    assert chain_of(lake) == ["artifact"] * 3


@pytest.mark.parametrize("change", ["settings", "code", "seed", "input", "no input"])
def test_any_change_of_the_recipe_is_a_new_artifact(lake, change):
    made(lake, "candles", b"c")
    made(lake, "features", b"f", "candles", seed=7)
    if change == "input":
        made(lake, "candles", b"later candles")
    settings = {"n": 1} if change == "settings" else {}
    code, seed = ("b" * 64 if change == "code" else "a" * 64), (8 if change == "seed" else 7)
    with lake.making("features", "EURUSD", "1h", settings, code_sha256=code, run_id="r", seed=seed) as making:
        if change != "no input":
            making.read("candles")
        assert making.unchanged() is None


def test_the_same_bytes_of_the_same_recipe_are_one_artifact_one_row_and_one_entry(migrated_ledger, tmp_path):
    lake = lake_of(migrated_ledger, tmp_path / "lake")
    first = made(lake, "candles", b"same")
    made(lake, "candles", b"other", settings={"x": 1})
    again = made(lake, "candles", b"same")
    assert again == first == lake.latest("candles", "EURUSD", "1h")
    assert len(rows_of(lake, artifacts)) == 2
    assert chain_of(lake) == ["artifact", "artifact"]


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_damaged_bytes_are_never_handed_out_and_are_made_again(lake, damage):
    artifact = made(lake, "candles", b"precious")
    if damage == "delete":
        artifact.path.unlink()
    else:
        artifact.path.write_bytes(b"preciouz" if damage == "flip" else b"prec")
    with pytest.raises(CorruptArtifactError, match="materialize candles again"):
        artifact.bytes()
    with lake.making("features", "EURUSD", "1h", {}, code_sha256="f", run_id="r") as making:
        with pytest.raises(CorruptArtifactError, match="candles of EURUSD 1h"):
            making.read("candles")
        assert making.read_so_far == {}
    with lake.making("candles", "EURUSD", "1h", {}, code_sha256="a" * 64, run_id="r") as making:
        assert making.unchanged() is None
    assert made(lake, "candles", b"precious") == artifact
    assert artifact.bytes() == b"precious"


def test_verifying_gives_the_hash_of_the_bytes_as_they_are_now(lake):
    artifact = made(lake, "candles", b"precious")
    artifact.path.write_bytes(b"changed")
    assert lake.verify(artifact) == hashlib.sha256(b"changed").hexdigest()
    artifact.path.unlink()
    with pytest.raises(CorruptArtifactError, match="is gone"):
        lake.verify(artifact)


def test_a_missing_input_says_what_to_materialize(lake):
    with (
        lake.making("features", "EURUSD", "1h", {}, code_sha256="f", run_id="r") as making,
        pytest.raises(MissingError, match="materialize candles for EURUSD 1h first"),
    ):
        making.read("candles")
    with pytest.raises(MissingError, match="knows no artifact"):
        lake.get("0" * 64)


def test_a_process_killed_between_file_and_transaction_leaves_a_file_and_no_row(lake):
    child = (
        "import os, sys, pathlib\n"
        "from fxgpt_core.registry import lineage\n"
        "from fxgpt_core.registry.ledger import Ledger\n"
        "from registry_examples import lake_of, made\n"
        "lineage.append = lambda *a: os._exit(9)\n"
        "made(lake_of(Ledger(sys.argv[1]), pathlib.Path(sys.argv[2])), 'candles', b'lost')\n"
    )
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    done = subprocess.run(
        [sys.executable, "-c", child, lake.ledger.url, str(lake.root)], env={**os.environ, "PYTHONPATH": path}, check=False
    )
    assert done.returncode == 9
    assert len(files_below(lake)) == 1
    assert rows_of(lake, artifacts) == []
    assert made(lake, "candles", b"lost").bytes() == b"lost"
    assert len(files_below(lake)) == 1


def test_a_write_that_fails_leaves_no_row_and_no_file(lake, monkeypatch):
    def full(path, data):
        raise OSError("no space left on device")

    monkeypatch.setattr(lake_module, "write_atomically", full)
    with pytest.raises(OSError, match="no space"):
        made(lake, "candles", b"x")
    assert rows_of(lake, artifacts) == rows_of(lake, artifact_inputs) == []
    assert chain_of(lake) == []


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a b"])
def test_a_name_that_could_leave_the_lake_is_refused(lake, name):
    making = lake.making(name, "EURUSD", "1h", {}, code_sha256="f", run_id="r")
    with pytest.raises(BadInputError, match="cannot name a folder"):
        making.__enter__()


def test_the_model_version_of_an_artifact_is_noted_once(lake):
    artifact = made(lake, "diffusion_model", b"m")
    noted = lake.record_model(artifact, "run", "fxgpt-EURUSD-1h", "3")
    assert (noted.mlflow_run_id, noted.model_name, noted.model_version) == ("run", "fxgpt-EURUSD-1h", "3")
    assert lake.record_model(noted, "run", "fxgpt-EURUSD-1h", "3") == noted
    assert chain_of(lake) == ["artifact", "model_version"]
