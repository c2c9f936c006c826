"""Imported and downloaded context on disk: one Parquet file for each version of a kind, as `candles.store` keeps candles.

<root>/<kind>/<first 16 of the content hash>.parquet   the rows (zstd)
<root>/<kind>/<first 16 of the content hash>.json      what they are and where they came from
<root>/<kind>/latest                                   the content hash last put
Written in this order and each atomically, so that a crash leaves the earlier version in place.
"""

import io
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from fxgpt_core.atomic_file import write_atomically
from fxgpt_core.content_hash import canonical_json
from fxgpt_core.context.kinds import KINDS, kind_of
from fxgpt_core.context.series import ContextSeries, context_sha256
from fxgpt_core.errors import CorruptArtifactError, MissingError, NotReadyError

FOLDER = "context"
POINTER = "latest"
REMEDY = "import it, or sync it, again"


@dataclass(frozen=True)
class StoredContext:
    """One stored version: `sha256` is the hash of the rows, `first` and `last` when its first and last row became known."""

    kind: str
    path: Path
    sha256: str
    rows: int
    first: datetime
    last: datetime
    source: str


class ContextStore:
    """The context series below one folder, which need not exist yet."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, series: ContextSeries, source: str) -> StoredContext:
        """Store a series as the latest version of its kind; the same rows again give the same file.

        Raises `BadInputError` for a kind that is none, `NotReadyError` where it cannot write, and then stores nothing.
        """
        kind_of(series.name)
        sha256, known = context_sha256(series.frame), series.frame["known_at"]
        path = self.root / series.name / f"{sha256[:16]}.parquet"
        stored = StoredContext(series.name, path, sha256, len(known), known[0], known[-1], source)
        buffer = io.BytesIO()
        series.frame.write_parquet(buffer, compression="zstd")
        try:
            write_atomically(path, buffer.getvalue())
            write_atomically(path.with_suffix(".json"), _card(stored))
            write_atomically(path.parent / POINTER, sha256.encode())
        except OSError as error:
            raise NotReadyError(
                f"context cannot be stored in {path.parent} ({error.strerror}); a folder that this user may write, on a disk "
                "with space, is needed; give this user the folder, or set FXGPT_DATA_ROOT to another one"
            ) from error
        return stored

    def latest(self, kind: str) -> StoredContext:
        """The version put last; raises `BadInputError` for a kind that is none, `MissingError` if nothing of it is stored."""
        kind_of(kind)
        pointer = self.root / kind / POINTER
        if not pointer.exists():
            raise MissingError(f"no context of kind {kind} is stored below {self.root}; import a file of it first, or sync it")
        return _read_card(pointer.with_name(f"{pointer.read_text()[:16]}.json"))

    def kinds(self) -> tuple[str, ...]:
        """The kinds that have a latest version, in the order of `KINDS`."""
        return tuple(kind for kind in KINDS if (self.root / kind / POINTER).exists())

    def list(self) -> tuple[StoredContext, ...]:
        """Every stored version, by kind and hash."""
        return tuple(_read_card(path) for kind in KINDS for path in sorted((self.root / kind).glob("*.json")))

    def read(self, stored: StoredContext) -> ContextSeries:
        """The rows of a stored version; raises `CorruptArtifactError` if they are not those that were put."""
        try:
            frame = pl.read_parquet(io.BytesIO(stored.path.read_bytes()))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise CorruptArtifactError(f"{stored.path} cannot be read ({error}); {REMEDY}") from error
        found = context_sha256(frame)
        if found != stored.sha256:
            raise CorruptArtifactError(f"{stored.path} holds rows of hash {found}, recorded is {stored.sha256}; {REMEDY}")
        return ContextSeries(stored.kind, frame, kind_of(stored.kind).stale_after)


def _card(stored: StoredContext) -> bytes:
    return canonical_json(
        {
            "kind": stored.kind,
            "sha256": stored.sha256,
            "rows": stored.rows,
            "first": stored.first.isoformat(),
            "last": stored.last.isoformat(),
            "source": stored.source,
        }
    ).encode()


def _read_card(path: Path) -> StoredContext:
    try:
        card = json.loads(path.read_bytes())
        return StoredContext(
            kind=card["kind"],
            path=path.with_suffix(".parquet"),
            sha256=card["sha256"],
            rows=card["rows"],
            first=datetime.fromisoformat(card["first"]),
            last=datetime.fromisoformat(card["last"]),
            source=card["source"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptArtifactError(f"{path} does not describe stored context ({error!r}); {REMEDY}") from error
