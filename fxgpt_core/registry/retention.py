"""Runs older than twelve months go to the archive, with them their parameters and results; what was tried stays counted.

Trials, searches, proposals and deployments stay where they are, so that the number of trials ever made does not shrink and every
order can still be traced: the parameters of a proposal are kept with the proposal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, Table, delete, func, insert, select

from fxgpt_core.registry import lineage
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import (
    optimization_parameters,
    optimization_results,
    optimization_runs,
    optimization_runs_archive,
    trial_ledger,
)

KEPT_MONTHS = 12
RUNNING = "running"


@dataclass(frozen=True)
class ArchivedRun:
    """One run in the archive (or that would go there), with how many rows went (or would go) and how many trials stay."""

    id: int
    run_uuid: str
    symbol: str
    timeframe: str
    status: str
    created_at: datetime
    n_parameters: int
    n_results: int
    n_trials_kept: int


@dataclass(frozen=True)
class Retained:
    """What an archiving did: the runs that went, and the old ones that stayed because they are running."""

    before: datetime
    archived: Sequence[ArchivedRun]
    running: Sequence[int]


def months_before(now: datetime, months: int = KEPT_MONTHS) -> datetime:
    """The moment so many calendar months before; of a month without that day, its last one."""
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    for day in range(now.day, 27, -1):
        try:
            return now.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    return now.replace(year=year, month=month + 1)


def archive(ledger: Ledger, before: datetime, *, dry_run: bool = False) -> Retained:
    """Move every run made before a moment to the archive, one transaction each; `dry_run` only tells which.

    A run that is `running` stays: its searches write to it, or go on after a kill. Killed midway, the next call goes on.
    """
    table = optimization_runs.c
    old = select(table.id, table.status).where(table.created_at < before).order_by(table.id)
    with ledger.reading() as connection:
        found = connection.execute(old).all()
        would = [_counted(connection, row.id) for row in found if row.status != RUNNING] if dry_run else []
    archived = would if dry_run else [run for row in found if (run := _archive_one(ledger, row.id)) is not None]
    gone = {run.id for run in archived}
    return Retained(before, archived, [row.id for row in found if row.id not in gone])


def _archive_one(ledger: Ledger, run_id: int) -> ArchivedRun | None:
    """The run as it was archived; None when it was taken up, or archived, since it was looked for."""
    runs, now = optimization_runs, ledger.now()
    with ledger.begin() as connection:
        lineage.lock(connection)
        row = connection.execute(select(runs).where(runs.c.id == run_id, runs.c.status != RUNNING)).one_or_none()
        if row is None:
            return None
        run = _counted(connection, run_id)
        connection.execute(insert(optimization_runs_archive), {**row._mapping, "archived_at": now})
        connection.execute(delete(runs).where(runs.c.id == run_id))
        told = {name: getattr(run, name) for name in ("run_uuid", "symbol", "timeframe", "status")}
        counts = {name: getattr(run, name) for name in ("n_parameters", "n_results", "n_trials_kept")}
        lineage.append(connection, "archive", {"run_id": run_id, **told, **counts}, now)
    return run


def _counted(connection: Connection, run_id: int) -> ArchivedRun:
    row: Row[tuple[object, ...]] = connection.execute(select(optimization_runs).where(optimization_runs.c.id == run_id)).one()
    about = {name: row._mapping[name] for name in ("id", "run_uuid", "symbol", "timeframe", "status", "created_at")}
    tables = (optimization_parameters, optimization_results, trial_ledger)
    n_parameters, n_results, n_trials = (_count(connection, table, run_id) for table in tables)
    return ArchivedRun(**about, n_parameters=n_parameters, n_results=n_results, n_trials_kept=n_trials)


def _count(connection: Connection, table: Table, run_id: int) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(table.c.run_id == run_id)).scalar_one())
