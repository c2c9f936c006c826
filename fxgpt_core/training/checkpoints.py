"""A model as one safetensors file: weights, scaler and season as tensors, everything else as JSON in its header. No pickle."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load

from fxgpt_core import atomic_file, content_hash
from fxgpt_core.array_file import about_of
from fxgpt_core.diffusion.model import DenoisingNetwork, DiffusionModel, FeatureScaler, untrained
from fxgpt_core.diffusion.shape import KNOTS, Shape
from fxgpt_core.errors import CorruptArtifactError
from fxgpt_core.forecasts.horizons import horizon_steps
from fxgpt_core.forecasts.relative_volatility import COLUMNS
from fxgpt_core.forecasts.volatility import HOURS_A_WEEK, Volatility
from fxgpt_core.forecasts.volatility_regression import VolatilityRegression
from fxgpt_core.market.timeframes import timeframe
from fxgpt_core.networks.network_parameters import NetworkParameters
from fxgpt_core.training.tensor_file import tensor_file

REGRESSION = ("mean", "deviation", "coefficients")
FORMAT = "fxgpt-diffusion-4"


def model_bytes(model: DiffusionModel) -> bytes:
    """The file of a model; the same model gives the same bytes."""
    tensors = {
        f"member.{number}.{name}": tensor
        for number, member in enumerate(model.members)
        for name, tensor in member.state_dict().items()
    }
    tensors["scaler.mean"] = torch.from_numpy(model.scaler.mean)
    tensors["scaler.deviation"] = torch.from_numpy(model.scaler.deviation)
    tensors["volatility.season"] = torch.from_numpy(model.volatility.season)
    for name in REGRESSION:
        tensors[f"regression.{name}"] = torch.from_numpy(getattr(model.regression, name))
    tensors["shape"] = torch.from_numpy(np.stack([model.shape.candle, model.shape.longer]))
    return tensor_file(tensors, model_description(model))


def model_description(model: DiffusionModel) -> dict[str, Any]:
    """What a model is, without its weights, as JSON values."""
    return {
        "format": FORMAT,
        "symbol": model.symbol,
        "timeframe": model.timeframe,
        "network": asdict(model.parameters),
        "members": len(model.members),
        "shrink": dict(model.shrink),
        "lean": dict(model.lean),
        "schedule": model.schedule,
        "columns": list(model.scaler.columns),
        "volatility_columns": list(COLUMNS),
        "volatility_decay": model.volatility.decay,
        "daily_break_minutes": model.volatility.daily_break_minutes,
        "seed": model.seed,
        "training": dict(model.training),
    }


def description_of(data: bytes) -> dict[str, Any]:
    """`model_description` from a file's bytes. Raises `ValueError`."""
    return about_of(data, FORMAT)


def save_model(model: DiffusionModel, path: Path) -> str:
    """Write the file of a model, whole or not at all; its SHA-256."""
    data = model_bytes(model)
    atomic_file.write_atomically(path, data)
    return content_hash.of_bytes(data)


def load_model(path: Path, expected_sha256: str) -> DiffusionModel:
    """The model of a file. Raises `CorruptArtifactError` unless its bytes are the expected ones and hold a whole model."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorruptArtifactError(
            f"model file {path} cannot be read ({error.strerror}); materialize diffusion_model again"
        ) from error
    return model_of_bytes(data, expected_sha256, str(path))


def model_of_bytes(data: bytes, expected_sha256: str, source: str) -> DiffusionModel:
    """The model of a file's bytes; `source` names it in errors. Raises `CorruptArtifactError`."""
    found = content_hash.of_bytes(data)
    if found != expected_sha256:
        raise CorruptArtifactError(
            f"model file {source} has hash {found[:16]}, expected {expected_sha256[:16]}: its bytes were changed; "
            "restore the file or materialize diffusion_model again"
        )
    try:
        return _model(load(data), description_of(data))
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CorruptArtifactError(
            f"model file {source} is not a whole {FORMAT} model ({type(error).__name__}: {error}); "
            "materialize diffusion_model again"
        ) from error


def _model(tensors: dict[str, torch.Tensor], description: dict[str, Any]) -> DiffusionModel:
    parameters = NetworkParameters(**description["network"])
    n_columns, n_hours = len(description["columns"]), HOURS_A_WEEK
    shapes: dict[str, tuple[int, ...]] = {
        "scaler.mean": (n_columns,),
        "scaler.deviation": (n_columns,),
        "volatility.season": (n_hours,),
    }
    # No columns and one factor for all tokens, where nothing is regressed.
    n_regressed, n_factors = len(tensors["regression.mean"]), tensors["regression.coefficients"].shape[-1]
    if n_regressed not in (0, len(COLUMNS)) or n_factors not in (1, parameters.n_tokens):
        raise ValueError(f"a regression of {n_regressed} columns and {n_factors} tokens, expected {len(COLUMNS)} or none")
    shapes |= {"regression.mean": (n_regressed,), "regression.deviation": (n_regressed,)}
    shapes |= {"regression.coefficients": (1 + n_regressed, n_factors), "shape": (2, len(KNOTS))}
    for name, shape in shapes.items():
        if tuple(tensors[name].shape) != shape:
            raise ValueError(f"{name} has shape {tuple(tensors[name].shape)}, expected {shape}")
    if description["volatility_columns"] != list(COLUMNS):
        raise ValueError(f"volatility columns {description['volatility_columns']}, expected {list(COLUMNS)}")
    if parameters.n_inputs != n_columns + len(COLUMNS):
        raise ValueError(f"{n_columns} + {len(COLUMNS)} columns for a network of {parameters.n_inputs} inputs")
    members = tuple(_member(parameters, tensors, number) for number in range(description["members"]))
    known = {*shapes, *(f"member.{number}.{name}" for number, member in enumerate(members) for name in member.state_dict())}
    if not members or set(tensors) != known:
        raise ValueError(f"{len(members)} members, and tensors that belong to none: {sorted(set(tensors) - known)[:3]}")
    return DiffusionModel(
        symbol=description["symbol"],
        timeframe=description["timeframe"],
        members=members,
        shrink=_by_horizon(description, "shrink"),
        lean=_by_horizon(description, "lean"),
        parameters=parameters,
        schedule=description["schedule"],
        scaler=FeatureScaler(tuple(description["columns"]), _array(tensors["scaler.mean"]), _array(tensors["scaler.deviation"])),
        volatility=Volatility(
            _array(tensors["volatility.season"]), description["volatility_decay"], description["daily_break_minutes"]
        ),
        regression=VolatilityRegression(*(_array(tensors[f"regression.{name}"]) for name in REGRESSION)),
        shape=Shape(*_array(tensors["shape"])),
        seed=description["seed"],
        training=description["training"],
    )


def _by_horizon(description: dict[str, Any], name: str) -> dict[str, float]:
    return {horizon: float(description[name][horizon]) for horizon in horizon_steps(timeframe(description["timeframe"]))}


def _member(parameters: NetworkParameters, tensors: dict[str, torch.Tensor], number: int) -> DenoisingNetwork:
    network = untrained(parameters, seed=0).requires_grad_(False)
    prefix = f"member.{number}."
    weights = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    network.load_state_dict(weights, strict=True)
    return network.eval()


def _array(tensor: torch.Tensor) -> "np.ndarray[Any, np.dtype[np.float64]]":
    return np.array(tensor.numpy(), dtype=np.float64)
