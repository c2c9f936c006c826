"""The one-way rule: the house keeps its contracts, and each contract catches the violation it is there for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("fxgpt_core", "fxgpt_pipelines")
KEPT = "Contracts: 6 kept, 0 broken."

LAYERS = "Rooms import downwards only"
DAGSTER = "The core knows nothing of Dagster"
TORCH = "Torch never reaches the light rooms"
MATHS = "Math rooms do no I/O"
SETTINGS = "Settings are read at the edge"
AGPL = "The AGPL library is imported by the references only"


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", program, "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def _sources(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if not (name.endswith(".py") or (Path(folder) / name).is_dir()) or name == "__pycache__"}


@pytest.fixture
def house(tmp_path):
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, tmp_path / package, ignore=_sources)
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


def _plant(house: Path, files: dict[str, str]) -> None:
    for name, line in files.items():
        path = house / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if path.exists() else ""
        path.write_text(f"{before}\n{line}\n")


def test_the_house_keeps_every_contract(house):
    linted = _lint(house)
    assert linted.returncode == 0, linted.stdout
    assert KEPT in linted.stdout


PLANTED = {
    "a strategy imported by the market": (LAYERS, {"fxgpt_core/market/symbols.py": "import fxgpt_core.strategy.decision"}),
    "a room beside the layers": (LAYERS, {"fxgpt_core/utils/__init__.py": '"""Anything."""'}),
    "the registry imported by the backtest": (MATHS, {"fxgpt_core/backtest/engine.py": "import fxgpt_core.registry.ledger"}),
    "a database in a formula": (MATHS, {"fxgpt_core/portfolio/sizing.py": "import sqlalchemy"}),
    "Dagster in the core": (DAGSTER, {"fxgpt_core/features/clock.py": "import dagster"}),
    "the skin imported by the core": (DAGSTER, {"fxgpt_core/cli/doctor.py": "import fxgpt_pipelines.web"}),
    "torch in the gateway, two steps away": (
        TORCH,
        {
            "fxgpt_core/live/planted_step.py": "import fxgpt_core.performance.planted_weights",
            "fxgpt_core/performance/planted_weights.py": "import torch",
        },
    ),
    "training called by the optimization": (TORCH, {"fxgpt_core/optimization/study.py": "import fxgpt_core.training.loop"}),
    "settings read in a room": (SETTINGS, {"fxgpt_core/portfolio/limits.py": "import fxgpt_core.settings"}),
    "backtesting imported in another file": (AGPL, {"fxgpt_core/performance/measures.py": "import backtesting"}),
    "backtesting imported in a function": (
        AGPL,
        {"fxgpt_pipelines/reading.py": "def planted() -> None:\n    import backtesting"},
    ),
}


@pytest.mark.parametrize("violation", PLANTED)
def test_a_planted_violation_breaks_the_contract_that_forbids_it(house, violation):
    contract, files = PLANTED[violation]
    _plant(house, files)
    linted = _lint(house)
    assert linted.returncode != 0
    assert f"{contract} BROKEN" in linted.stdout
    assert KEPT not in linted.stdout
