"""The pages of a download under way, kept on disk until their series is stored.

<folder>/pages/<start>_<stop>_<version>_<hash>.parquet   one page, named by its span, the version stored when it came, and a hash
<folder>/since                                            how far back the source was asked, in whole
<folder>/.sync                                            held by the one process that may write here
"""

import fcntl
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from fxgpt_core import content_hash
from fxgpt_core.atomic_file import write_atomically
from fxgpt_core.candles.source import Page
from fxgpt_core.errors import NotReadyError

FOLDER = "pages"
SINCE = "since"
LOCK = ".sync"
NO_VERSION = "none"
STAMP = "%Y%m%dT%H%M%S.%f"
NAME = re.compile(r"(\d{8}T\d{6}\.\d{6})_(\d{8}T\d{6}\.\d{6})_(\w{1,16})_[0-9a-f]{16}\.parquet")

Span = tuple[datetime, datetime]


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder of a series; what a killed process left half-written is removed.

    Raises `NotReadyError` where another process holds it, or where it cannot be written.
    """
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NotReadyError(f"another download into {folder} is running; wait for it, or end it") from error
        with _writing(folder):
            for path in (*folder.glob(".*"), *(folder / FOLDER).glob(".*")):
                if path.name != LOCK:
                    path.unlink()
        yield


class KeptPages:
    """The pages below the folder of one series, to be used by the process that holds it.

    `series` names it, so that no other's page passes; `version` is the hash of the candles stored now, "" for none.
    """

    def __init__(self, folder: Path, series: str, version: str) -> None:
        self.folder = folder
        self.series = series
        self.version = version[:16] or NO_VERSION

    def pages(self, reached: datetime | None) -> list[Page]:
        """The kept pages by start, where the stored series reaches back to `reached`.

        Removed are those of which bytes, span or series are not what they were named for, to be asked for again, and those that
        a download merged before it was killed: kept before the version stored now, and not in front of it. A file of another
        form of name is no page.
        """
        found = []
        for path, start, stop, version in self._named():
            data = path.read_bytes()
            merged = version != self.version and reached is not None and start >= reached
            if merged or path.name != self._name(start, stop, version, data):
                path.unlink()
            else:
                found.append(Page(start, stop, pl.read_parquet(io.BytesIO(data))))
        return found

    def keep(self, page: Page) -> None:
        """Put a page on disk, whole or not at all. Raises `NotReadyError` where it cannot."""
        buffer = io.BytesIO()
        page.frame.write_parquet(buffer, compression="zstd")
        data = buffer.getvalue()
        with _writing(self.folder):
            write_atomically(self.folder / FOLDER / self._name(page.start, page.stop, self.version, data), data)

    def remove(self, spans: Sequence[Span]) -> None:
        """Remove the pages that reach into one of the spans, and the folder when it is empty."""
        with _writing(self.folder):
            for path, first, last, _ in self._named():
                if any(first < stop and last > start for start, stop in spans):
                    path.unlink()
            folder = self.folder / FOLDER
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def since(self) -> datetime | None:
        """How far back the source was asked in a download that ended, None before the first."""
        path = self.folder / SINCE
        return datetime.fromisoformat(path.read_text()) if path.exists() else None

    def note_since(self, since: datetime) -> None:
        """Remember how far back the source was asked. Raises `NotReadyError` where it cannot be written."""
        with _writing(self.folder):
            write_atomically(self.folder / SINCE, since.isoformat().encode())

    def _named(self) -> list[tuple[Path, datetime, datetime, str]]:
        matches = [(path, NAME.fullmatch(path.name)) for path in sorted((self.folder / FOLDER).glob("*.parquet"))]
        return [(path, _moment(named[1]), _moment(named[2]), named[3]) for path, named in matches if named]

    def _name(self, start: datetime, stop: datetime, version: str, data: bytes) -> str:
        stem = f"{start.astimezone(UTC):{STAMP}}_{stop.astimezone(UTC):{STAMP}}_{version}"
        return f"{stem}_{content_hash.of_bytes(f'{self.series} {stem}'.encode() + data)[:16]}.parquet"


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotReadyError(
            f"pages cannot be kept in {folder} ({error.strerror}); a folder that this user may write, on a disk with space, is "
            "needed; free or name one, then run the same command again: what was kept before is used"
        ) from error


def pages_and_gaps(kept: Sequence[Page], spans: Sequence[Span]) -> tuple[list[Page], list[Span]]:
    """The parts of kept pages (by start) that lie in the spans, none overlapping another, and the spans that no page covers."""
    parts: list[Page] = []
    gaps: list[Span] = []
    for start, stop in spans:
        at = start
        for page in kept:
            first, last = max(page.start, at), min(page.stop, stop)
            if first >= last:
                continue
            if first > at:
                gaps.append((at, first))
            inside = pl.col("open_time").is_between(first, last, closed="left")
            parts.append(Page(first, last, page.frame.filter(inside)))
            at = last
        if at < stop:
            gaps.append((at, stop))
    return parts, gaps


def _moment(text: str) -> datetime:
    return datetime.strptime(text, STAMP).replace(tzinfo=UTC)
