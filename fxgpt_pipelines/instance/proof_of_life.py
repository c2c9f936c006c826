"""Which process works on a run: written as tags by the run itself, read by the launcher as the second proof of death."""

from collections.abc import Mapping
from typing import Self

from fxgpt_core.process_identity import ProcessIdentity

RUN_TAG = "fxgpt/proof_of_run"
HOST_TAG = "fxgpt/host"
BOOT_TAG = "fxgpt/boot_id"
PROCESS_TAG = "fxgpt/pid"
BIRTH_TAG = "fxgpt/process_started"


class ProofOfLife(ProcessIdentity):
    """A process as the tags of a run name it."""

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
