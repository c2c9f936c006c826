"""A folder of versions of one table: a Parquet file and a card for each, none ever overwritten by another.

<folder>/<first 16 of the content hash>.parquet   the rows (zstd)
<folder>/<first 16 of the content hash>.json      what they are and where they came from
<folder>/latest                                   the content hash last put
Written in this order and each atomically, so that a crash leaves the earlier version in place.
"""

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from fxgpt_core.atomic_file import write_atomically
from fxgpt_core.content_hash import canonical_json
from fxgpt_core.errors import CorruptArtifactError, NotReadyError
from fxgpt_core.parquet import parquet_bytes

POINTER = "latest"
REMEDY = "import it, or sync it, again"


@dataclass(frozen=True, kw_only=True)
class Version:
    """One stored version: `sha256` is the hash of its rows (not of the file), `source` says where they came from."""

    path: Path
    sha256: str
    rows: int
    first: datetime
    last: datetime
    source: str


Stored = TypeVar("Stored", bound=Version)


def path_of(folder: Path, sha256: str) -> Path:
    """Where the table of a version lies."""
    return folder / f"{sha256[:16]}.parquet"


def put_version(version: Version, frame: pl.DataFrame, what: str) -> None:
    """Make the table the latest version of its folder. Raises `NotReadyError` where it cannot write."""
    card = {name: _plain(value) for name, value in asdict(version).items() if name != "path"}
    try:
        write_atomically(version.path, parquet_bytes(frame))
        write_atomically(version.path.with_suffix(".json"), canonical_json(card).encode())
        write_atomically(version.path.with_name(POINTER), version.sha256.encode())
    except OSError as error:
        raise NotReadyError(
            f"{what} cannot be stored in {version.path.parent} ({error.strerror}); a folder that this user may write, on a disk "
            "with space, is needed; give this user the folder, or set FXGPT_DATA_ROOT to another one"
        ) from error


def has_latest(folder: Path) -> bool:
    """Was a version put there?"""
    return (folder / POINTER).exists()


def latest_version(folder: Path, make: Callable[..., Stored], what: str) -> Stored:
    """The version put last, which must be there; `make` and errors as in `version_of_card`."""
    return version_of_card(path_of(folder, (folder / POINTER).read_text()).with_suffix(".json"), make, what)


def version_of_card(card: Path, make: Callable[..., Stored], what: str) -> Stored:
    """The version that a card describes, made of its values by name. Raises `CorruptArtifactError`."""
    try:
        values: dict[str, Any] = json.loads(card.read_bytes())
        moments = {name: datetime.fromisoformat(values[name]) for name in ("first", "last")}
        return make(**values | moments, path=card.with_suffix(".parquet"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptArtifactError(f"{card} does not describe stored {what} ({error!r}); {REMEDY}") from error


def read_version(version: Version, sha256_of: Callable[[pl.DataFrame], str], what: str) -> pl.DataFrame:
    """The rows of a version. Raises `CorruptArtifactError` if they are not those that were put."""
    try:
        frame = pl.read_parquet(io.BytesIO(version.path.read_bytes()))
        found = sha256_of(frame)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CorruptArtifactError(f"{version.path} cannot be read ({error}); {REMEDY}") from error
    if found != version.sha256:
        raise CorruptArtifactError(f"{version.path} holds {what} of hash {found}, recorded is {version.sha256}; {REMEDY}")
    return frame


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
