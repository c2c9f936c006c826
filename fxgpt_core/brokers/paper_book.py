"""The paper broker's own book: one SQLite file that survives a kill at any moment."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from fxgpt_core.brokers.paper_schema import UPGRADES
from fxgpt_core.errors import NotReadyError


class PaperBook:
    """The file and its transactions; opens with the given money if it is new."""

    def __init__(self, path: Path, cash: float, leverage: float) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
            self._connection.row_factory = sqlite3.Row
            self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
            version = self._upgrade()
        except sqlite3.DatabaseError as error:
            raise NotReadyError(
                f"the paper broker's book {path} cannot be opened ({error}); move it away to start a new one, "
                "and end what the ledger still holds by `fxgpt live write-off`"
            ) from error
        if version > len(UPGRADES):
            raise NotReadyError(
                f"the paper broker's book {path} is of version {version}, made by a newer fxgpt; this one knows {len(UPGRADES)}: "
                "install the newer one again"
            )
        with self.writing() as book:
            book.execute("INSERT OR IGNORE INTO account (id, cash, leverage) VALUES (1, ?, ?)", (cash, leverage))

    def _upgrade(self) -> int:
        """Bring the file to the version of this program, in one transaction; returns the version it has then."""
        with self.writing() as book:
            version = int(book.execute("PRAGMA user_version").fetchone()[0])
            for upgrade in UPGRADES[version:]:
                for statement in filter(str.strip, upgrade.split(";")):
                    book.execute(statement)
            version = max(version, len(UPGRADES))
            book.execute(f"PRAGMA user_version = {version}")
        return version

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

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One moment of the book, whatever another process writes meanwhile."""
        self._connection.execute("BEGIN")
        try:
            yield self._connection
        finally:
            self._connection.execute("ROLLBACK")

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
