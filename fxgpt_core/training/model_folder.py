"""A trained model as the files of a model folder, and back: integrity, features and a sample inference are checked on the way."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fxgpt_core import content_hash
from fxgpt_core.diffusion.forecaster import single_thread
from fxgpt_core.diffusion.model import DiffusionModel
from fxgpt_core.diffusion.paths import sampler_of
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.errors import CorruptArtifactError
from fxgpt_core.registry.model_folders import REMEDY, WEIGHTS, ModelFolders
from fxgpt_core.training.checkpoints import model_bytes, model_description, model_of_bytes

SAMPLING = SamplingParameters(n_paths=4, n_steps=2)
TOLERANCE = 1e-3
"""Other machines multiply matrices in another order; a changed weight moves a path by far more."""


def folder_files(model: DiffusionModel, metrics: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of `registry.model_folders.FILES`: everything as JSON but the weights, which are the artifact's own bytes."""
    scaler = {
        name: {"mean": mean, "deviation": deviation if np.isfinite(deviation) else None}
        for name, mean, deviation in zip(
            model.scaler.columns, model.scaler.mean.tolist(), model.scaler.deviation.tolist(), strict=True
        )
    }
    tables = {
        "config.json": model_description(model),
        "scaler.json": {"features": scaler, "season_by_hour_of_week": model.volatility.season.tolist()},
        "feature_names.json": list(model.scaler.columns),
        "metrics.json": dict(metrics),
        "metadata.json": dict(metadata),
        "sample.json": {"paths": np.round(sample_paths(model), 6).tolist()},
    }
    return {WEIGHTS: model_bytes(model)} | {name: content_hash.canonical_json(table).encode() for name, table in tables.items()}


def load_version(folders: ModelFolders, symbol: str, timeframe: str, version: int | None = None) -> DiffusionModel:
    """A kept model, the latest if no version is named.

    Raises `MissingError` when it is not there and `CorruptArtifactError` when a file is missing or changed, when the names of its
    features are not those it was trained on, or when it does not infer what it did when it was kept.
    """
    folder = folders.find(symbol, timeframe, version)
    files = folders.read(folder)
    model = model_of_bytes(files[WEIGHTS], content_hash.of_bytes(files[WEIGHTS]), str(folder.path / WEIGHTS))
    if (model.symbol, model.timeframe) != (symbol, timeframe):
        raise CorruptArtifactError(f"{folder.path} holds a model of {model.symbol} {model.timeframe}; {REMEDY}")
    names = json.loads(files["feature_names.json"])
    if names != list(model.scaler.columns):
        raise CorruptArtifactError(f"{folder.path}: feature_names.json names other features than {WEIGHTS} reads; {REMEDY}")
    expected = np.array(json.loads(files["sample.json"])["paths"])
    found = sample_paths(model)
    if expected.shape != found.shape or np.abs(found - expected).max() > TOLERANCE:
        raise CorruptArtifactError(f"{folder.path}: the model no longer infers what sample.json recorded; {REMEDY}")
    return model


def sample_paths(model: DiffusionModel) -> npt.NDArray[np.float64]:
    """float64[4K,T]: the paths of a made-up context, the same for everyone."""
    sizes = model.parameters
    context = np.sin(np.arange(sizes.context * sizes.n_inputs, dtype=np.float64)).reshape(sizes.context, -1).astype(np.float32)
    sampler = sampler_of(model, SAMPLING)
    with single_thread(), torch.inference_mode():
        return sampler.paths(context, sampler.noise(0, 0, sizes.n_tokens))
