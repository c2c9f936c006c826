"""Trials come back exactly as recorded, once each, and their number never shrinks."""

import dataclasses
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from registry_examples import PARAMETERS, request, trial
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from fxgpt_core.errors import BadInputError, MissingError, RefusedError
from fxgpt_core.registry.tables import (
    optimization_parameters,
    optimization_results,
    optimization_runs,
    regime_parameters,
    trial_ledger,
)
from fxgpt_core.registry.trials import Proposal, TrialStore
from fxgpt_core.strategy.parameters import StrategyParameters, definitions

OTHER = "00000000-0000-5000-8000-000000000002"


@pytest.fixture
def store(migrated_ledger):
    return TrialStore(migrated_ledger)


def rows(store, table):
    with store.ledger.reading() as connection:
        return connection.execute(select(table)).all()


def counts(store):
    with store.ledger.reading() as connection:
        tables = (optimization_parameters, optimization_results, trial_ledger)
        return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]


def test_trials_come_back_bit_for_bit_in_the_order_of_their_number(store):
    run_id = store.open_run(request())
    recorded = [trial(2, 1 / 3), trial(0, -1e-17), trial(1, 0.1 + 0.2, fold=2, phase="final")]
    for record in recorded:
        store.record(run_id, [record])
    assert store.trials(run_id) == sorted(recorded, key=lambda record: record.trial_number)
    assert StrategyParameters.from_json(store.trials(run_id)[0].parameters) == PARAMETERS
    assert counts(store) == [270, 3, 3]


def test_the_groups_and_types_of_the_ninety_parameters_are_those_of_their_definitions(store):
    store.record(store.open_run(request()), [trial()])
    stored = {(row.parameter_name, row.parameter_group, row.parameter_type) for row in rows(store, optimization_parameters)}
    expected = {(each.name, each.about.group, type(getattr(PARAMETERS, each.name)).__name__) for each in definitions()}
    assert stored == expected


def test_the_same_run_opened_again_is_the_same_run_and_another_request_under_its_name_is_refused(store):
    run_id = store.open_run(request())
    assert store.open_run(request()) == run_id
    assert store.open_run(request(OTHER)) != run_id
    with pytest.raises(BadInputError, match="derive the run_uuid"):
        store.open_run(request(n_trials=4))


def test_a_trial_number_is_recorded_once_and_nothing_of_the_second_is_kept(store):
    run_id = store.open_run(request())
    store.record(run_id, [trial(0)])
    with pytest.raises(RefusedError, match="trial 0 of run"):
        store.record(run_id, [trial(0, sharpe=5.0)])
    assert [record.sharpe_per_period for record in store.trials(run_id)] == [0.01]
    assert counts(store) == [90, 1, 1]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None])
def test_a_metric_that_is_missing_or_not_finite_stores_nothing(store, bad):
    run_id = store.open_run(request())
    metrics = dict(trial().metrics)
    if bad is None:
        del metrics["sortino_ratio"]
    else:
        metrics["sortino_ratio"] = bad
    with pytest.raises(BadInputError, match="sortino_ratio"):
        store.record(run_id, [trial(metrics=metrics)])
    assert counts(store) == [0, 0, 0]


def test_a_trial_of_a_run_that_does_not_exist_is_refused(store):
    with pytest.raises(RefusedError, match="run 99"):
        store.record(99, [trial()])


def test_a_trial_that_fails_midway_leaves_nothing(store):
    run_id = store.open_run(request())
    with pytest.raises(BadInputError, match="belongs to none of the groups"):
        store.record(run_id, [trial(parameters={"sssd_x": 1, "unheard_of": 2})])
    assert counts(store) == [0, 0, 0]


def test_finishing_marks_the_front_and_the_best_and_a_finished_run_stays_as_it_is(store):
    run_id = store.open_run(request())
    for number in range(3):
        store.record(run_id, [trial(number)])
    store.finish(run_id, trial(1), [0, 2], 12.6)
    first = rows(store, optimization_runs)[0]
    store.finish(run_id, trial(0), [1], 99.0)
    assert rows(store, optimization_runs)[0] == first
    assert (first.status, first.total_duration_sec) == ("completed", 13)
    assert first.best_sharpe == trial(1).metrics["sharpe_ratio"]
    front = {row.trial_number: row.is_pareto_optimal for row in rows(store, optimization_results)}
    assert front == {0: True, 1: False, 2: True}


def test_a_failed_run_keeps_its_trials_and_runs_again_when_opened(store):
    run_id = store.open_run(request())
    store.record(run_id, [trial(0)])
    store.fail(run_id, "ValueError: no")
    assert (rows(store, optimization_runs)[0].status, rows(store, optimization_runs)[0].notes) == ("failed", "ValueError: no")
    assert store.open_run(request()) == run_id
    assert rows(store, optimization_runs)[0].status == "running"
    assert len(store.trials(run_id)) == 1


def test_a_proposal_is_one_row_with_its_trials_numbers(store):
    run_id = store.open_run(request())
    store.record(run_id, [trial(0)])
    first = store.record_proposal(run_id, Proposal(0, "EURUSD", "1h", "global", PARAMETERS.to_json()))
    assert store.record_proposal(run_id, Proposal(0, "EURUSD", "1h", "global", PARAMETERS.to_json())) == first
    (row,) = rows(store, regime_parameters)
    assert (row.id, row.is_active, row.sharpe_ratio) == (first, False, trial().metrics["sharpe_ratio"])
    with pytest.raises(MissingError, match="no trial 5"):
        store.record_proposal(run_id, Proposal(5, "EURUSD", "1h", "global", PARAMETERS.to_json()))


def test_every_trial_ever_of_a_symbol_and_timeframe_counts_over_all_runs(store):
    sharpes = [0.1, -0.2, 0.35]
    for uuid, records in ((request().run_uuid, sharpes[:2]), (OTHER, sharpes[2:])):
        run_id = store.open_run(request(uuid))
        for number, sharpe in enumerate(records):
            store.record(run_id, [trial(number, sharpe)])
        store.fail(run_id, "stopped")
    other = store.open_run(request("00000000-0000-5000-8000-000000000003", symbol="GBPUSD"))
    store.record(other, [trial(0, 9.0)])
    assert store.n_trials_ever("EURUSD", "1h") == 3
    assert store.sharpe_variance("EURUSD", "1h") == pytest.approx(statistics.variance(sharpes), rel=1e-12)
    assert (store.n_trials_ever("EURUSD", "4h"), store.sharpe_variance("GBPUSD", "1h")) == (0, 0.0)


def test_a_run_with_trials_cannot_be_deleted_behind_the_deflated_sharpes_back(store):
    run_id = store.open_run(request())
    store.record(run_id, [trial(0)])
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"), store.ledger.begin() as connection:
        connection.execute(delete(optimization_runs))


def test_parameters_and_results_go_with_their_run(store):
    run_id = store.open_run(request())
    store.record(run_id, [trial(0)])
    with store.ledger.begin() as connection:
        connection.execute(delete(trial_ledger))
        connection.execute(delete(optimization_runs))
    assert counts(store) == [0, 0, 0]


def test_a_process_killed_within_a_trial_leaves_the_trials_before_it(sqlite_ledger):
    store = TrialStore(sqlite_ledger)
    run_id = store.open_run(request())
    child = (
        "import os, sys\n"
        "from fxgpt_core.registry import trial_rows, trials\n"
        "from fxgpt_core.registry.ledger import Ledger\n"
        "from registry_examples import trial\n"
        "store = trials.TrialStore(Ledger(sys.argv[1]))\n"
        "store.record(int(sys.argv[2]), [trial(0)])\n"
        "trial_rows._parameter_values = lambda *a: os._exit(9)\n"
        "store.record(int(sys.argv[2]), [trial(1)])\n"
    )
    path = os.pathsep.join([str(Path(__file__).resolve().parents[3]), str(Path(__file__).parent)])
    command = [sys.executable, "-c", child, sqlite_ledger.url, str(run_id)]
    assert subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False).returncode == 9
    assert counts(store) == [90, 1, 1]
    store.record(run_id, [trial(1)])
    assert [record.trial_number for record in store.trials(run_id)] == [0, 1]


def test_a_record_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError, match="seed"):
        trial().seed = 1
