"""What a database's complaint is told as: by the codes that SQLite and PostgreSQL give, and None for fxgpt's own mistakes."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, IntegrityError, InterfaceError, OperationalError, ProgrammingError

from fxgpt_core.errors import CorruptArtifactError, LedgerMissingError, NotReadyError
from fxgpt_core.registry import ledger
from fxgpt_core.registry.database_health import explained, meaning


class ComplaintError(Exception):
    def __init__(self, said, sqlite_errorname=None, pgcode=None):
        super().__init__(said)
        self.sqlite_errorname = sqlite_errorname
        self.pgcode = pgcode


@pytest.mark.parametrize(
    ("kind", "complaint", "error", "words"),
    [
        (DatabaseError, ComplaintError("image is malformed", "SQLITE_CORRUPT"), CorruptArtifactError, "not a sound database"),
        (DatabaseError, ComplaintError("no database", "SQLITE_NOTADB"), CorruptArtifactError, "put a sound copy"),
        (OperationalError, ComplaintError("Could not decode to UTF-8 column"), CorruptArtifactError, "not a sound database"),
        (OperationalError, ComplaintError("database is locked", "SQLITE_BUSY_SNAPSHOT"), NotReadyError, "is busy .*try again"),
        (OperationalError, ComplaintError("deadlock", None, "40P01"), NotReadyError, "is busy"),
        (OperationalError, ComplaintError("read-only", "SQLITE_READONLY"), NotReadyError, "cannot be opened or written"),
        (ProgrammingError, ComplaintError("denied", None, "42501"), NotReadyError, "cannot be opened or written"),
        (OperationalError, ComplaintError("server closed"), LedgerMissingError, "does not answer .*; start it"),
        (InterfaceError, ComplaintError("connection already closed"), LedgerMissingError, "does not answer"),
        (OperationalError, ComplaintError("no such table: fills", "SQLITE_ERROR"), LedgerMissingError, "fxgpt setup"),
        (ProgrammingError, ComplaintError("relation", None, "42P01"), LedgerMissingError, "fxgpt setup"),
    ],
)
def test_a_complaint_is_told_as_what_a_person_can_do_about_it(kind, complaint, error, words):
    with pytest.raises(error, match=f"the ledger sqlite:///x .*{words}"), explained("sqlite:///x"):
        raise kind("SELECT", {}, complaint)


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        (IntegrityError, ComplaintError("UNIQUE", "SQLITE_CONSTRAINT_UNIQUE")),
        (OperationalError, ComplaintError("near SELCT: syntax error", "SQLITE_ERROR")),
        (ProgrammingError, ComplaintError("syntax error", None, "42601")),
    ],
)
def test_what_fxgpt_itself_did_wrong_is_left_as_it_is(kind, complaint):
    assert meaning(kind("SELECT", {}, complaint)) is None
    with pytest.raises(kind, match=str(complaint)), explained("sqlite:///x"):
        raise kind("SELECT", {}, complaint)


def test_a_real_lock_is_told_as_one(sqlite_ledger, tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "PRAGMAS", ("busy_timeout=1",))
    other = ledger.Ledger(sqlite_ledger.url)
    with (
        sqlite_ledger.begin(),
        pytest.raises(NotReadyError, match=r"is busy \(database is locked\)"),
        explained(other.url),
        other.begin(),
    ):
        pass
    other.close()


def test_a_table_that_is_really_missing_is_told_as_one(migrated_ledger):
    asked = text("SELECT * FROM absent_table")
    with (
        pytest.raises(LedgerMissingError, match=r"lacks what this release needs .*absent_table.*fxgpt setup"),
        explained(migrated_ledger.url),
        migrated_ledger.reading() as reading,
    ):
        reading.execute(asked)
