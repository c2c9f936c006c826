"""Imported and downloaded context on disk: <root>/<kind>/ is a folder of versions (`version_files`)."""

from dataclasses import dataclass
from pathlib import Path

from fxgpt_core.context.kinds import KINDS, kind_of
from fxgpt_core.context.series import ContextSeries, context_sha256
from fxgpt_core.errors import MissingError
from fxgpt_core.version_files import Version, has_latest, latest_version, path_of, put_version, read_version, version_of_card

FOLDER = "context"
CONTEXT = "context"


@dataclass(frozen=True, kw_only=True)
class StoredContext(Version):
    """One stored version of a kind; `first` and `last` are when its first and last row became known."""

    kind: str


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
        stored = StoredContext(
            kind=series.name, path=path_of(self.root / series.name, sha256), sha256=sha256,
            rows=len(known), first=known[0], last=known[-1], source=source,
        )  # fmt: skip
        put_version(stored, series.frame, CONTEXT)
        return stored

    def latest(self, kind: str) -> StoredContext:
        """The version put last; raises `BadInputError` for a kind that is none, `MissingError` if nothing of it is stored."""
        kind_of(kind)
        if not has_latest(self.root / kind):
            raise MissingError(f"no context of kind {kind} is stored below {self.root}; import a file of it first, or sync it")
        return latest_version(self.root / kind, StoredContext, CONTEXT)

    def kinds(self) -> tuple[str, ...]:
        """The kinds that have a latest version, in the order of `KINDS`."""
        return tuple(kind for kind in KINDS if has_latest(self.root / kind))

    def list(self) -> tuple[StoredContext, ...]:
        """Every stored version, by kind and hash."""
        cards = [path for kind in KINDS for path in sorted((self.root / kind).glob("*.json"))]
        return tuple(version_of_card(path, StoredContext, CONTEXT) for path in cards)

    def read(self, stored: StoredContext) -> ContextSeries:
        """The rows of a stored version; raises `CorruptArtifactError` if they are not those that were put."""
        frame = read_version(stored, context_sha256, CONTEXT)
        return ContextSeries(stored.kind, frame, kind_of(stored.kind).stale_after)
