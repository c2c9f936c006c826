"""Bring a ledger to a schema revision, by Alembic, without an alembic.ini."""

import os
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from fxgpt_core.errors import NotReadyError
from fxgpt_core.registry.ledger import Ledger

FOLDER_VARIABLE = "FXGPT_MIGRATIONS"
BESIDE_THE_PACKAGE = Path(__file__).resolve().parents[2] / "migrations"


def migrations_folder() -> Path:
    """The folder of the revisions: `FXGPT_MIGRATIONS`, or `migrations` beside the package. Raises `NotReadyError`."""
    folder = Path(os.environ.get(FOLDER_VARIABLE) or BESIDE_THE_PACKAGE)
    if not (folder / "env.py").is_file():
        raise NotReadyError(
            f"there are no migrations in {folder}; set {FOLDER_VARIABLE} to the `migrations` folder of fxgpt's source"
        )
    return folder


def upgrade(ledger: Ledger, revision: str = "head") -> None:
    """Bring the ledger up to a revision; at that revision already, nothing happens."""
    _run(ledger, lambda config: command.upgrade(config, revision))


def downgrade(ledger: Ledger, revision: str) -> None:
    """Take the ledger back to a revision (`base` removes every table and all they hold)."""
    _run(ledger, lambda config: command.downgrade(config, revision))


def current(ledger: Ledger) -> str | None:
    """The revision the ledger is at; None when it was never migrated."""
    with ledger.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The newest revision. Raises `NotReadyError` when there are no migrations."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise NotReadyError(f"no revision is in {migrations_folder()}/versions; restore fxgpt's source")
    return revision


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    return config


def _run(ledger: Ledger, move: Callable[[Config], None]) -> None:
    config = _config()
    # One transaction of the ledger's own, so that a migration that fails leaves the schema as it was.
    with ledger.begin() as connection:
        config.attributes["connection"] = connection
        move(config)
