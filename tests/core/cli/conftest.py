"""The command line as a person meets it: arguments in; exit code, stdout, stderr and the data root out."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keyring
import polars as pl
import pytest
from keyring.backends.fail import Keyring as NoKeyring

from fxgpt_core.cli import main
from fxgpt_core.registry.artifact import Artifact
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.settings import read_settings

SETTINGS = ("FXGPT_LEDGER_URL", "FXGPT_MLFLOW_URL", "FXGPT_DAGSTER_PG_URL", "DAGSTER_HOME")


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def data_root(tmp_path, monkeypatch):
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FXGPT_DATA_ROOT", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def no_keyring():
    """A machine without a keyring."""
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def fxgpt(data_root, capsys) -> Callable[..., Answer]:
    def run(*arguments: object) -> Answer:
        capsys.readouterr()
        code = main.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run


@pytest.fixture
def stored(data_root) -> Callable[[], dict[str, str]]:
    """Hash of every file below the data root, but for SQLite's own side files, which a reader may make."""

    def snapshot() -> dict[str, str]:
        files = [path for path in sorted(data_root.rglob("*")) if path.is_file() and path.suffix not in (".db-wal", ".db-shm")]
        return {path.relative_to(data_root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    return snapshot


@pytest.fixture
def keep(fxgpt) -> Callable[[str, pl.DataFrame], Artifact]:
    """Keeps a frame in the lake, which is set up, as an asset of EURUSD 1h."""
    assert fxgpt("setup").code == 0

    def write(asset: str, frame: pl.DataFrame) -> Artifact:
        settings = read_settings()
        ledger = Ledger(settings.ledger_url)
        lake = Lake(settings.lake_root, ledger, CodeIdentity("c" * 40, None, "l" * 64))
        with lake.making(asset, "EURUSD", "1h", {}, code_sha256="k" * 64, run_id="test") as making:
            artifact = making.write_frame(frame, {})
        ledger.close()
        return artifact

    return write


@pytest.fixture
def candle_file(tmp_path) -> Callable[..., Path]:
    """A CSV file of hourly candles with given lines put in the place of its own."""

    def write(*changed: str, n: int = 48, name: str = "eurusd.csv") -> Path:
        lines = [f"2024-01-{10 + i // 24:02d} {i % 24:02d}:00,1.10,1.11,1.09,1.105,{100 + i}" for i in range(n)]
        lines[: len(changed)] = changed
        path = tmp_path / name
        path.write_text("\n".join(["time,open,high,low,close,volume", *lines]) + "\n")
        return path

    return write
