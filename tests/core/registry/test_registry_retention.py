"""Old runs go to the archive whole, and nothing that was tried, proposed or deployed goes with them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from deployment_examples import desk_of
from registry_examples import PARAMETERS, request, trial
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from fxgpt_core.errors import MissingError, RefusedError
from fxgpt_core.registry import lineage, retention
from fxgpt_core.registry.runs_ever import require_not_archived, run_ever
from fxgpt_core.registry.searches import PlannedSearch
from fxgpt_core.registry.tables import (
    optimization_parameters,
    optimization_results,
    optimization_runs,
    optimization_runs_archive,
    optimization_searches,
    regime_parameters,
    trial_ledger,
)
from fxgpt_core.registry.trials import Proposal, TrialStore

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
PLAN = [PlannedSearch(0, "final", "global", "random", 0, 2, 0, 1)]


def uuid(number):
    return f"00000000-0000-5000-8000-00000000000{number}"


def run(ledger, number, months_old, *, finished=True):
    """A run of two trials made so many months ago, its proposal recorded; returns its id."""
    store = TrialStore(ledger)
    ledger.clock = lambda: retention.months_before(NOW, months_old)
    run_id = store.open_run(replace(request(uuid(number)), n_trials=2), PLAN)
    store.record(run_id, [trial(0), trial(1)])
    store.record_proposal(run_id, Proposal(0, "EURUSD", "1h", "global", PARAMETERS.to_json()))
    if finished:
        store.finish(run_id, trial(0), [0], 1.0)
    ledger.clock = lambda: NOW
    return run_id


def rows(ledger, table, *columns):
    with ledger.reading() as connection:
        return connection.execute(select(*(columns or table.c)).select_from(table).order_by(*table.primary_key)).all()


def n_rows(ledger, table):
    return len(rows(ledger, table))


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (datetime(2026, 3, 31, tzinfo=UTC), datetime(2025, 3, 31, tzinfo=UTC)),
        (datetime(2024, 2, 29, 7, tzinfo=UTC), datetime(2023, 2, 28, 7, tzinfo=UTC)),
        (datetime(2025, 1, 15, tzinfo=UTC), datetime(2024, 1, 15, tzinfo=UTC)),
        (datetime(2025, 12, 31, tzinfo=UTC), datetime(2024, 12, 31, tzinfo=UTC)),
    ],
)
def test_twelve_months_before_a_day_is_that_day_a_year_ago(now, before):
    assert retention.months_before(now) == before


@pytest.mark.parametrize(
    ("months", "day"), [(1, datetime(2026, 2, 28, 12, tzinfo=UTC)), (4, datetime(2025, 11, 30, 12, tzinfo=UTC))]
)
def test_a_month_without_that_day_gives_its_last(months, day):
    assert retention.months_before(NOW, months) == day


def test_old_runs_go_with_parameters_and_results_and_what_was_tried_proposed_and_deployed_stays(migrated_ledger, tmp_path):
    ledger = migrated_ledger
    old, older, young = (run(ledger, number, months) for number, months in enumerate((13, 40, 11)))
    going = run(ledger, 3, 20, finished=False)
    before = {table.name: rows(ledger, table) for table in (trial_ledger, regime_parameters, optimization_searches)}
    was = rows(ledger, optimization_runs)
    limit = retention.months_before(NOW)

    told = retention.archive(ledger, limit, dry_run=True)
    assert ([each.id for each in told.archived], told.running) == ([old, older], [going])
    assert rows(ledger, optimization_runs) == was

    done = retention.archive(ledger, limit)
    assert (done.archived, done.running) == (told.archived, [going])
    assert [(each.n_parameters, each.n_results, each.n_trials_kept) for each in done.archived] == [(180, 2, 2)] * 2
    assert [row.id for row in rows(ledger, optimization_runs)] == [young, going]
    columns = [optimization_runs_archive.c[column.name] for column in optimization_runs.c]
    assert rows(ledger, optimization_runs_archive, *columns) == [row for row in was if row.id in (old, older)]
    assert {row.archived_at for row in rows(ledger, optimization_runs_archive)} == {NOW}
    for table, each in ((optimization_parameters, 90), (optimization_results, 1)):
        assert [row.run_id for row in rows(ledger, table)] == sorted([young] * 2 * each + [going] * 2 * each)
    assert {table.name: rows(ledger, table) for table in (trial_ledger, regime_parameters, optimization_searches)} == before
    assert retention.archive(ledger, limit).archived == []
    assert TrialStore(ledger).n_trials_ever("EURUSD", "1h") == 8
    with ledger.reading() as connection:
        lineage.verify(connection)
        assert [entry.payload["run_id"] for entry in lineage.entries(connection, "archive")] == [old, older]
        assert [run_ever(connection, each).run_uuid for each in (old, young)] == [uuid(0), uuid(2)]
        require_not_archived(connection, uuid(2))
        with pytest.raises(RefusedError, match=rf"run {old} of the same recipe was archived on 2026-03-31"):
            require_not_archived(connection, uuid(0))
        with pytest.raises(MissingError, match="never was an optimization run 99"):
            run_ever(connection, 99)
    desk = desk_of(ledger, tmp_path)
    proposed = [row.id for row in before["regime_parameters"] if row.optimization_run_id == old]
    deployed = desk.deployments.deploy(replace(desk.request, approval_reason="still good", regime_parameters_id=proposed[0]))
    assert deployed.is_active


def test_neither_a_run_nor_an_archived_one_can_be_deleted_while_what_was_tried_in_it_is_there(migrated_ledger):
    old, young = run(migrated_ledger, 0, 13), run(migrated_ledger, 1, 1)
    retention.archive(migrated_ledger, retention.months_before(NOW))
    for table, run_id in ((optimization_runs, young), (optimization_runs_archive, old)):
        with pytest.raises(IntegrityError, match="what was tried in the run is kept"), migrated_ledger.begin() as connection:
            connection.execute(delete(table).where(table.c.id == run_id))
    for table in (trial_ledger, regime_parameters, optimization_searches):
        (row, *_) = (dict(found._mapping) for found in rows(migrated_ledger, table))
        column = "optimization_run_id" if table is regime_parameters else "run_id"
        row |= {"id": 999, column: 99} | ({"is_active": False} if table is regime_parameters else {})
        with (
            pytest.raises(IntegrityError, match="names an optimization run that does not exist"),
            migrated_ledger.begin() as connection,
        ):
            connection.execute(insert(table), row)


def test_a_run_taken_up_since_it_was_looked_for_stays(sqlite_ledger, monkeypatch):
    """Between the look and the move another process opens the failed run again."""
    first, second = run(sqlite_ledger, 0, 14, finished=False), run(sqlite_ledger, 1, 13)
    store = TrialStore(sqlite_ledger)
    store.fail(first, "killed")
    later = sqlite_ledger.now() + timedelta(hours=1)

    def clock():
        # The archiving asks for the time of each run it moves: just then the run is opened again.
        sqlite_ledger.clock = lambda: later
        store.open_run(replace(request(uuid(0)), n_trials=2))
        return later

    sqlite_ledger.clock = clock
    done = retention.archive(sqlite_ledger, retention.months_before(NOW))
    assert ([each.id for each in done.archived], done.running) == ([second], [first])
    assert [row.id for row in rows(sqlite_ledger, optimization_runs)] == [first]
