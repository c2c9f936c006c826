"""A search killed in the middle ends with exactly the trials of one that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from search_problem import SMALL, problem
from sqlalchemy import select

import fxgpt_core
from fxgpt_core.optimization.study import optimize
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import metadata, optimization_runs
from fxgpt_core.registry.trials import TrialRecord, TrialStore

TOTAL = 3 * 5 + 6
PATIENCE_S = 90.0


def fresh_ledger(folder: Path, name: str) -> Ledger:
    ledger = Ledger(f"sqlite:///{folder / name}")
    metadata.create_all(ledger.engine)
    return ledger


def begun(ledger: Ledger) -> "subprocess.Popen[bytes]":
    root = str(Path(fxgpt_core.__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    child = Path(__file__).with_name("search_child.py")
    return subprocess.Popen(
        [sys.executable, str(child), ledger.url, "0.1"], env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE
    )


def killed_after(ledger: Ledger, n: int) -> int:
    """Start the search in another process, kill it with SIGKILL once `n` trials are stored, and return how many are."""
    process = begun(ledger)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while len(TrialStore(ledger).trials(1)) < n:
            assert process.poll() is None, process.communicate()[1].decode()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    return len(TrialStore(ledger).trials(1))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[TrialRecord], list[str]]:
    ledger = fresh_ledger(tmp_path_factory.mktemp("whole"), "ledger.db")
    outcome = optimize(problem(), SMALL, TrialStore(ledger))
    trials = TrialStore(ledger).trials(outcome.run_id)
    ledger.close()
    return trials, [outcome.proposed.sha256, *(fold.parameters.sha256 for fold in outcome.folds)]


def test_a_search_killed_twice_ends_with_the_trials_of_one_that_was_not(
    uninterrupted: tuple[list[TrialRecord], list[str]], tmp_path: Path
) -> None:
    whole, chosen = uninterrupted
    ledger = fresh_ledger(tmp_path, "ledger.db")
    first = killed_after(ledger, 3)
    assert 3 <= first < TOTAL
    second = killed_after(ledger, first + 5)
    assert first + 5 <= second < TOTAL
    outcome = optimize(problem(), SMALL, TrialStore(ledger))
    trials = TrialStore(ledger).trials(outcome.run_id)
    assert [trial.trial_number for trial in trials] == list(range(TOTAL))
    assert trials == whole
    assert [outcome.proposed.sha256, *(fold.parameters.sha256 for fold in outcome.folds)] == chosen
    with ledger.reading() as connection:
        runs = connection.execute(select(optimization_runs.c.status, optimization_runs.c.n_trials)).all()
    assert [tuple(run) for run in runs] == [("completed", TOTAL)]
    ledger.close()


def test_a_finished_search_asked_again_adds_no_trial_and_answers_the_same(
    uninterrupted: tuple[list[TrialRecord], list[str]], tmp_path: Path
) -> None:
    ledger = fresh_ledger(tmp_path, "ledger.db")
    store = TrialStore(ledger)
    first = optimize(problem(), SMALL, store)
    second = optimize(problem(), SMALL, store)
    assert second.run_id == first.run_id
    assert second.proposed == first.proposed
    assert second.regime_parameters_id == first.regime_parameters_id
    assert store.trials(first.run_id) == uninterrupted[0]
    ledger.close()
