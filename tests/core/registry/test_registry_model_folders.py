"""Model folders: whole or not there, never changed, the latest five, and every damaged file found."""

import json
from pathlib import Path

import pytest

from fxgpt_core.errors import BadInputError, CorruptArtifactError, MissingError, NotReadyError
from fxgpt_core.registry import model_folders
from fxgpt_core.registry.model_folders import CHECKSUMS, FILES, KEPT, ModelFolders


def files(text: str = "one") -> dict[str, bytes]:
    return {name: f"{text} {name}".encode() for name in FILES}


@pytest.fixture
def folders(tmp_path: Path) -> ModelFolders:
    return ModelFolders(tmp_path / "models")


def test_a_version_is_a_folder_with_the_files_and_their_checksums(folders: ModelFolders) -> None:
    made = folders.put("EURUSD", "1h", 3, files())
    assert made.path == folders.root / "EURUSD_1h" / "v3"
    assert {path.name for path in made.path.iterdir()} == {*FILES, CHECKSUMS}
    assert folders.read(made) == files()
    assert folders.find("EURUSD", "1h") == made


def test_the_same_version_again_is_fine_and_another_under_its_number_is_refused(folders: ModelFolders) -> None:
    made = folders.put("EURUSD", "1h", 1, files())
    before = (made.path / CHECKSUMS).stat().st_mtime_ns
    folders.put("EURUSD", "1h", 1, files())
    assert (made.path / CHECKSUMS).stat().st_mtime_ns == before
    with pytest.raises(BadInputError, match="v1 holds another model; a version is never changed"):
        folders.put("EURUSD", "1h", 1, files("two"))
    assert folders.read(made) == files()


def test_the_latest_five_are_kept_by_number_and_each_series_for_itself(folders: ModelFolders) -> None:
    folders.put("EURUSD", "4h", 1, files())
    for version in (1, 2, 9, 10, 11, 12):
        folders.put("EURUSD", "1h", version, files(str(version)))
    assert [(one.timeframe, one.version) for one in folders.list()] == [
        ("1h", 2), ("1h", 9), ("1h", 10), ("1h", 11), ("1h", 12), ("4h", 1),
    ]  # fmt: skip
    assert KEPT == 5
    assert folders.find("EURUSD", "1h").version == 12
    assert folders.read(folders.find("EURUSD", "1h", 9)) == files("9")
    assert not [path for path in (folders.root / "EURUSD_1h").iterdir() if path.name.startswith(".")]


def test_what_is_not_kept_is_told_with_what_is(folders: ModelFolders) -> None:
    with pytest.raises(MissingError, match=r"no model of EURUSD 1h is in .*; none is kept; materialize diffusion_model"):
        folders.find("EURUSD", "1h")
    folders.put("EURUSD", "1h", 2, files())
    with pytest.raises(MissingError, match=r"no version 7 of the model of EURUSD 1h is in .*; kept are v2;"):
        folders.find("EURUSD", "1h", 7)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_and_a_missing_file_are_found_by_name(folders: ModelFolders, name: str) -> None:
    made = folders.put("EURUSD", "1h", 1, files())
    (made.path / name).write_bytes(b"other")
    with pytest.raises(CorruptArtifactError, match=f"v1: {name} changed since the model was kept; restore the folder"):
        folders.read(made)
    (made.path / name).unlink()
    with pytest.raises(CorruptArtifactError, match=f"v1 lacks {name}; restore the folder"):
        folders.read(made)


@pytest.mark.parametrize("checksums", [None, b"{", json.dumps({"config.json": "0"}).encode()])
def test_without_whole_checksums_nothing_is_read(folders: ModelFolders, checksums: bytes | None) -> None:
    made = folders.put("EURUSD", "1h", 1, files())
    (made.path / CHECKSUMS).unlink()
    if checksums is not None:
        (made.path / CHECKSUMS).write_bytes(checksums)
    with pytest.raises(CorruptArtifactError, match=r"checksums\.json cannot be read|v1 lacks model\.safetensors"):
        folders.read(made)


@pytest.mark.parametrize("at", range(1, len(FILES) + 2))
def test_a_writer_that_dies_leaves_no_version_and_the_next_one_makes_it(
    folders: ModelFolders, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    written = []
    real = model_folders.write_atomically

    def dying(path: Path, data: bytes) -> None:
        written.append(path)
        if len(written) == at:
            raise KeyboardInterrupt("killed")
        real(path, data)

    monkeypatch.setattr(model_folders, "write_atomically", dying)
    with pytest.raises(KeyboardInterrupt, match="killed"):
        folders.put("EURUSD", "1h", 1, files())
    assert folders.list() == ()
    monkeypatch.setattr(model_folders, "write_atomically", real)
    assert folders.read(folders.put("EURUSD", "1h", 1, files())) == files()
    assert {path.name for path in (folders.root / "EURUSD_1h").iterdir()} == {"v1"}


def test_a_file_too_few_and_a_disk_that_refuses_are_told(folders: ModelFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInputError, match=r"a model folder holds config.json, .*; found model.safetensors; give all of them"):
        folders.put("EURUSD", "1h", 1, {"model.safetensors": b"x"})

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_folders, "write_atomically", full)
    with pytest.raises(NotReadyError, match=r"cannot be kept in .*v1 \(No space left on device\)"):
        folders.put("EURUSD", "1h", 1, files())
