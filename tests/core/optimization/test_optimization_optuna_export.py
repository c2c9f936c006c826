"""A run as studies of Optuna: which trials are written, and that Optuna reads back what the ledger holds."""

import dataclasses

import numpy as np
import optuna
import pytest
from search_problem import GENETIC, memory_store, problem

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.optuna_export import CONSTRAINT, ExportedRun, export, exported_rows
from fxgpt_core.optimization.space import decoded
from fxgpt_core.optimization.study import optimize

SEARCH = dataclasses.replace(GENETIC, max_folds=1)


@pytest.fixture(scope="module")
def run():
    outcome = optimize(problem(), SEARCH, memory_store())
    return ExportedRun("EURUSD 1h run 1", outcome.searches, outcome.evaluations, {})


@pytest.fixture(scope="module")
def file(run, tmp_path_factory):
    found = tmp_path_factory.mktemp("export") / "run.db"
    told = []
    written = export(run, found, 16, lambda done, total: told.append((done, total)))
    assert written == {"EURUSD 1h run 1, search 0: search, global": 16, "EURUSD 1h run 1, search 1: final, global": 16}
    assert told == [(done, 32) for done in range(1, 33)]
    return found


def studies(file):
    storage = f"sqlite:///{file}"
    return [optuna.load_study(study_name=name, storage=storage) for name in optuna.get_all_study_names(storage)]


def test_optuna_reads_the_numbers_of_the_ledger(run, file):
    for search, study in enumerate(studies(file)):
        assert study.metric_names == ["sharpe", "max_drawdown", "profit_factor", "cost_ratio"]
        assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE", "MAXIMIZE", "MINIMIZE"]
        assert study.user_attrs["engine"] == "nsga2"
        for trial in study.trials:
            [row] = np.flatnonzero(run.evaluations.number == trial.user_attrs["trial"])
            assert trial.values == run.evaluations.objectives[row].tolist()
            assert trial.constraints == {CONSTRAINT: run.evaluations.violation[row]}
            assert trial.user_attrs["params_sha256"] == run.evaluations.params_sha256[row]
            assert trial.user_attrs["search"] == search == run.evaluations.search[row]
            values = decoded(run.evaluations.genome[row])
            assert values.sha256 == run.evaluations.params_sha256[row]
            assert trial.params == {name: getattr(values, name) for name in trial.params}
            assert len(trial.params) == run.evaluations.genome.shape[1]


def test_optuna_finds_the_front_of_what_keeps_every_limit(run, file):
    for search, study in zip(run.searches, studies(file), strict=True):
        own = run.evaluations.rows(np.flatnonzero(run.evaluations.search == search.search))
        points = own.objectives * [1.0, -1.0, 1.0, -1.0]
        feasible = own.violation <= 0.0
        beaten = [any((q >= p).all() and (q > p).any() for q in points[feasible]) for p in points]
        front = {int(number) for number, lost, kept in zip(own.number, beaten, feasible, strict=True) if kept and not lost}
        best = {trial.user_attrs["trial"] for trial in study.best_trials}
        assert 0 < len(front) <= 16
        assert best == front


def test_the_front_goes_first_then_what_was_kept_then_the_nearest_to_the_limits(run):
    five = run.evaluations.rows(np.arange(5))
    # 2 beats all that keep the limits; of the others 4 was kept, 0 keeps them, 1 is nearer to it than 3.
    objectives = [[1.0, 5.0, 1.1, 0.5], [2.0, 9.0, 1.5, 0.4], [3.0, 3.0, 2.0, 0.2], [5.0, 30.0, 3.0, 0.1], [0.0, 9.0, 1.0, 0.9]]
    violation = np.array([0.0, 0.1, 0.0, 1.0, 0.0])
    five = dataclasses.replace(
        five, number=np.arange(5), search=np.zeros(5, int), objectives=np.array(objectives), violation=violation
    )
    search = dataclasses.replace(run.searches[0], population=(2, 4))
    chosen = [exported_rows(five, search, most).tolist() for most in range(1, 7)]
    assert chosen == [[2], [2, 4], [0, 2, 4], [0, 1, 2, 4], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]


def test_a_file_that_is_there_is_left_alone_and_nothing_to_write_is_refused(run, file, tmp_path):
    before = file.read_bytes()
    with pytest.raises(BadInputError, match="is there already"):
        export(run, file, 12)
    assert file.read_bytes() == before
    with pytest.raises(BadInputError, match="at least 1 is needed"):
        export(run, tmp_path / "run.db", 0)
    empty = dataclasses.replace(run, evaluations=run.evaluations.rows(np.empty(0, np.int64)))
    with pytest.raises(BadInputError, match="no trial to export"):
        export(empty, tmp_path / "run.db", 12)
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_was_cut_off_leaves_no_file_and_can_be_made_again(run, tmp_path):
    class KilledError(Exception):
        pass

    def cut(done, total):
        if done == 2:
            raise KilledError

    with pytest.raises(KilledError):
        export(run, tmp_path / "run.db", 3, cut)
    assert not (tmp_path / "run.db").exists()
    assert set(export(run, tmp_path / "run.db", 3).values()) == {3}
    assert [path.name for path in tmp_path.iterdir()] == ["run.db"]
