"""Snapshots of a training under way: safetensors whose header holds the rest as JSON, named by step and SHA-256. No pickle."""

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load

from fxgpt_core import atomic_file, content_hash
from fxgpt_core.array_file import about_of
from fxgpt_core.errors import BadInputError
from fxgpt_core.training.tensor_file import tensor_file

FORMAT: Final = "fxgpt-training-1"
KEPT: Final = 3
NAME: Final = re.compile(r"(\d{9})-([0-9a-f]{64})\.safetensors")
STOP: Final = "stop"


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A training behind a step: its tensors by name, and its facts as JSON values."""

    step: int
    tensors: dict[str, torch.Tensor]
    facts: dict[str, Any]


@dataclass(frozen=True)
class Snapshots:
    """The snapshots of one training in `folder`, the latest `KEPT` of them; `whole` is set for a part of a larger training."""

    folder: Path
    whole: Path | None = None

    @property
    def stop_file(self) -> Path:
        """Once this file is there, a training ends behind its step, with a snapshot."""
        return (self.whole or self.folder) / STOP

    def part(self, name: str) -> "Snapshots":
        """The snapshots of a part of this training, which is stopped with it."""
        return Snapshots(self.folder / name, self.whole or self.folder)

    def put(self, identity: str, step: int, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> Path:
        """Write a snapshot, whole or not at all, and remove those older than the latest `KEPT`; its path."""
        header = {"format": FORMAT, "identity": identity, "step": step, "facts": dict(facts)}
        data = tensor_file(tensors, header)
        path = self.folder / f"{step:09d}-{content_hash.of_bytes(data)}.safetensors"
        atomic_file.write_atomically(path, data)
        for old in self._paths()[KEPT:]:
            old.unlink(missing_ok=True)
        return path

    def latest(self, identity: str, tell: Callable[[str], None]) -> Snapshot | None:
        """The latest whole snapshot; a damaged one is told of and passed over, None when there is no other.

        Raises `BadInputError` for a snapshot of another training (other data, parameters or seed).
        """
        for path in self._paths():
            try:
                return _whole(path, identity)
            except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
                tell(f"snapshot {path} is damaged ({type(error).__name__}: {error}) and passed over")
        return None

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        if self.folder.is_dir():
            shutil.rmtree(self.folder)

    def _paths(self) -> list[Path]:
        """The latest first."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted((path for path in found if NAME.fullmatch(path.name)), reverse=True)


def _whole(path: Path, identity: str) -> Snapshot:
    data = path.read_bytes()
    named = path.stem.partition("-")[2]
    if content_hash.of_bytes(data) != named:
        raise ValueError("its bytes are not those that were written")
    header = about_of(data, FORMAT)
    if header["identity"] != identity:
        raise BadInputError(
            f"snapshot {path} is of another training (data, parameters or seed differ); remove {path.parent} to begin anew"
        )
    return Snapshot(header["step"], load(data), header["facts"])
