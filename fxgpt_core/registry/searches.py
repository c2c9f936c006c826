"""The searches of a run: planned with it, each worked on by one process at a time, ended with a reason.

A process holds a search by its identity and a heartbeat; one that is dead, or silent for long on another machine, loses it to
the next that asks. What the loser would still write is refused.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from fxgpt_core.errors import BadInputError, RefusedError
from fxgpt_core.process_identity import ProcessIdentity
from fxgpt_core.registry.runs import moment_of, status_of
from fxgpt_core.registry.tables import optimization_searches, optimization_stops

SILENT_FOR = timedelta(minutes=2)
"""How long a process of another machine may be silent before its search is taken over."""


@dataclass(frozen=True)
class PlannedSearch:
    """One search as planned; `start_us` and `stop_us` of its train window, microseconds since epoch, UTC."""

    search: int
    phase: str
    regime: str
    engine: str
    first_number: int
    n_planned: int
    start_us: int
    stop_us: int


@dataclass(frozen=True)
class SearchRow:
    """One search as stored; `reason`: why it ended, None while it has not; `population` as in `SearchEnd`."""

    search: int
    phase: str
    regime: str
    engine: str
    first_number: int
    n_planned: int
    window_start: datetime
    window_end: datetime
    n_done: int
    hypervolume: float | None
    reason: str | None
    started_at: datetime | None
    ended_at: datetime | None
    population: tuple[int, ...]


@dataclass(frozen=True)
class Lease:
    """A search that a process works on."""

    search: int
    worker: str


@dataclass(frozen=True)
class SearchEnd:
    """How a search ended; `population`: the numbers of the trials among which its choice is made."""

    reason: str
    n_done: int
    hypervolume: float
    population: tuple[int, ...]


def plan(connection: Connection, run_id: int, planned: Sequence[PlannedSearch]) -> None:
    """Store the searches of a run; those of a run that has them stay as they are."""
    if not planned or read(connection, run_id):
        return
    names = ("search", "phase", "regime", "engine", "first_number", "n_planned")
    rows = [
        {
            "run_id": run_id,
            **{name: getattr(each, name) for name in names},
            "window_start": moment_of(each.start_us),
            "window_end": moment_of(each.stop_us),
            "n_done": 0,
        }
        for each in planned
    ]
    connection.execute(insert(optimization_searches), rows)


def read(connection: Connection, run_id: int) -> list[SearchRow]:
    """The searches of a run, in their order."""
    table = optimization_searches.c
    names = tuple(SearchRow.__dataclass_fields__)
    asked = select(*(table[name] for name in names)).where(table.run_id == run_id).order_by(table.search)
    rows = connection.execute(asked).mappings()
    return [SearchRow(**{**row, "population": tuple(json.loads(row["population"] or "[]"))}) for row in rows]


def regimes(connection: Connection, run_id: int) -> dict[int, str]:
    """The regime of each search of a run, by its index."""
    table = optimization_searches.c
    rows = connection.execute(select(table.search, table.regime).where(table.run_id == run_id))
    return {row.search: row.regime for row in rows}


def claim(connection: Connection, run_id: int, worker: str, now: datetime) -> Lease | None:
    """The first search that has not ended and that nobody else works on, now the worker's."""
    table = optimization_searches.c
    # Of two processes of PostgreSQL the second waits here; on SQLite a writing transaction is alone from its beginning.
    asked = select(table.search, table.worker, table.heartbeat_at, table.started_at).where(
        table.run_id == run_id, table.ended_at.is_(None)
    )
    for row in connection.execute(asked.order_by(table.search).with_for_update()).all():
        if row.worker is None or row.worker == worker or _gone(row.worker, row.heartbeat_at, now):
            values = {"worker": worker, "heartbeat_at": now, "started_at": row.started_at or now}
            _update(connection, run_id, row.search, values)
            return Lease(int(row.search), worker)
    return None


def beat(connection: Connection, run_id: int, lease: Lease, now: datetime) -> None:
    """The worker lives. Raises `RefusedError` when the search is another's or has ended."""
    table = optimization_searches.c
    mine = (table.run_id == run_id, table.search == lease.search, table.worker == lease.worker, table.ended_at.is_(None))
    if not connection.execute(update(optimization_searches).where(*mine).values(heartbeat_at=now)).rowcount:
        raise RefusedError(
            f"search {lease.search} of run {run_id} is no longer held by {lease.worker}: another process took it over, since "
            "this one was silent for too long; nothing of this batch was stored, and nothing is lost"
        )


def end(connection: Connection, run_id: int, lease: Lease, ended: SearchEnd, now: datetime) -> None:
    """The search is over. Raises `RefusedError` as `beat`."""
    beat(connection, run_id, lease, now)
    values = {"reason": ended.reason, "n_done": ended.n_done, "hypervolume": ended.hypervolume, "ended_at": now}
    values["population"] = json.dumps(list(ended.population))
    _update(connection, run_id, lease.search, values)


def ask_to_stop(connection: Connection, run_id: int, who_and_why: tuple[str, str], now: datetime) -> None:
    """A request to stop. Raises `MissingError` for a run that is not there, `RefusedError` for one that does not run."""
    by, reason = who_and_why
    if not by.strip() or not reason.strip():
        raise BadInputError("a request to stop needs who asks and why; give both")
    status = status_of(connection, run_id)
    if status != "running":
        raise RefusedError(f"run {run_id} is {status}: there is nothing to stop; `fxgpt optimize list` shows what runs")
    values = {"run_id": run_id, "asked_at": now, "asked_by": by, "reason": reason}
    connection.execute(insert(optimization_stops), values)


def stop_asked(connection: Connection, run_id: int) -> str | None:
    """Who asked a run to stop, and why; the first that did."""
    table = optimization_stops.c
    asked = select(table.asked_by, table.reason).where(table.run_id == run_id).order_by(table.id).limit(1)
    found = connection.execute(asked).one_or_none()
    return None if found is None else f"{found.asked_by}: {found.reason}"


def _gone(worker: str, heartbeat_at: datetime, now: datetime) -> bool:
    lives = ProcessIdentity.from_text(worker).lives()
    return now - heartbeat_at > SILENT_FOR if lives is None else not lives


def _update(connection: Connection, run_id: int, search: int, values: dict[str, Any]) -> None:
    table = optimization_searches.c
    mine = (table.run_id == run_id, table.search == search)
    connection.execute(update(optimization_searches).where(*mine).values(**values))
