"""The ledger's connections keep fxgpt's promises: durable, locked from the start, readers never blocked."""

from datetime import UTC, datetime

import pytest
from damaged_page import damage
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from fxgpt_core.errors import BadInputError, CorruptArtifactError, LedgerMissingError, NotReadyError
from fxgpt_core.registry.database_health import explained
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import heartbeats, signals


def one_by_one(connection, rows):
    for row in rows:
        connection.execute(insert(heartbeats), row)


def beat(at, process="gateway"):
    return insert(heartbeats).values(process=process, at=at, detail_json="{}")


def test_sqlite_is_opened_with_the_durable_pragmas(sqlite_ledger):
    with sqlite_ledger.reading() as connection:
        found = [
            connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        ]
    assert found == ["wal", 2, 10_000, 1]


def test_an_exception_rolls_the_whole_transaction_back(migrated_ledger):
    twice = [{"process": "gateway", "at": datetime.now(UTC), "detail_json": "{}"}] * 2
    with pytest.raises(IntegrityError, match=r"(?i)unique"), migrated_ledger.begin() as connection:
        one_by_one(connection, twice)
    with migrated_ledger.reading() as connection:
        assert connection.execute(select(heartbeats)).all() == []


def test_a_reader_is_not_blocked_by_a_writer_and_does_not_see_it(migrated_ledger):
    with migrated_ledger.begin() as writing:
        writing.execute(beat(datetime.now(UTC)))
        with migrated_ledger.reading() as reading:
            assert reading.execute(select(heartbeats)).all() == []


def test_a_second_sqlite_writer_waits_for_the_first_from_its_very_beginning(sqlite_ledger):
    other = Ledger(sqlite_ledger.url)
    with other.reading() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA busy_timeout=1")
        with sqlite_ledger.begin(), pytest.raises(Exception, match="database is locked"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.exec_driver_sql("BEGIN")
    other.close()


def test_foreign_keys_are_enforced(migrated_ledger):
    row = insert(signals).values(
        signal_key="k", decision_id=1, side=1, stop_distance=1.0, target_distance=1.0, risk_fraction=0.01, state="new"
    )
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"), migrated_ledger.begin() as connection:
        connection.execute(row)


def test_stamps_come_back_aware_to_the_microsecond_and_naive_ones_are_refused(migrated_ledger):
    stamp = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
    with migrated_ledger.begin() as connection:
        connection.execute(beat(stamp))
        assert connection.execute(select(heartbeats.c.at)).scalar_one() == stamp
    with pytest.raises(StatementError, match="no time zone"), migrated_ledger.begin() as connection:
        connection.execute(beat(datetime(2026, 1, 1), "other"))  # noqa: DTZ001 the planted defect


@pytest.mark.parametrize("url", ["postgresql://h/db", "mysql://h/db", "sqlite://"])
def test_a_database_that_cannot_hold_the_ledger_is_refused(url):
    with pytest.raises(BadInputError, match=r"PostgreSQL URL needs its driver|no driver for mysql|names no file"):
        Ledger(url)


def test_a_server_that_does_not_answer_is_a_missing_ledger_without_its_password(tmp_path):
    ledger = Ledger(f"postgresql+psycopg2://me:secret@/db?host={tmp_path}")
    with pytest.raises(LedgerMissingError, match="does not answer") as caught:
        ledger.require_migrated()
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    ledger.close()


def test_a_place_where_no_ledger_can_be_is_not_ready(tmp_path):
    with pytest.raises(NotReadyError, match=r"is a directory; a file in a folder .* FXGPT_LEDGER_URL"):
        Ledger(f"sqlite:///{tmp_path}")
    (tmp_path / "file").touch()
    with pytest.raises(NotReadyError, match=r"there can be no ledger at .*(Not a directory|File exists)"):
        Ledger(f"sqlite:///{tmp_path / 'file' / 'ledger.db'}")


def test_a_damaged_page_is_found_before_anything_is_read_from_it(sqlite_ledger, tmp_path):
    sqlite_ledger.require_sound()
    sqlite_ledger.close()
    damage(tmp_path / "ledger.db", "order_intents")
    damaged = Ledger(sqlite_ledger.url)
    damaged.require_migrated()
    with pytest.raises(CorruptArtifactError, match=r"(is damaged|not a sound database) .*put a sound copy in its place"):
        damaged.require_sound()
    damaged.close()


def test_a_ledger_where_nothing_may_be_written_is_read_leaves_no_side_files_and_refuses_to_write(
    sqlite_ledger, tmp_path, monkeypatch
):
    with sqlite_ledger.begin() as connection:
        connection.execute(beat(datetime.now(UTC)))
    sqlite_ledger.close()
    # The tests may run as root, whom no mode of a folder stops.
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    closed = Ledger(sqlite_ledger.url)
    closed.require_migrated()
    closed.require_sound()
    with closed.reading() as connection:
        assert len(connection.execute(select(heartbeats)).all()) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["ledger.db"]
    with (
        pytest.raises(NotReadyError, match=r"cannot be opened or written .*readonly"),
        explained(closed.url),
        closed.begin() as connection,
    ):
        connection.execute(beat(datetime.now(UTC), "other"))
    closed.close()
