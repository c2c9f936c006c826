"""For the tests of every room: real market data, and databases (SQLite files and a real PostgreSQL, never a substitute)."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_process import running_postgres
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from fxgpt_core.registry import migration
from fxgpt_core.registry.ledger import Ledger


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real market data that the project does not ship; a test that needs it is skipped where there is none."""
    folder = os.environ.get("FXGPT_SHARED_DATA")
    if not folder:
        pytest.skip("FXGPT_SHARED_DATA names no folder of real market data")
    return Path(folder)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a real PostgreSQL server's maintenance database; the tests fail, not skip, where none can run."""
    with running_postgres() as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of a fresh, empty PostgreSQL database."""
    name = f"fxgpt_{uuid.uuid4().hex}"
    maintenance = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with maintenance.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    with maintenance.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    maintenance.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty ledger database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return request.getfixturevalue("postgres_database")


@pytest.fixture
def migrated_ledger(ledger_url: str) -> Iterator[Ledger]:
    """A ledger with every migration, once of each kind of database."""
    ledger = Ledger(ledger_url)
    migration.upgrade(ledger)
    yield ledger
    ledger.close()


@pytest.fixture
def sqlite_ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with every migration in a SQLite file: for tests that are not about the database."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    migration.upgrade(ledger)
    yield ledger
    ledger.close()
