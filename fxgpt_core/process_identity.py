"""One process, named so that no other can be taken for it: a pid is used again, a pid with its start time is not."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fxgpt_core.errors import BadInputError

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
START_TIME_FIELD = 19  # of /proc/<pid>/stat, counted behind the command name: clock ticks since boot
SEPARATOR = "|"


@dataclass(frozen=True)
class ProcessIdentity:
    """A process of a machine since its boot; `process_started` in clock ticks since then."""

    host: str
    boot_id: str
    pid: int
    process_started: str

    @classmethod
    def own(cls) -> Self:
        """The process that asks."""
        return cls(socket.gethostname(), _boot_id(), os.getpid(), _started(os.getpid()) or "")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """What `str()` gave. Raises `BadInputError`."""
        parts = text.split(SEPARATOR)
        if len(parts) != 4 or not parts[2].isdigit():
            raise BadInputError(f"{text!r} names no process; needed are host, boot, pid and start, with {SEPARATOR} between them")
        return cls(parts[0], parts[1], int(parts[2]), parts[3])

    def __str__(self) -> str:
        return SEPARATOR.join((self.host, self.boot_id, str(self.pid), self.process_started))

    def lives(self) -> bool | None:
        """True or False when this machine can tell; None for a process of another machine."""
        if self.host != socket.gethostname():
            return None
        if self.boot_id != _boot_id():
            return False
        return _started(self.pid) == self.process_started


def _boot_id() -> str:
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""


def _started(pid: int) -> str | None:
    # The command name stands in brackets and may hold blanks: cut behind the last bracket.
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[START_TIME_FIELD]
