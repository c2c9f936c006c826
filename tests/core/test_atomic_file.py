"""A file is there whole or not at all, and what a killed writer left is removed by the next one."""

import os
import signal
import subprocess
import sys

import pytest

from fxgpt_core.atomic_file import write_atomically

KILLED = """
import os, signal, sys
from pathlib import Path
from fxgpt_core import atomic_file
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
atomic_file.write_atomically(Path(sys.argv[1]), b"new")
"""


def hidden(folder) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_write_replaces_the_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "made" / "artifact.parquet"
    for data in (b"old", b"new"):
        write_atomically(path, data)
        assert path.read_bytes() == data
    assert os.listdir(path.parent) == ["artifact.parquet"]


def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "artifact.parquet"
    write_atomically(path, b"old")

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert (path.read_bytes(), hidden(tmp_path)) == (b"old", [])


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    path = tmp_path / "artifact.parquet"
    write_atomically(path, b"old")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(hidden(tmp_path)) == 1
    write_atomically(tmp_path / "other.json", b"{}")
    assert hidden(tmp_path) == []


def test_the_file_of_a_writer_that_is_at_it_and_what_is_not_ours_are_left(tmp_path):
    ours = [f".artifact.parquet.{os.getpid()}.x1y2.tmp", ".artifact.parquet.1.x1y2.tmp"]
    others = [".hidden", ".notes.tmp", ".a.b.c.tmp"]
    for name in (*ours, *others):
        (tmp_path / name).write_bytes(b"half")
    write_atomically(tmp_path / "artifact.parquet", b"whole")
    assert sorted(hidden(tmp_path)) == sorted([*ours, *others])
