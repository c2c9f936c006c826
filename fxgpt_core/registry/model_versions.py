"""Model versions as MLflow's own database has them, by plain SQL: to read one must not take the seconds MLflow's import does."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from fxgpt_core.errors import MissingError, NotReadyError
from fxgpt_core.registry.database_url import shown as shown
from fxgpt_core.registry.database_url import without_secrets

PREPARE = "the MLflow store {url} has no schema of the installed version. Run `fxgpt setup`."
_REVISION = re.compile(r"^(down_revision|revision)\s*(?::[^=]+)?=\s*(.+)$", re.MULTILINE)
_NAMES = re.compile(r"[\"'](\w+)[\"']")
VERSION_SQL = text("SELECT run_id, source FROM model_versions WHERE name = :name AND version = :version")
TAGS_SQL = text("SELECT key, value FROM model_version_tags WHERE name = :name AND version = :version")
ALIASES_SQL = text("SELECT alias FROM registered_model_aliases WHERE name = :name AND version = :version")


@dataclass(frozen=True)
class StoredVersion:
    """One version as the store has it; `folder` is None when its files are not on this machine's disk."""

    name: str
    version: str
    run_id: str | None
    folder: Path | None
    tags: Mapping[str, str]
    aliases: tuple[str, ...]


def is_prepared(url: str) -> bool:
    """Whether an MLflow store has the schema of the installed version; MLflow itself is not imported.

    Raises `NotReadyError` for a store that is out of reach or damaged.
    """
    database = make_url(url).database
    if make_url(url).get_backend_name() == "sqlite" and not (database and Path(database).is_file()):
        return False
    with _opened(url) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [installed_revision()]


def installed_revision() -> str:
    """The newest schema revision of the installed MLflow, read from its files. Raises `NotReadyError`."""
    spec = find_spec("mlflow")
    if spec is None or spec.origin is None:
        raise NotReadyError("MLflow is not installed; install fxgpt's requirements")
    made: set[str] = set()
    followed: set[str] = set()
    for source in (Path(spec.origin).parent / "store" / "db_migrations" / "versions").glob("*.py"):
        for key, value in _REVISION.findall(source.read_text()):
            (made if key == "revision" else followed).update(_NAMES.findall(value))
    heads = made - followed
    if len(heads) != 1:
        raise NotReadyError(f"the installed MLflow has the schema heads {sorted(heads)}, not one; install the locked version")
    return heads.pop()


def registered_version(url: str, name: str, version: str) -> StoredVersion:
    """One version with its tags, aliases and folder, by plain SQL: the trace must answer faster than MLflow imports.

    Raises `MissingError` when the store does not have it; `NotReadyError` when it is out of reach, damaged or of another schema.
    """
    if not is_prepared(url):
        raise NotReadyError(PREPARE.format(url=shown(url)))
    key = {"name": name, "version": int(version)}
    with _opened(url) as connection:
        row = connection.execute(VERSION_SQL, key).one_or_none()
        if row is None:
            raise MissingError(f"MLflow has no version {version} of {name}; it was deleted, or the store is another one")
        tags = connection.execute(TAGS_SQL, key).all()
        aliases = connection.execute(ALIASES_SQL, key).scalars()
        names = tuple(sorted(aliases))
    return StoredVersion(name, str(version), row.run_id, local_path(row.source), {tag.key: tag.value for tag in tags}, names)


@contextmanager
def _opened(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        said = without_secrets(str(error.orig), url)
        raise NotReadyError(
            f"the MLflow store {shown(url)} cannot be read ({said}); start or restore it, or correct its URL"
        ) from error
    finally:
        engine.dispose()


def local_path(uri: str | None) -> Path | None:
    """The path of a place on this machine's disk; None for any other URI."""
    parts = urlsplit(uri or "")
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return Path(uri) if uri and not parts.scheme else None
