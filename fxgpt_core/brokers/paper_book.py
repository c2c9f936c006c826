"""The paper broker's own book: one SQLite file that survives a kill at any moment."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from fxgpt_core.errors import NotReadyError

SCHEMA = """
CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY CHECK (id = 1), cash REAL NOT NULL, leverage REAL NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
    order_id INTEGER PRIMARY KEY AUTOINCREMENT, client_order_id TEXT NOT NULL UNIQUE, symbol TEXT NOT NULL,
    side INTEGER NOT NULL, units INTEGER NOT NULL, stop_price REAL, target_price REAL,
    state TEXT NOT NULL, position_id INTEGER, reason TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS positions (
    position_id INTEGER PRIMARY KEY AUTOINCREMENT, client_order_id TEXT NOT NULL UNIQUE, symbol TEXT NOT NULL,
    side INTEGER NOT NULL, units INTEGER NOT NULL, entry_price REAL NOT NULL, entry_time_us INTEGER NOT NULL,
    stop_price REAL, target_price REAL, is_open INTEGER NOT NULL DEFAULT 1, close_order_id TEXT UNIQUE, close_reason TEXT);
CREATE TABLE IF NOT EXISTS fills (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, client_order_id TEXT NOT NULL, position_id INTEGER NOT NULL, symbol TEXT NOT NULL,
    side INTEGER NOT NULL, units INTEGER NOT NULL, price REAL NOT NULL, commission REAL NOT NULL, time_us INTEGER NOT NULL,
    reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS money (id INTEGER PRIMARY KEY CHECK (id = 1), currency TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS marks (symbol TEXT PRIMARY KEY, open_time_us INTEGER NOT NULL, close REAL NOT NULL);
"""


class PaperBook:
    """The file and its transactions; opens with the given money if it is new."""

    def __init__(self, path: Path, cash: float, leverage: float) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
            self._connection.row_factory = sqlite3.Row
            self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + SCHEMA)
        except sqlite3.DatabaseError as error:
            raise NotReadyError(
                f"the paper broker's book {path} cannot be opened ({error}); move it away to start a new one, "
                "and end what the ledger still holds by `fxgpt live write-off`"
            ) from error
        with self.writing() as book:
            book.execute("INSERT OR IGNORE INTO account (id, cash, leverage) VALUES (1, ?, ?)", (cash, leverage))

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def rows(self, statement: str, *values: object) -> list[sqlite3.Row]:
        """The rows of a query."""
        with closing(self._connection.execute(statement, values)) as cursor:
            return cursor.fetchall()

    def row(self, statement: str, *values: object) -> sqlite3.Row | None:
        """The first row of a query, if there is one."""
        found = self.rows(statement, *values)
        return found[0] if found else None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
