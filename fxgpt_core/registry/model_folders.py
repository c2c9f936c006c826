"""Trained models as folders that people can open: <root>/<SYMBOL>_<timeframe>/v<N>/, the latest five of each.

A folder appears whole (written under another name, then renamed) and is never changed afterwards; `checksums.json` names every
file. What runs are the artifacts of the lake; these are for loading a model by its version, elsewhere as well.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fxgpt_core import content_hash
from fxgpt_core.atomic_file import sync_folder, write_atomically
from fxgpt_core.errors import BadInputError, CorruptArtifactError, MissingError, NotReadyError

WEIGHTS: Final = "model.safetensors"
FILES: Final = (
    "config.json", WEIGHTS, "scaler.json", "feature_names.json", "metrics.json", "metadata.json", "sample.json",
)  # fmt: skip
CHECKSUMS: Final = "checksums.json"
KEPT: Final = 5
REMEDY = "restore the folder from a backup, or materialize diffusion_model again"


@dataclass(frozen=True)
class ModelFolder:
    """One stored version of the model of a symbol and timeframe."""

    symbol: str
    timeframe: str
    version: int
    path: Path


class ModelFolders:
    """The model folders below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, symbol: str, timeframe: str, version: int, files: Mapping[str, bytes]) -> ModelFolder:
        """Keep the files of a version (all of `FILES`), and of its symbol and timeframe no more than the latest `KEPT` versions.

        A version that is there with the same files stays as it is. Raises `BadInputError` when it has others or a file is
        missing, and `NotReadyError` when the folder cannot be written.
        """
        if set(files) != set(FILES):
            raise BadInputError(f"a model folder holds {', '.join(FILES)}; found {', '.join(sorted(files))}; give all of them")
        folder = self._folder(symbol, timeframe, version)
        checksums = {name: content_hash.of_bytes(data) for name, data in files.items()}
        if folder.path.exists():
            if _checksums(folder.path) != checksums:
                raise BadInputError(f"{folder.path} holds another model; a version is never changed; register a new version")
            return folder
        try:
            self._write(folder.path, {**files, CHECKSUMS: content_hash.canonical_json(checksums).encode()})
            for old in self._of(folder.path.parent)[:-KEPT]:
                _remove(old.path)
        except OSError as error:
            raise NotReadyError(
                f"the model cannot be kept in {folder.path} ({error.strerror}); a folder that this user may write, on a disk "
                "with space, is needed; give this user the folder, or set FXGPT_DATA_ROOT to another one"
            ) from error
        return folder

    def list(self) -> tuple[ModelFolder, ...]:
        """Every version of every model, by name and number."""
        return tuple(found for series in sorted(self.root.glob("*_*")) for found in self._of(series))

    def find(self, symbol: str, timeframe: str, version: int | None = None) -> ModelFolder:
        """A version, the latest if none is named. Raises `MissingError` with the versions that are there."""
        there = self._of(self._series(symbol, timeframe))
        chosen = [one for one in there if version is None or one.version == version]
        if not chosen:
            asked = "no model" if version is None else f"no version {version} of the model"
            known = f"kept are {', '.join(f'v{one.version}' for one in there)}" if there else "none is kept"
            raise MissingError(f"{asked} of {symbol} {timeframe} is in {self.root}; {known}; materialize diffusion_model")
        return chosen[-1]

    def read(self, folder: ModelFolder) -> dict[str, bytes]:
        """The files of a version. Raises `CorruptArtifactError` for a file that is missing, or not the one that was written."""
        expected = _checksums(folder.path)
        missing = [name for name in FILES if name not in expected or not (folder.path / name).is_file()]
        if missing:
            raise CorruptArtifactError(f"{folder.path} lacks {', '.join(missing)}; {REMEDY}")
        files = {name: (folder.path / name).read_bytes() for name in FILES}
        changed = [name for name, data in files.items() if content_hash.of_bytes(data) != expected[name]]
        if changed:
            raise CorruptArtifactError(f"{folder.path}: {', '.join(changed)} changed since the model was kept; {REMEDY}")
        return files

    def _series(self, symbol: str, timeframe: str) -> Path:
        return self.root / f"{symbol}_{timeframe}"

    def _folder(self, symbol: str, timeframe: str, version: int) -> ModelFolder:
        return ModelFolder(symbol, timeframe, version, self._series(symbol, timeframe) / f"v{version}")

    def _of(self, series: Path) -> tuple[ModelFolder, ...]:
        """The versions in the folder of a symbol and timeframe, oldest first; whatever else lies there is not ours."""
        symbol, _, timeframe = series.name.rpartition("_")
        numbers = sorted(int(path.name[1:]) for path in series.glob("v*") if path.name[1:].isdigit() and path.is_dir())
        return tuple(self._folder(symbol, timeframe, number) for number in numbers)

    def _write(self, path: Path, files: Mapping[str, bytes]) -> None:
        half = path.with_name(f".{path.name}.half")
        if half.exists():
            shutil.rmtree(half)  # of a process that was killed: a version is kept by one run at a time
        for name, data in files.items():
            write_atomically(half / name, data)
        os.replace(half, path)
        sync_folder(path.parent)


def _checksums(path: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads((path / CHECKSUMS).read_bytes())
    except (OSError, ValueError) as error:
        raise CorruptArtifactError(f"{path / CHECKSUMS} cannot be read ({error}); {REMEDY}") from error
    return found


def _remove(path: Path) -> None:
    # Under another name first, so that nobody finds a version of which half is gone.
    going = path.with_name(f".{path.name}.old")
    os.replace(path, going)
    shutil.rmtree(going)
