"""The chain is appended to only, holds under concurrent writers, and names the first entry that was tampered with."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from fxgpt_core.errors import BrokenLineageError, RefusedError
from fxgpt_core.registry import lineage

ROOT = Path(__file__).resolve().parents[3]


def fill(ledger, count=5):
    for number in range(count):
        with ledger.begin() as connection:
            lineage.append(connection, "test", {"number": number, "text": "é"}, ledger.now())


def append_two(connection, now, first, second):
    lineage.append(connection, "test", first, now)
    lineage.append(connection, "test", second, now)


def drop_triggers(ledger):
    statements = (
        ["DROP TRIGGER lineage_ledger_no_update", "DROP TRIGGER lineage_ledger_no_delete"]
        if ledger.is_sqlite
        else ["DROP TRIGGER lineage_ledger_append_only ON lineage_ledger"]
    )
    with ledger.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def tamper(ledger, statement):
    drop_triggers(ledger)
    with ledger.begin() as connection:
        connection.exec_driver_sql(statement)


def verified(ledger):
    with ledger.reading() as connection:
        return lineage.verify(connection)


def test_the_hashes_are_those_of_an_independent_computation(migrated_ledger):
    fill(migrated_ledger)
    previous = "0" * 64
    with migrated_ledger.reading() as connection:
        for seq, entry in enumerate(lineage.entries(connection), start=1):
            content = [seq, entry.created_at, "test", {"number": seq - 1, "text": "é"}, previous]
            raw = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
            previous = hashlib.sha256(raw).hexdigest()
            assert (entry.seq, entry.hash) == (seq, previous)
        assert lineage.head_hash(connection) == previous
    assert verified(migrated_ledger) == 5


@pytest.mark.parametrize(
    "statement", ["UPDATE lineage_ledger SET kind = 'x' WHERE seq = 2", "DELETE FROM lineage_ledger WHERE seq = 5"]
)
def test_an_entry_can_neither_be_changed_nor_deleted(migrated_ledger, statement):
    fill(migrated_ledger)
    with pytest.raises(DatabaseError, match="append-only"), migrated_ledger.begin() as connection:
        connection.execute(text(statement))
    assert verified(migrated_ledger) == 5


@pytest.mark.parametrize(
    ("statement", "first_bad"),
    [
        ("UPDATE lineage_ledger SET payload_json = '{\"number\":7}' WHERE seq = 3", 3),
        ("UPDATE lineage_ledger SET payload_json = 'no json' WHERE seq = 2", 2),
        ("UPDATE lineage_ledger SET created_at = '2020-01-01T00:00:00+00:00' WHERE seq = 4", 4),
        ("UPDATE lineage_ledger SET kind = 'other' WHERE seq = 1", 1),
        ("DELETE FROM lineage_ledger WHERE seq = 3", 3),
        ("UPDATE lineage_ledger SET prev_hash = hash WHERE seq = 5", 5),
    ],
)
def test_verifying_names_the_first_tampered_entry(migrated_ledger, statement, first_bad):
    fill(migrated_ledger)
    tamper(migrated_ledger, statement)
    with pytest.raises(BrokenLineageError, match=f"entry {first_bad} is broken"):
        verified(migrated_ledger)


def test_a_cut_off_tail_is_only_shown_by_an_anchored_head(migrated_ledger):
    fill(migrated_ledger)
    with migrated_ledger.reading() as connection:
        anchor = lineage.head_hash(connection)
        assert lineage.anchored(connection, anchor)
    tamper(migrated_ledger, "DELETE FROM lineage_ledger WHERE seq = 5")
    assert verified(migrated_ledger) == 4
    with migrated_ledger.reading() as connection:
        assert not lineage.anchored(connection, anchor)


def test_an_entry_belongs_to_the_callers_transaction(migrated_ledger):
    fill(migrated_ledger, 2)
    with pytest.raises(ValueError, match="not JSON compliant"), migrated_ledger.begin() as connection:
        append_two(connection, migrated_ledger.now(), {}, {"broken": float("nan")})
    fill(migrated_ledger, 1)
    assert verified(migrated_ledger) == 3


def test_appending_outside_a_writing_transaction_is_refused_on_sqlite(sqlite_ledger):
    with sqlite_ledger.reading() as connection, pytest.raises(RefusedError, match=r"ledger\.begin"):
        lineage.append(connection, "test", {}, sqlite_ledger.now())


def test_four_processes_appending_at_once_keep_one_chain(migrated_ledger):
    child = str(Path(__file__).with_name("lineage_appender.py"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen([sys.executable, child, migrated_ledger.url, str(number), "15"], env=environment) for number in range(4)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0, 0]
    assert verified(migrated_ledger) == 60
    with migrated_ledger.reading() as connection:
        written = sorted((entry.payload["by"], entry.payload["number"]) for entry in lineage.entries(connection, "test"))
    assert written == sorted((str(by), number) for by in range(4) for number in range(15))


def test_an_empty_chain_verifies_and_its_anchor_is_known(migrated_ledger):
    assert verified(migrated_ledger) == 0
    with migrated_ledger.reading() as connection:
        assert lineage.anchored(connection, lineage.head_hash(connection))
