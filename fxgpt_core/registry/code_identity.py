"""Which code ran: the commit, what was changed since, and the versions it was locked to."""

import difflib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fxgpt_core import content_hash
from fxgpt_core.errors import NotReadyError

UNKNOWN = "unknown"
SOURCE_ROOT = Path(__file__).resolve().parents[2]
LOCK_FILE = "requirements.lock"
GIT_TIMEOUT_S = 30


@dataclass(frozen=True)
class CodeIdentity:
    """`commit` is `unknown` for an installed package; `dirty_sha256` is None when nothing was changed since the commit."""

    commit: str
    dirty_sha256: str | None
    lock_sha256: str


@cache
def code_identity(root: Path = SOURCE_ROOT) -> CodeIdentity:
    """The identity of the code below `root`, taken once per process: later edits do not change what is running.

    Raises `NotReadyError` when there is a repository and git fails on it.
    """
    lock = root / LOCK_FILE
    lock_sha256 = content_hash.of_file(lock) if lock.is_file() else UNKNOWN
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return CodeIdentity(UNKNOWN, None, lock_sha256)
    commit = _output([git, "rev-parse", "HEAD"], root).decode().strip()
    return CodeIdentity(commit, _dirty_sha256(git, root), lock_sha256)


def code_diff(root: Path = SOURCE_ROOT) -> bytes:
    """What was changed since the commit, as `git diff` tells it, files that git does not know yet included; empty without a
    repository. Raises `NotReadyError` when git fails.
    """
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return b""
    changes = _output([git, "diff", "HEAD", "--no-ext-diff", "--no-color", "--binary"], root)
    for name in _untracked(git, root):
        lines = (root / name).read_text(errors="replace").splitlines(keepends=True)
        changes += "".join(difflib.unified_diff([], lines, "/dev/null", f"b/{name}")).encode()
    return changes


def _untracked(git: str, root: Path) -> list[str]:
    listed = _output([git, "ls-files", "--others", "--exclude-standard", "-z", "--", "*.py"], root)
    return sorted(name for name in listed.decode().split("\0") if name)


def _dirty_sha256(git: str, root: Path) -> str | None:
    changes = _output([git, "diff", "HEAD", "--no-ext-diff", "--no-color", "--binary"], root)
    untracked = _untracked(git, root)
    if not changes and not untracked:
        return None
    files = {name: content_hash.of_file(root / name) for name in untracked}
    return content_hash.of_json({"diff": content_hash.of_bytes(changes), "untracked": files})


def _output(command: Sequence[str], root: Path) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 git by its full path, with constant arguments
            command, cwd=root, capture_output=True, check=True, timeout=GIT_TIMEOUT_S
        )
    except subprocess.CalledProcessError as error:
        raise NotReadyError(
            f"`{' '.join(command)}` failed in {root}: {error.stderr.decode(errors='replace').strip()}. "
            "Repair the repository, or run fxgpt from an installed package"
        ) from error
    return done.stdout
