"""The ledger database, SQLite or PostgreSQL: how it is opened, and one transaction at a time."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import make_url

from fxgpt_core.errors import CorruptArtifactError, LedgerMissingError, NotReadyError
from fxgpt_core.registry.database_health import explained
from fxgpt_core.registry.database_url import SQLITE_PREFIX, require_usable, shown
from fxgpt_core.registry.tables import optimization_runs

BUSY_TIMEOUT_MS = 10_000
WRITES = "fxgpt_writes"
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON")


def utc_now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


class Ledger:
    """One ledger database. `clock` gives the stamps of what is written through it."""

    def __init__(self, url: str, clock: Callable[[], datetime] = utc_now) -> None:
        self.url = url
        self.clock = clock
        self.engine = open_engine(url)
        self._writers = self.engine.execution_options(**{WRITES: True})

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A writing transaction: committed when the block ends, rolled back when it raises.

        On SQLite it holds the write lock from its first moment, so that what it read is still true when it writes.
        """
        with self._writers.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads: one consistent view, never waiting for a writer on SQLite."""
        with self.engine.connect() as connection:
            yield connection

    def require_migrated(self) -> None:
        """Raise `LedgerMissingError` unless the database is there and has the ledger's tables.

        Raises `CorruptArtifactError` for one that is damaged, `NotReadyError` for one that is locked or closed to this user.
        """
        database = make_url(self.url).database
        if self.is_sqlite and not (database and Path(database).exists()):
            raise LedgerMissingError(f"there is no ledger at {database}. Run `fxgpt setup`.")
        with explained(self.url), self.reading() as connection:
            found = inspect(connection).has_table(optimization_runs.name)
        if not found:
            raise LedgerMissingError(f"the ledger {self.shown_url} has no tables. Run `fxgpt setup`.")

    def require_sound(self) -> None:
        """Raise `CorruptArtifactError` when SQLite finds its own file damaged; PostgreSQL has no such question to ask."""
        if not self.is_sqlite:
            return
        with explained(self.url), self.reading() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check").scalars().all()
        if found != ["ok"]:
            raise CorruptArtifactError(f"the ledger {self.shown_url} is damaged ({found[0]}); put a sound copy in its place")

    @property
    def is_sqlite(self) -> bool:
        """Whether the ledger is a SQLite file."""
        return self.engine.dialect.name == "sqlite"

    @property
    def shown_url(self) -> str:
        """The URL with its secrets hidden, for messages."""
        return shown(self.url)

    def now(self) -> datetime:
        """The time by this ledger's clock."""
        return self.clock()

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def open_engine(url: str) -> Engine:
    """An engine with fxgpt's guarantees; the folder of a SQLite file is made. Raises `BadInputError` for another database."""
    require_usable(url)
    database = make_url(url).database
    if not url.startswith(SQLITE_PREFIX) or database is None:
        # CURRENT_TIMESTAMP follows the session's zone, and the columns have none.
        return create_engine(url, connect_args={"options": "-c timezone=utc"}, pool_pre_ping=True)
    file = Path(database)
    _require_place(file)
    engine = create_engine(url, creator=_reader_at_rest(file)) if _at_rest(file) else create_engine(url)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _require_place(file: Path) -> None:
    remedy = "a file in a folder that this user may write is needed; set FXGPT_DATA_ROOT or FXGPT_LEDGER_URL"
    try:
        if file.is_dir():
            raise NotReadyError(f"the ledger {file} is a directory; {remedy}")
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotReadyError(f"there can be no ledger at {file} ({error.strerror}); {remedy}") from error


def _at_rest(file: Path) -> bool:
    """Whether a database lies where nobody can be writing it: this user may not write its folder, and it has no side files.

    SQLite makes side files (-wal, -shm) to read a database in WAL mode, and there it could not.
    """
    side_files = (file.with_name(f"{file.name}{suffix}") for suffix in ("-wal", "-shm"))
    return file.is_file() and not os.access(file.parent, os.W_OK) and not any(side.exists() for side in side_files)


def _reader_at_rest(file: Path) -> Callable[[], sqlite3.Connection]:
    address = f"{file.resolve().as_uri()}?mode=ro&immutable=1"
    return partial(sqlite3.connect, address, uri=True, check_same_thread=False)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver would begin transactions by itself, late and deferred; `_begin_sqlite` does it instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")
