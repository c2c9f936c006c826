"""A search killed in the middle ends with exactly the trials of one that was not; several processes share one run."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from search_problem import GENETIC, SMALL, memory_store, problem, with_components
from sqlalchemy import func, select

import fxgpt_core
from fxgpt_core.errors import BadInputError, MissingError, RefusedError
from fxgpt_core.optimization.convergence import NEVER, ConvergenceParameters
from fxgpt_core.optimization.engines.engine import Told
from fxgpt_core.optimization.engines.genetic import GeneticEngine
from fxgpt_core.optimization.objectives import SIGNS
from fxgpt_core.optimization.pareto import dominates
from fxgpt_core.optimization.plan import SearchParameters
from fxgpt_core.optimization.study import Clocks, SearchProgress, optimize
from fxgpt_core.optimization.warm import warm_start
from fxgpt_core.registry.evaluations import Evaluations
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.run_list import run_list
from fxgpt_core.registry.searches import Lease
from fxgpt_core.registry.tables import (
    metadata,
    optimization_parameters,
    optimization_results,
    optimization_searches,
    trial_ledger,
)
from fxgpt_core.registry.trials import TrialStore

PATIENCE_S = 120.0
OF_THE_CLOCK = ("created_at", "started_at", "ended_at", "heartbeat_at", "worker", "id")
SEARCHES = {"tpe": SMALL, "nsga2": GENETIC}


def fresh_ledger(folder: Path) -> Ledger:
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
    metadata.create_all(ledger.engine)
    return ledger


def begun(ledger: Ledger, engine: str, pause_s: float = 0.1) -> "subprocess.Popen[bytes]":
    root = str(Path(fxgpt_core.__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    child = Path(__file__).with_name("search_child.py")
    command = [sys.executable, str(child), ledger.url, str(pause_s), engine]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE)


def killed_after(ledger: Ledger, engine: str, n: int) -> int:
    """Start the search in another process, kill it with SIGKILL once `n` trials are stored, and return how many are."""
    process = begun(ledger, engine)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while len(TrialStore(ledger).evaluations(1)) < n:
            assert process.poll() is None, process.communicate()[1].decode()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    return len(TrialStore(ledger).evaluations(1))


def stored(ledger: Ledger) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the trial tables, without what the clock and the process say."""
    tables = (trial_ledger, optimization_results, optimization_parameters, optimization_searches)
    with ledger.reading() as connection:
        return {
            table.name: sorted(
                tuple(value for name, value in row._mapping.items() if name not in OF_THE_CLOCK)
                for row in connection.execute(select(table).where(table.c.run_id == 1))
            )
            for table in tables
        }


@pytest.fixture(scope="module", params=["tpe", "nsga2"])
def undisturbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict, str]:
    ledger = fresh_ledger(tmp_path_factory.mktemp("whole"))
    outcome = optimize(problem(), SEARCHES[request.param], TrialStore(ledger))
    rows = stored(ledger)
    ledger.close()
    return request.param, rows, outcome.proposed.sha256


def test_a_search_killed_twice_leaves_the_tables_of_one_that_was_not(undisturbed: tuple, tmp_path: Path) -> None:
    engine, rows, proposed = undisturbed
    ledger = fresh_ledger(tmp_path)
    total = len(rows["trial_ledger"])
    first = killed_after(ledger, engine, 3)
    second = killed_after(ledger, engine, first + 5)
    assert 3 <= first < second < total
    outcome = optimize(problem(), SEARCHES[engine], TrialStore(ledger))
    assert stored(ledger) == rows
    assert outcome.proposed.sha256 == proposed
    (row,) = run_list(ledger)
    assert (row.status, row.trials, row.searches) == ("completed", total, "4/4")
    ledger.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_twenty_kills_at_random_points_leave_the_tables_of_an_undisturbed_run(
    undisturbed: tuple, tmp_path: Path, seed: int
) -> None:
    """A kill comes at a random moment of a random batch, or before the first: where it falls is not chosen."""
    engine, rows, proposed = undisturbed
    ledger, rng = fresh_ledger(tmp_path), np.random.default_rng(seed)
    kills = 0
    while kills < 20:
        process = begun(ledger, engine, 1.0)
        try:
            process.wait(float(rng.uniform(0.5, 4.0)))
            if process.returncode == 0:  # done before all kills: the rest would find nothing to disturb
                break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        finally:
            process.kill()
            process.communicate()
    outcome = optimize(problem(), SEARCHES[engine], TrialStore(ledger))
    assert kills >= 5
    assert stored(ledger) == rows
    assert outcome.proposed.sha256 == proposed
    ledger.close()


def test_processes_that_share_a_run_leave_the_tables_of_one_alone(undisturbed: tuple, tmp_path: Path) -> None:
    engine, rows, proposed = undisturbed
    ledger = fresh_ledger(tmp_path)
    beside = begun(ledger, engine, 0.02)
    outcome = optimize(problem(), SEARCHES[engine], TrialStore(ledger), progress=lambda _: time.sleep(0.02))
    assert beside.wait(PATIENCE_S) == 0, beside.communicate()[1].decode()
    beside.communicate()
    assert stored(ledger) == rows
    assert outcome.proposed.sha256 == proposed
    with ledger.reading() as connection:
        workers = set(connection.execute(select(optimization_searches.c.worker)).scalars())
    assert 1 <= len(workers) <= 2
    ledger.close()


def test_a_finished_search_asked_again_adds_no_trial_and_answers_the_same(undisturbed: tuple, tmp_path: Path) -> None:
    engine, rows, proposed = undisturbed
    ledger = fresh_ledger(tmp_path)
    store, played = TrialStore(ledger), []
    first = optimize(problem(), SEARCHES[engine], store)
    second = optimize(problem(), SEARCHES[engine], store, progress=played.append)
    assert (second.run_id, second.regime_parameters_id) == (first.run_id, first.regime_parameters_id)
    assert second.proposed.sha256 == proposed
    assert played == []
    assert stored(ledger) == rows
    ledger.close()


@pytest.mark.parametrize("per_regime", [False, True])
def test_of_a_genetic_run_every_evaluation_counts_and_survivors_and_front_of_every_search_are_kept_in_full(
    per_regime: bool,
) -> None:
    store, asked, at_batches = memory_store(), GENETIC, []
    if per_regime:
        asked = replace(GENETIC, n_trials=16, n_final_trials=24, max_folds=1, regime_mode="per_regime")

    def progress(report: SearchProgress) -> None:
        at_batches.append((report.done, kept_by_search(store)))

    whole = with_components(problem()) if per_regime else problem()
    outcome = optimize(whole, asked, store, progress=progress)
    planned = sum(row.n_planned for row in store.searches(1))
    assert outcome.n_trials == store.n_trials_ever("EURUSD", "1h") == planned == (5 * (16 + 24) if per_regime else 3 * 24 + 32)
    kept = kept_by_search(store)
    for row in store.searches(1):
        evaluations = store.evaluations(1, row.search)
        expected = survivors_and_front(evaluations, asked)
        assert kept[row.search] == expected
        assert set(row.population) < expected
        assert len(expected) < row.n_done
    # Each is there as soon as its batch is, of a fold's search too: nothing is added when a search ends.
    for done, then in at_batches:
        assert then == {search: held for search, numbers in kept.items() if (held := {n for n in numbers if n < done})}
    with store.ledger.reading() as connection:
        regimes = connection.execute(select(optimization_results.c.trial_number, optimization_results.c.regime)).all()
        n_parameters = connection.execute(select(func.count()).select_from(optimization_parameters)).scalar_one()
    assert n_parameters == 90 * len(regimes) == 90 * sum(map(len, kept.values()))
    of_search = {row.search: row.regime for row in store.searches(1)}
    assert dict(map(tuple, regimes)) == {number: of_search[search] for search, held in kept.items() for number in held}


def kept_by_search(store: TrialStore) -> dict[int, set[int]]:
    """The numbers of the trials that are kept in full, by their search."""
    found: dict[int, set[int]] = {}
    for trial in store.trials(1):
        found.setdefault(trial.fold, set()).add(trial.trial_number)
    return found


def survivors_and_front(evaluations: Evaluations, asked: SearchParameters) -> set[int]:
    """What the definition says: who lived through its own generation, and who nothing evaluated until then was better than."""
    size, found = asked.engine.genetic.population, set[int]()
    engine = GeneticEngine(asked.engine.genetic, evaluations.genome[:1])
    for stop in range(size, len(evaluations) + 1, size):
        rows = slice(stop - size, stop)
        batch = Told(evaluations.genome[rows], evaluations.objectives[rows], evaluations.violation[rows])
        engine.tell(batch, int(evaluations.seed[stop - 1]))
        gains, violation = evaluations.objectives[:stop] * SIGNS, evaluations.violation[:stop]
        least = [row for row in range(stop) if violation[row] == violation.min()]
        front = {row for row in least if not any(dominates(gains[other], gains[row]) for other in least)}
        found |= {row for row in {*engine.population.tolist(), *front} if row >= stop - size}
    return {int(evaluations.number[row]) for row in found}


def test_a_run_whose_trials_went_to_the_archive_is_not_concluded_from_what_is_left() -> None:
    store = memory_store()
    optimize(problem(), GENETIC, store)
    gone = store.searches(1)[1].population[2]
    with store.ledger.begin() as connection:
        connection.execute(optimization_results.delete().where(optimization_results.c.trial_number == gone))
    with pytest.raises(MissingError, match=rf"of the 32 trials .* 1 are no longer there in full, the first {gone}"):
        optimize(problem(), GENETIC, store)


def test_a_run_that_is_asked_to_stop_ends_with_what_is_there_and_stays_so() -> None:
    store, heard = memory_store(), []

    def progress(report) -> None:
        heard.append(report)
        if report.done == 32:  # in the second fold
            store.ask_to_stop(1, "anna", "enough")

    outcome = optimize(problem(), GENETIC, store, progress=progress)
    assert [(row.reason, row.n_done) for row in store.searches(1)] == [
        ("budget", 24), ("stopped", 8), ("stopped", 0), ("stopped", 8),
    ]  # fmt: skip
    assert [fold.fold.index for fold in outcome.folds] == [0, 1]
    assert outcome.n_trials == 40 == len(heard) * 8
    assert store.stop_asked(1) == "anna: enough"
    again = optimize(problem(), GENETIC, store)
    assert (again.n_trials, again.proposed) == (40, outcome.proposed)
    with pytest.raises(RefusedError, match="run 1 is completed"):
        store.ask_to_stop(1, "anna", "once more")
    with pytest.raises(MissingError, match="no optimization run 9"):
        store.ask_to_stop(9, "anna", "which")
    with pytest.raises(BadInputError, match="who asks and why"):
        store.ask_to_stop(1, " ", "why")


def test_a_run_that_is_stopped_at_its_first_trial_still_proposes_a_set() -> None:
    store = memory_store()

    def progress(_) -> None:
        store.ask_to_stop(1, "anna", "enough")

    one_by_one = replace(SMALL, n_trials=2)
    outcome = optimize(problem(), one_by_one, store, progress=lambda report: progress(report) if report.done == 1 else None)
    assert [row.n_done for row in outcome.searches] == [1, 0, 0, 1]


def test_a_run_that_lasts_too_long_ends_with_what_is_there() -> None:
    ticks = iter(range(100_000))
    hasty = replace(GENETIC, convergence=replace(NEVER, timeout_s=5.0))
    store = memory_store()
    optimize(problem(), hasty, store, clocks=Clocks(lambda: float(next(ticks))))
    reasons = [row.reason for row in store.searches(1)]
    assert "timeout" in reasons
    assert store.searches(1)[-1].n_done >= 8


def test_a_search_that_converges_ends_before_its_budget_and_says_by_which_rule() -> None:
    settled = replace(GENETIC, n_trials=80, convergence=ConvergenceParameters(patience=3, min_improvement=0.5))
    searches = optimize(problem(), settled, memory_store()).searches
    assert any(row.reason == "improvement" and row.n_done < 80 for row in searches)


def test_a_search_is_held_by_one_living_process_and_taken_from_a_dead_one() -> None:
    store = memory_store()
    optimize(problem(), replace(GENETIC, n_trials=8, n_final_trials=8), store)
    with store.ledger.begin() as connection:
        connection.execute(optimization_searches.update().values(ended_at=None, worker=None, heartbeat_at=None))
    dead = "another host|boot|1|1"
    lease = store.claim(1, dead)
    assert lease == Lease(0, dead)
    assert store.claim(1, "me|boot|2|2") == Lease(1, "me|boot|2|2")
    with pytest.raises(RefusedError, match="no longer held"):
        store.record(1, [], lease=Lease(1, dead))


def test_an_earlier_run_begins_only_searches_whose_test_days_it_has_not_seen() -> None:
    whole, store = problem(), memory_store()
    earlier = optimize(whole, GENETIC, store)
    warm = warm_start(store, earlier.run_id)
    assert len(warm.genomes) == 8
    later: SearchParameters = replace(GENETIC, seed=8, warm_start=warm)
    outcome = optimize(whole, later, store)
    begun_with = {bytes.fromhex(text) for text in warm.genomes}
    for search in range(4):
        stored_genomes = store.evaluations(outcome.run_id, search).genome[:8]
        shared = sum(genome.astype("<u2").tobytes() in begun_with for genome in stored_genomes)
        # It had seen all candles, and with them the test days of every fold.
        assert shared == (7 if search == 3 else 0), search
    with pytest.raises(MissingError, match="no last search"):
        warm_start(store, 99)
