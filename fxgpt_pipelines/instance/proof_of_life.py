"""Which process works on a run: written as tags by the run itself, read by the launcher as the second proof of death."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

RUN_TAG = "fxgpt/proof_of_run"
HOST_TAG = "fxgpt/host"
BOOT_TAG = "fxgpt/boot_id"
PROCESS_TAG = "fxgpt/pid"
BIRTH_TAG = "fxgpt/process_started"

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
START_TIME_FIELD = 19  # of /proc/<pid>/stat, counted behind the command name: clock ticks since boot


@dataclass(frozen=True)
class ProofOfLife:
    """One process, named so that no other can be taken for it: a pid is reused, a pid with its start time is not."""

    host: str
    boot_id: str
    pid: int
    process_started: str

    @classmethod
    def own(cls) -> Self:
        """The process that asks."""
        return cls(socket.gethostname(), _boot_id(), os.getpid(), _started(os.getpid()) or "")

    @classmethod
    def from_tags(cls, tags: Mapping[str, str], run_id: str) -> Self | None:
        """What a run wrote about itself; None when it never came so far (a retried run has the tags of the one before)."""
        if tags.get(RUN_TAG) != run_id or not tags.get(PROCESS_TAG, "").isdigit():
            return None
        return cls(tags.get(HOST_TAG, ""), tags.get(BOOT_TAG, ""), int(tags[PROCESS_TAG]), tags.get(BIRTH_TAG, ""))

    def tags(self, run_id: str) -> dict[str, str]:
        """As tags of the run that this process works on."""
        return {
            RUN_TAG: run_id,
            HOST_TAG: self.host,
            BOOT_TAG: self.boot_id,
            PROCESS_TAG: str(self.pid),
            BIRTH_TAG: self.process_started,
        }

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
