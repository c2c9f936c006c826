"""Runs whether they are archived or not: what was tried counts for ever."""

from typing import Any

from sqlalchemy import CompoundSelect, Connection, Row, Select, select, union_all

from fxgpt_core.errors import MissingError, RefusedError
from fxgpt_core.registry.tables import optimization_runs, optimization_runs_archive

BOTH = (optimization_runs, optimization_runs_archive)


def run_ids_ever(symbol: str, timeframe: str) -> CompoundSelect[Any]:
    """The ids of every run ever made of a series: `trial_ledger.c.run_id.in_(run_ids_ever(…))` are all its trials."""
    mine = [select(table.c.id).where(table.c.symbol == symbol, table.c.timeframe == timeframe) for table in BOTH]
    return union_all(*mine)


def run_ever(connection: Connection, run_id: int) -> Row[Any]:
    """The run of an id, archived or not. Raises `MissingError`."""
    for table in BOTH:
        asked: Select[Any] = select(table).where(table.c.id == run_id)
        found = connection.execute(asked).one_or_none()
        if found is not None:
            return found
    raise MissingError(f"there never was an optimization run {run_id}; `fxgpt optimize list` names those there are")


def require_not_archived(connection: Connection, run_uuid: str) -> None:
    """Raise `RefusedError` when a run of that name is archived: its numbers are gone, and made again they would count twice."""
    archived = optimization_runs_archive.c
    asked = select(archived.id, archived.archived_at).where(archived.run_uuid == run_uuid)
    found = connection.execute(asked).one_or_none()
    if found is not None:
        raise RefusedError(
            f"run {found.id} of the same recipe was archived on {found.archived_at:%Y-%m-%d}, with its results; "
            "search with another seed or on newer candles"
        )
