"""A backfill's run killed with SIGKILL, at twenty points, leaves nothing that passes for whole, and ends as one not killed."""

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from killed_child import ASSETS
from tiny_line import resources, set_up

from fxgpt_core import content_hash
from fxgpt_core.errors import MissingError
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.settings import read_settings
from fxgpt_pipelines.running import Runner

PROJECT = Path(__file__).resolve().parents[2]
N_KILLS = 20
SEED = 20240310


def child(root: Path, dies_at: int) -> "subprocess.CompletedProcess[str]":
    path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, str(Path(__file__).with_name("killed_child.py")), str(root), str(dies_at)]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)


def made(root: Path) -> dict[str, str]:
    """The latest artifact of each asset, every one whole, and no file of another name or with other bytes beside them."""
    settings = read_settings({"FXGPT_DATA_ROOT": str(root)})
    ledger = Ledger(settings.ledger_url)
    ledger.require_sound()
    lake, found = Lake(settings.lake_root, ledger, CodeIdentity("test", None, "test")), {}
    for asset in ASSETS:
        try:
            artifact = lake.latest(asset, "EURUSD", "4h")
        except MissingError:
            continue
        assert lake.verify(artifact) == artifact.sha256
        found[asset] = artifact.id
    ledger.close()
    for path in settings.lake_root.rglob("[!.]*.parquet"):
        assert content_hash.of_file(path).startswith(path.stem)
    return found


@pytest.mark.slow
def test_a_run_killed_anywhere_leaves_whole_artifacts_alone_and_ends_as_one_that_was_not(tmp_path):
    before = tmp_path / "before"
    with set_up(before):
        pass
    shutil.copytree(before, tmp_path / "whole")
    ended = child(tmp_path / "whole", 0)
    assert ended.returncode == 0, ended.stderr
    whole, n_touches = made(tmp_path / "whole"), int(ended.stdout)
    assert set(whole) == set(ASSETS)
    points = np.random.default_rng(SEED).choice(np.arange(1, n_touches + 1), N_KILLS, replace=False).tolist()
    roots = [Path(shutil.copytree(before, tmp_path / f"killed_{dies_at}")) for dies_at in points]
    with ThreadPoolExecutor(2) as pool:
        assert [ended.returncode for ended in pool.map(child, roots, points)] == [-signal.SIGKILL] * N_KILLS
    kept = []
    for root in roots:
        left = made(root)
        assert left.items() <= whole.items()
        with dg.DagsterInstance.ephemeral() as instance:
            runner = Runner(instance, "EURUSD", "4h", lambda _: None, resources(root))
            again = [runner.materialize(asset) for asset in ASSETS]
        # What was whole is not made again.
        assert [one.asset for one in again if one.reused] == list(left)
        assert made(root) == whole
        assert list(root.rglob("*.tmp")) == []
        kept.append(len(left))
    # The points lie all along the way, or this would show little.
    assert {0, 1, 2} <= set(kept)
