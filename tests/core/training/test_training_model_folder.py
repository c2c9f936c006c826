"""A model kept as a folder: it comes back by its version and infers the same; a folder that does not fit together gives none."""

import json
from pathlib import Path

import pytest
from forecast_examples import diffusion

from fxgpt_core.content_hash import canonical_json
from fxgpt_core.errors import CorruptArtifactError, MissingError
from fxgpt_core.registry.model_folders import WEIGHTS, ModelFolders
from fxgpt_core.training.checkpoints import model_bytes
from fxgpt_core.training.model_folder import folder_files, load_version

METRICS, METADATA = {"crps": 0.5}, {"made": "2026-01-01T00:00:00+00:00"}


def files() -> dict[str, bytes]:
    return folder_files(diffusion().model, METRICS, METADATA)


@pytest.fixture
def folders(tmp_path: Path) -> ModelFolders:
    return ModelFolders(tmp_path)


def test_a_model_comes_back_by_its_version_and_the_latest_without(folders: ModelFolders) -> None:
    folders.put("EURUSD", "1h", 1, files())
    folders.put("EURUSD", "1h", 2, files())
    for version in (None, 1, 2):
        assert model_bytes(load_version(folders, "EURUSD", "1h", version)) == model_bytes(diffusion().model)
    with pytest.raises(MissingError, match="no version 3"):
        load_version(folders, "EURUSD", "1h", 3)


def test_everything_but_the_weights_is_json_that_people_can_read() -> None:
    made, model = files(), diffusion().model
    tables = {name: json.loads(data) for name, data in made.items() if name != WEIGHTS}
    assert tables["feature_names.json"] == list(model.scaler.columns)
    assert list(tables["scaler.json"]["features"]) == sorted(model.scaler.columns)
    assert tables["scaler.json"]["features"]["atr"]["mean"] == model.scaler.mean[model.scaler.columns.index("atr")]
    assert len(tables["scaler.json"]["season_by_hour_of_week"]) == 168
    assert tables["config.json"]["network"]["kind"] == "temporal_unet"
    assert (tables["metrics.json"], tables["metadata.json"]) == (METRICS, METADATA)
    assert made == files()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("feature_names.json", ["atr"], "names other features than model.safetensors reads"),
        ("sample.json", {"paths": [[0.0]]}, "no longer infers what sample.json recorded"),
    ],
)
def test_a_folder_whose_checksums_are_right_but_whose_files_do_not_fit_gives_no_model(
    folders: ModelFolders, name: str, content: object, said: str
) -> None:
    folders.put("EURUSD", "1h", 1, files() | {name: canonical_json(content).encode()})
    with pytest.raises(CorruptArtifactError, match=said):
        load_version(folders, "EURUSD", "1h")


def test_a_path_that_moved_by_a_hundredth_is_found(folders: ModelFolders) -> None:
    paths = json.loads(files()["sample.json"])["paths"]
    paths[0][3] += 0.01
    folders.put("EURUSD", "1h", 1, files() | {"sample.json": canonical_json({"paths": paths}).encode()})
    with pytest.raises(CorruptArtifactError, match="no longer infers"):
        load_version(folders, "EURUSD", "1h")


def test_a_model_in_the_folder_of_another_symbol_is_refused(folders: ModelFolders) -> None:
    folders.put("GBPUSD", "1h", 1, files())
    with pytest.raises(CorruptArtifactError, match="holds a model of EURUSD 1h"):
        load_version(folders, "GBPUSD", "1h")
