"""What a database's own complaint means: damaged, busy, out of reach, never set up. Any other complaint is a defect of fxgpt."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from fxgpt_core.errors import CorruptArtifactError, FxgptError, LedgerMissingError, NotReadyError
from fxgpt_core.registry.database_url import shown, without_secrets

# Beginnings of SQLite's error names and of PostgreSQL's codes (SQLSTATE).
DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "XX001", "XX002")
BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL", "40001", "40P01", "55P03")
CLOSED = (
    *("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_PERM", "SQLITE_AUTH"),
    *("25006", "42501", "53"),
)
AWAY = ("08", "28", "3D", "57P")
NO_TABLE = ("42P01", "42703")


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn the complaint of the ledger at a URL into an `FxgptError` that says what to do."""
    try:
        yield
    except DBAPIError as error:
        meant = meaning(error, url)
        if meant is None:
            raise
        raise meant from error


def meaning(error: DBAPIError, url: str = "") -> FxgptError | None:
    """The `FxgptError` that the ledger's complaint amounts to; None where it is neither its state nor the machine's."""
    name, said = f"the ledger {shown(url)}".rstrip(), without_secrets(str(error.orig), url)
    match _state(error):
        case "damaged":
            return CorruptArtifactError(f"{name} is not a sound database ({said}); put a sound copy in its place")
        case "busy":
            return NotReadyError(f"{name} is busy ({said}); nothing of this step was written; try again")
        case "closed":
            return NotReadyError(
                f"{name} cannot be opened or written ({said}); this user needs the right to, and a disk with space"
            )
        case "away":
            return LedgerMissingError(f"{name} does not answer ({said}); start it, or correct FXGPT_LEDGER_URL")
        case "no table":
            return LedgerMissingError(f"{name} lacks what this release needs ({said}). Run `fxgpt setup`.")
    return None


def _state(error: DBAPIError) -> str | None:
    code = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "pgcode", None) or ""
    states = {"damaged": DAMAGED, "busy": BUSY, "closed": CLOSED, "away": AWAY, "no table": NO_TABLE}
    for state, codes in states.items():
        if code.startswith(codes):
            return state
    said = str(error.orig)
    if said.startswith(("no such table", "no such column")):
        return "no table"
    if code or not isinstance(error, OperationalError | InterfaceError):
        return None
    # Without a code: SQLite's driver could not decode what is stored, or libpq has no connection to tell a code.
    return "damaged" if said.startswith("Could not decode") else "away"
