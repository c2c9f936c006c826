"""Damage that SQLite meets only when it reads one table: the first page of that table is overwritten."""

import sqlite3
from pathlib import Path


def damage(file: Path, table: str) -> None:
    """Overwrite the first page of a table in a closed database."""
    connection = sqlite3.connect(file)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with file.open("r+b") as opened:
        opened.seek((page - 1) * size)
        opened.write(b"\xff" * size)
