"""The append-only record of every fact that matters: a chain in which each entry hashes the one before it.

A chain shows any edit of its middle; someone who rewrites all of it is caught by a head anchored elsewhere, the tag of an
MLflow version: see `anchored`. What was appended after the last anchor can be cut off unseen.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from fxgpt_core.content_hash import canonical_json, of_json
from fxgpt_core.errors import BrokenLineageError, RefusedError
from fxgpt_core.registry.artifact_tables import lineage_ledger
from fxgpt_core.registry.ledger import WRITES

GENESIS = "0" * 64
# Any constant does; it names this chain among the advisory locks of a PostgreSQL database.
LOCK = 0x66786770


@dataclass(frozen=True)
class LineageEntry:
    """One fact: its number from 1, its stamp (ISO 8601, UTC), its kind and payload, and the two hashes."""

    seq: int
    created_at: str
    kind: str
    payload: Mapping[str, Any]
    prev_hash: str
    hash: str


def lock(connection: Connection) -> None:
    """Hold the chain until the transaction ends; without it two appenders would both follow the same entry.

    Raises `RefusedError` on a SQLite connection that did not begin as a writer.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
    elif not connection.get_execution_options().get(WRITES, False):
        raise RefusedError("lineage is appended inside `with ledger.begin()`, and this connection only reads")


def append(connection: Connection, kind: str, payload: Mapping[str, Any], now: datetime) -> LineageEntry:
    """Add one fact to the chain inside the caller's transaction. Raises `ValueError` for a payload that is not JSON."""
    lock(connection)
    last = head(connection)
    seq, prev_hash = (last.seq + 1, last.hash) if last else (1, GENESIS)
    stamp = now.isoformat()
    text = canonical_json(dict(payload))
    entry = LineageEntry(seq, stamp, kind, json.loads(text), prev_hash, _hash(seq, stamp, kind, json.loads(text), prev_hash))
    row = {"seq": seq, "created_at": stamp, "kind": kind, "payload_json": text, "prev_hash": prev_hash, "hash": entry.hash}
    connection.execute(insert(lineage_ledger), row)
    return entry


def head(connection: Connection) -> LineageEntry | None:
    """The last entry of the chain; None while it is empty."""
    row = connection.execute(select(lineage_ledger).order_by(lineage_ledger.c.seq.desc()).limit(1)).one_or_none()
    return _entry(row) if row is not None else None


def head_hash(connection: Connection) -> str:
    """The hash to anchor elsewhere: that of the last entry, or of nothing at all."""
    last = head(connection)
    return last.hash if last else GENESIS


def entries(connection: Connection, kind: str | None = None) -> Iterator[LineageEntry]:
    """The chain in order, or its entries of one kind."""
    asked = select(lineage_ledger).order_by(lineage_ledger.c.seq)
    if kind is not None:
        asked = asked.where(lineage_ledger.c.kind == kind)
    for row in connection.execute(asked):
        yield _entry(row)


def anchored(connection: Connection, anchor: str) -> bool:
    """Whether a hash that was anchored elsewhere is still one of the chain's."""
    return anchor == GENESIS or (
        connection.execute(select(lineage_ledger.c.seq).where(lineage_ledger.c.hash == anchor)).first() is not None
    )


def verify(connection: Connection) -> int:
    """The number of entries, all recomputed. Raises `BrokenLineageError` naming the first bad one."""
    expected_seq, prev_hash = 1, GENESIS
    for entry in _checked_rows(connection):
        if entry.seq != expected_seq:
            raise _broken(expected_seq, "it is missing")
        if entry.prev_hash != prev_hash:
            raise _broken(entry.seq, "it does not follow the entry before it")
        if entry.hash != _hash(entry.seq, entry.created_at, entry.kind, entry.payload, entry.prev_hash):
            raise _broken(entry.seq, "its content was changed after it was written")
        expected_seq, prev_hash = entry.seq + 1, entry.hash
    return expected_seq - 1


def _checked_rows(connection: Connection) -> Iterator[LineageEntry]:
    for row in connection.execute(select(lineage_ledger).order_by(lineage_ledger.c.seq)):
        try:
            yield _entry(row)
        except json.JSONDecodeError as error:
            raise _broken(row.seq, "its payload is no JSON any more") from error


def _broken(seq: int, what: str) -> BrokenLineageError:
    return BrokenLineageError(
        f"lineage entry {seq} is broken: {what}. Entries are never changed; trust nothing from {seq} on and restore a backup"
    )


def _hash(seq: int, stamp: str, kind: str, payload: Any, prev_hash: str) -> str:
    return of_json([seq, stamp, kind, payload, prev_hash])


def _entry(row: Row[Any]) -> LineageEntry:
    return LineageEntry(row.seq, row.created_at, row.kind, json.loads(row.payload_json), row.prev_hash, row.hash)
