"""Runs can be archived while their trials, searches and proposals stay; the best trials of a run are read from an index.

A trial belongs to a run or to an archived run, which no foreign key can say: triggers say it. SQLite changes a constraint only
by its stored text, which its manual (lang_altertable, "making other kinds of table schema changes") allows for changes that do
not touch the rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEPT = {
    "trial_ledger": ("run_id", " ON DELETE RESTRICT"),
    "optimization_searches": ("run_id", " ON DELETE RESTRICT"),
    "optimization_stops": ("run_id", " ON DELETE RESTRICT"),
    "regime_parameters": ("optimization_run_id", ""),
}
"""Tables whose rows outlive their run, with the column that names it and what a deletion did."""
REFERRED = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {column} = OLD.id)" for table, (column, _) in KEPT.items())  # noqa: S608

SQLITE_INSERT = """
CREATE TRIGGER {table}_run_exists BEFORE INSERT ON {table}
WHEN NOT EXISTS (SELECT 1 FROM optimization_runs WHERE id = NEW.{column})
BEGIN SELECT RAISE(ABORT, 'foreign key: {table} names an optimization run that does not exist'); END
"""
SQLITE_DELETE = """
CREATE TRIGGER {name} BEFORE DELETE ON {table}
WHEN {unless}({referred})
BEGIN SELECT RAISE(ABORT, 'foreign key: what was tried in the run is kept; archive it, do not delete it'); END
"""
ARCHIVED = "NOT EXISTS (SELECT 1 FROM optimization_runs_archive WHERE id = OLD.id) AND "
POSTGRES_INSERT = """
CREATE FUNCTION {table}_run_exists() RETURNS trigger AS $$
BEGIN
    PERFORM 1 FROM optimization_runs WHERE id = NEW.{column} FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'foreign key: {table} names an optimization run that does not exist' USING ERRCODE = '23503';
    END IF;
    RETURN NEW;
END
$$ LANGUAGE plpgsql
"""
POSTGRES_DELETE = """
CREATE FUNCTION {name}() RETURNS trigger AS $$
BEGIN
    IF {unless}({referred}) THEN
        RAISE EXCEPTION 'foreign key: what was tried in the run is kept; archive it, do not delete it'
            USING ERRCODE = '23503';
    END IF;
    RETURN OLD;
END
$$ LANGUAGE plpgsql
"""
DELETIONS = (("run_is_kept", "optimization_runs", ARCHIVED), ("archived_run_is_kept", "optimization_runs_archive", ""))


def upgrade() -> None:
    """Triggers in the place of four foreign keys, and the indexes of the archive's and the best trials' questions."""
    for table, (column, rule) in KEPT.items():
        _drop_foreign_key(table, column, rule)
    postgres = _on_postgres()
    for table, (column, _) in KEPT.items():
        op.execute((POSTGRES_INSERT if postgres else SQLITE_INSERT).format(table=table, column=column))
        if postgres:
            op.execute(
                f"CREATE TRIGGER {table}_run_exists BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_run_exists()"
            )
    for name, table, unless in DELETIONS:
        op.execute(
            (POSTGRES_DELETE if postgres else SQLITE_DELETE).format(name=name, table=table, unless=unless, referred=REFERRED)
        )
        if postgres:
            op.execute(f"CREATE TRIGGER {name} BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    op.create_index("idx_regime_params_run", "regime_parameters", ["optimization_run_id", "trial_number"])
    best = ["run_id", "regime", sa.text("sharpe_ratio DESC"), "trial_number", "max_drawdown_pct", "win_rate"]
    op.create_index("idx_results_best", "optimization_results", best)


def downgrade() -> None:
    """The foreign keys again. Raises `RuntimeError` while something of an archived run is there."""
    op.drop_index("idx_results_best", "optimization_results")
    op.drop_index("idx_regime_params_run", "regime_parameters")
    postgres = _on_postgres()
    triggers = [(f"{table}_run_exists", table) for table in KEPT] + [(name, table) for name, table, _ in DELETIONS]
    for name, table in triggers:
        op.execute(f"DROP TRIGGER {name} ON {table}" if postgres else f"DROP TRIGGER {name}")
        if postgres:
            op.execute(f"DROP FUNCTION {name}()")
    for table, (column, rule) in KEPT.items():
        _add_foreign_key(table, column, rule)


def _on_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _drop_foreign_key(table: str, column: str, rule: str) -> None:
    if _on_postgres():
        op.drop_constraint(f"{table}_{column}_fkey", table, type_="foreignkey")
    else:
        _edit_sqlite(table, _clause(column, rule), "")


def _add_foreign_key(table: str, column: str, rule: str) -> None:
    runs, mine = sa.table("optimization_runs", sa.column("id")), sa.table(table, sa.column(column))
    orphans = sa.select(sa.func.count()).select_from(mine).where(mine.c[column].not_in(sa.select(runs.c.id)))
    if n := op.get_bind().execute(orphans).scalar_one():
        raise RuntimeError(f"{n} rows of {table} are of archived runs, which this revision does not know; nothing was changed")
    if _on_postgres():
        on_delete = rule.removeprefix(" ON DELETE ") or None
        op.create_foreign_key(f"{table}_{column}_fkey", table, "optimization_runs", [column], ["id"], ondelete=on_delete)
    else:
        found = _sqlite_text(table)
        _edit_sqlite(table, found, found.rstrip().removesuffix(")").rstrip() + _clause(column, rule) + "\n)")


def _clause(column: str, rule: str) -> str:
    return f", \n\tFOREIGN KEY({column}) REFERENCES optimization_runs (id){rule}"


def _sqlite_text(table: str) -> str:
    asked = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?"
    return str(op.get_bind().exec_driver_sql(asked, (table,)).scalar_one())


def _edit_sqlite(table: str, old: str, new: str) -> None:
    found = _sqlite_text(table)
    if found.count(old) != 1:
        raise RuntimeError(
            f"the table {table} is not as revision 0001 made it: {old.strip()!r} is there {found.count(old)} times"
        )
    bind = op.get_bind()
    version = bind.exec_driver_sql("PRAGMA schema_version").scalar_one()
    bind.exec_driver_sql("PRAGMA writable_schema = ON")
    bind.exec_driver_sql("UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", (found.replace(old, new), table))
    bind.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    bind.exec_driver_sql("PRAGMA writable_schema = RESET")
