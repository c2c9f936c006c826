"""The benchmark of a backfill: what it refuses, and, slowly, one real backfill by Dagster's daemon and the same again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.backfill import main

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--shared", "{nowhere}"], 4, "EURUSD_h1.parquet is needed; name it by --shared"),
        (["--generated", "99"], 3, "--generated is 99; 0 to 25 can be"),
        (["--generated", "0"], 3, "--generated is 0; 0 to 25 can be, 0 only with --shared"),
    ],
)
def test_what_cannot_be_is_told_with_its_exit_code(tmp_path, capsys, arguments, code, words):
    assert main([argument.format(nowhere=tmp_path / "nowhere") for argument in arguments]) == code
    assert words in capsys.readouterr().err


@pytest.mark.slow
def test_one_backfill_makes_every_partition_and_the_same_again_makes_nothing():
    command = [sys.executable, "-m", "benchmarks.backfill", "--generated", "2", "--hours", "6000", "--json"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["symbols"] == 2
    assert (found["first"]["partitions"], found["first"]["succeeded"]) == (2, 2)
    assert (found["first"]["artifacts_made"], found["first"]["reused"]) == (8, 0)
    assert (found["again"]["succeeded"], found["again"]["artifacts_made"], found["again"]["reused"]) == (2, 0, 8)
