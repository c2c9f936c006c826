"""The asset of a model: it goes on from its snapshot after its process was killed, by a folder that does not name the run."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from tiny_line import CONFIG, resources, set_up

from fxgpt_core.errors import NotReadyError
from fxgpt_core.registry.tracking import upgrade_store
from fxgpt_core.training.surroundings import TrainingProgress
from fxgpt_pipelines import training
from fxgpt_pipelines.instance.home import POOL_LIMITS
from fxgpt_pipelines.running import Runner

PROJECT = Path(__file__).resolve().parents[2]


def test_the_plan_is_a_table_of_the_asset_and_no_snapshot_is_left(line):
    records = [record.data for record in line.made["diffusion_model"].metadata["plan"].records]
    assert {row["name"]: row["used"] for row in records}["precision"] == "fp32"
    kept = line.at.settings.data_root / "training"
    assert not kept.exists() or list(kept.iterdir()) == []


def test_what_is_believed_is_a_table_in_the_order_of_horizons_with_the_scores_that_chose_it(line):
    rows = [record.data for record in line.made["diffusion_model"].metadata["shrinkage"].records]
    summary = line.at.lake.latest("diffusion_model", "EURUSD", "1h").summary
    assert [(row["up to"], row["of"]) for row in rows] == [
        (horizon, of) for horizon in ("1h", "4h", "1d", "1w") for of in ("blocks", "shrink", "lean")
    ]
    shrink, lean = rows[1], rows[2]
    assert (shrink["chosen"], lean["chosen"]) == (summary["shrink"]["1h"], summary["lean"]["1h"])
    assert {name for name in shrink if name.startswith("at ")} == {"at 0", "at ¼", "at ½", "at ¾", "at 1"}
    assert [shrink[f"at {quarter}"] for quarter in ("0", "½", "1")] == [
        f"{summary['validation_crps']['1h'][factor]:.4f}" for factor in ("0", "0.5", "1")
    ]
    assert rows[0]["at 1"] == ""


def test_the_log_tells_epoch_losses_rate_and_the_device_where_it_has_sensors(line):
    n_steps = line.at.lake.latest("diffusion_model", "EURUSD", "1h").summary["n_steps"]
    # The autoencoder is trained before, with other steps; other tests train folds in the same line, later.
    steps = [said for said in line.at.lines if re.match(r"step \d+/40  epoch", said)][:n_steps]
    assert [said.split("/")[0] for said in steps] == [f"step {step}" for step in range(1, n_steps + 1)]
    assert all(word in steps[-1] for word in (f"step {n_steps}/40  epoch", "loss", "validation", "windows/s", "left"))
    hot = TrainingProgress(3, 9, 0.98, 10.0, 20.0, 0.97, 1.5, 120.0, 96.0, 61.0)
    assert training.progress_line(hot).endswith("device 96 %, 61 °C")


def test_one_training_at_a_time():
    assert POOL_LIMITS["gpu"] == 1


@pytest.mark.slow
def test_a_training_whose_process_was_killed_goes_on_from_its_snapshot_and_ends_as_one_that_was_not(tmp_path):
    before = tmp_path / "before"
    with set_up(before) as at:
        upgrade_store(at.settings.mlflow_url)
        for asset in ("raw_candles", "candles", "features"):
            at.runner.materialize(asset, CONFIG.get(asset))
    models = {}
    for name, dies_at in (("whole", "0"), ("killed", "13")):
        root = Path(shutil.copytree(before, tmp_path / name))
        path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
        command = [sys.executable, str(Path(__file__).with_name("training_child.py")), str(root), dies_at]
        ended = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
        snapshots = list((root / "training").rglob("*.safetensors")) if (root / "training").exists() else []
        if name == "killed":
            assert ended.returncode == -signal.SIGKILL, ended.stderr
            assert len(snapshots) == 3
            lines = []
            with dg.DagsterInstance.ephemeral() as instance:
                runner = Runner(instance, "EURUSD", "1h", lines.append, resources(root))
                runner.materialize("diffusion_model", CONFIG["diffusion_model"])
            assert "resumed behind step 12 of 40, from its snapshot" in lines
            assert next(said for said in lines if said.startswith("step ")).startswith("step 13/40")
        else:
            assert ended.returncode == 0, ended.stderr
        assert list((root / "training").rglob("*.safetensors")) == []
        (model,) = (root / "lake").rglob("diffusion_model/**/*.safetensors")
        models[name] = model.read_bytes()
    assert models["killed"] == models["whole"]


def test_a_training_that_is_asked_to_stop_says_so_and_goes_on_when_run_again(line, tmp_path):
    root = Path(shutil.copytree(line.at.settings.data_root, tmp_path / "copy"))
    lines = []

    def listen(said):
        lines.append(said)
        if said.startswith("step 5/"):
            Path(next(one for one in lines if "touch" in one).rpartition("touch ")[2]).touch()

    config = {"preset": "tiny", "seed": 99}
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(instance, "EURUSD", "1h", listen, resources(root))
        with pytest.raises(NotReadyError, match="asked to stop and ended behind step 6, with a snapshot"):
            runner.materialize("diffusion_model", config)
        lines.clear()
        runner.materialize("diffusion_model", config)
    assert "resumed behind step 6 of 40, from its snapshot" in lines
