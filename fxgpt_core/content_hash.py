"""One stable hash for bytes, files, JSON values and code: SHA-256, in lower-case hex."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, NaN refused (`ValueError`)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def of_bytes(data: bytes) -> str:
    """SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def of_json(value: Any) -> str:
    """SHA-256 of the canonical JSON text of a value."""
    return of_bytes(canonical_json(value).encode())


def of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, read in chunks. Raises `FileNotFoundError`."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def of_code(package_root: Path, rooms: Iterable[str]) -> str:
    """SHA-256 over the Python sources of the named rooms (folders or files below the root), by sorted relative path."""
    digest = hashlib.sha256()
    for room in sorted(rooms):
        target = package_root / room
        sources = [target] if target.suffix == ".py" else sorted(target.rglob("*.py"))
        if not sources:
            raise FileNotFoundError(f"no Python source below {target}")
        for source in sources:
            digest.update(source.relative_to(package_root).as_posix().encode())
            digest.update(source.read_bytes())
    return digest.hexdigest()
