"""Whole files or nothing: write to a temporary file, fsync, rename, fsync the folder."""

import os
import tempfile
from pathlib import Path

TEMPORARY = ".tmp"


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` at `path`, so that a reader (or a crash) sees the old file or the whole new one, never a part.

    What processes of this machine that were killed left in the folder, hidden and half-written, is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_orphans(path.parent)
    prefix = f".{path.name}.{os.getpid()}."
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=TEMPORARY)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _remove_orphans(folder: Path) -> None:
    for left in folder.glob(f".*{TEMPORARY}"):
        process = left.name.removesuffix(TEMPORARY).rsplit(".", 2)[-2]
        if process.isdigit() and not _is_running(int(process)):
            left.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def sync_folder(folder: Path) -> None:
    """Put the entries of a folder on disk: a rename in it is only durable after that."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
