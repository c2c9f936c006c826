"""Every migration goes up and down on both databases, and leaves exactly the tables the code describes."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DatabaseError

from fxgpt_core.errors import LedgerMissingError, NotReadyError
from fxgpt_core.registry import artifact_tables, deployment_tables, gateway_tables, live_tables, migration, tables
from fxgpt_core.registry.ledger import Ledger

USER_TABLES = {
    "optimization_runs",
    "optimization_parameters",
    "optimization_results",
    "regime_parameters",
    "deployment_configs",
    "optimization_runs_archive",
}

DESCENDING = ("idx_run_created_at", "idx_results_sharpe", "idx_results_best", "idx_regime_params_sharpe", "idx_deployment_date")


@pytest.fixture
def ledger(ledger_url):
    opened = Ledger(ledger_url)
    yield opened
    opened.close()


def table_names(ledger):
    with ledger.reading() as connection:
        return set(inspect(connection).get_table_names()) - {"alembic_version"}


def columns(ledger):
    """Every column of every table, as "table.column"."""
    names = table_names(ledger)
    with ledger.reading() as connection:
        seen = inspect(connection)
        return {f"{name}.{column['name']}" for name in names for column in seen.get_columns(name)}


def foreign_keys(ledger):
    """Every foreign key, with its table, column, the table it names and what a deletion does."""
    with ledger.reading() as connection:
        seen = inspect(connection)
        return {
            (name, *key["constrained_columns"], key["referred_table"], key["options"].get("ondelete"))
            for name in seen.get_table_names()
            for key in seen.get_foreign_keys(name)
        }


def test_every_revision_goes_up_down_and_up_again(ledger):
    for revision in (f"{number:04d}" for number in range(1, 11)):
        before = columns(ledger), foreign_keys(ledger)
        migration.upgrade(ledger, revision)
        assert migration.current(ledger) == revision
        after = columns(ledger), foreign_keys(ledger)
        assert after[0] >= before[0]
        assert after != before
        migration.downgrade(ledger, "-1")
        assert (columns(ledger), foreign_keys(ledger)) == before
        migration.upgrade(ledger, revision)
        assert (columns(ledger), foreign_keys(ledger)) == after
    assert migration.current(ledger) == migration.head()
    migration.downgrade(ledger, "base")
    assert table_names(ledger) == set()
    assert migration.current(ledger) is None


def test_downgrading_leaves_no_function_behind_on_postgresql(postgres_database):
    ledger = Ledger(postgres_database)
    migration.upgrade(ledger)
    migration.downgrade(ledger, "base")
    with ledger.reading() as connection:
        left = connection.execute(text("SELECT proname FROM pg_proc WHERE proname LIKE 'lineage%'")).scalars().all()
    ledger.close()
    assert left == []


def differences(connection):
    """Alembic cannot compare a descending index on SQLite; `test_the_descending_indexes_are_descending` looks at those."""

    def included(_object, name, _kind, _reflected, _compared_to):
        return connection.dialect.name != "sqlite" or name not in DESCENDING

    options = {"compare_type": True, "compare_server_default": True, "include_object": included}
    return compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata)


def test_migrations_and_tables_do_not_differ(migrated_ledger):
    modules = (artifact_tables, deployment_tables, live_tables, gateway_tables)
    assert {module.metadata for module in modules} == {tables.metadata}
    with migrated_ledger.reading() as connection:
        assert differences(connection) == []


def test_a_planted_difference_is_found_by_the_comparison(migrated_ledger):
    with migrated_ledger.begin() as connection:
        connection.execute(text("ALTER TABLE fills DROP COLUMN commission"))
        connection.execute(text("DROP INDEX uq_deployment_active"))
    with migrated_ledger.reading() as connection:
        assert sorted(difference[0] for difference in differences(connection)) == ["add_column", "add_index"]


def test_the_first_revision_makes_the_users_five_tables_and_the_archive(ledger):
    migration.upgrade(ledger, "0001")
    assert table_names(ledger) == USER_TABLES | {"trial_ledger"}


@pytest.mark.parametrize("index", DESCENDING)
def test_the_descending_indexes_are_descending(migrated_ledger, index):
    source = (
        "SELECT sql FROM sqlite_master WHERE name = :name"
        if migrated_ledger.is_sqlite
        else "SELECT indexdef FROM pg_indexes WHERE indexname = :name"
    )
    with migrated_ledger.reading() as connection:
        assert "DESC" in connection.execute(text(source), {"name": index}).scalar_one()


@pytest.mark.parametrize("index", ["idx_results_pareto", "uq_regime_params_active", "uq_deployment_active", "uq_pause_open"])
def test_the_partial_indexes_are_partial(migrated_ledger, index):
    asked = "SELECT sql FROM sqlite_master WHERE name = :name"
    if not migrated_ledger.is_sqlite:
        asked = "SELECT indexdef FROM pg_indexes WHERE indexname = :name"
    with migrated_ledger.reading() as connection:
        made = connection.execute(text(asked), {"name": index}).scalar_one()
    assert " WHERE " in made


def test_only_one_deployment_of_a_symbol_and_timeframe_is_active_and_any_number_is_not(migrated_ledger):
    row = "INSERT INTO deployment_configs (symbol, timeframe, deployment_mode, is_active) VALUES ('EURUSD', '1h', 'global', {})"
    with migrated_ledger.begin() as connection:
        for active in ("TRUE", "FALSE", "FALSE"):
            connection.execute(text(row.format(active)))
    with pytest.raises(DatabaseError, match=r"(?i)unique"), migrated_ledger.begin() as connection:
        connection.execute(text(row.format("TRUE")))


def test_stamps_the_database_sets_are_utc(migrated_ledger):
    with migrated_ledger.begin() as connection:
        connection.execute(
            text("INSERT INTO deployment_configs (symbol, timeframe, deployment_mode) VALUES ('EURUSD', '1h', 'global')")
        )
        stamp = connection.execute(tables.deployment_configs.select()).one().deployed_at
    assert abs((migrated_ledger.now() - stamp).total_seconds()) < 60


def test_a_migration_that_fails_leaves_the_schema_as_it_was(ledger, monkeypatch):
    migration.upgrade(ledger, "0001")
    before = table_names(ledger)
    with ledger.begin() as connection:
        connection.execute(text("CREATE TABLE gate_results (id INTEGER)"))
    with pytest.raises(DatabaseError, match="gate_results"):
        migration.upgrade(ledger, "0002")
    assert table_names(ledger) == before | {"gate_results"}
    assert migration.current(ledger) == "0001"


def test_a_ledger_without_tables_says_to_run_setup(ledger):
    with pytest.raises(LedgerMissingError, match="fxgpt setup"):
        ledger.require_migrated()
    migration.upgrade(ledger)
    ledger.require_migrated()


def test_a_missing_migrations_folder_says_which_variable_to_set(tmp_path, monkeypatch):
    monkeypatch.setenv("FXGPT_MIGRATIONS", str(tmp_path))
    with pytest.raises(NotReadyError, match="FXGPT_MIGRATIONS"):
        migration.migrations_folder()
