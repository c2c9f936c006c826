"""The model file: the same model comes back bit for bit, and no damaged file ever gives a model."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from forecast_examples import SMALL, diffusion, fingerprint, real_candles, real_features
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from fxgpt_core import content_hash
from fxgpt_core.diffusion.forecaster import DiffusionForecaster
from fxgpt_core.errors import CorruptArtifactError
from fxgpt_core.forecasts.volatility_regression import VolatilityRegression
from fxgpt_core.training.checkpoints import FORMAT, load_model, model_bytes, model_of_bytes, save_model
from fxgpt_core.training.diffusion_training import CANDIDATES


@cache
def whole() -> bytes:
    return model_bytes(diffusion().model)


def description() -> dict[str, object]:
    header = json.loads(whole()[8 : 8 + int.from_bytes(whole()[:8], "little")])
    return json.loads(header["__metadata__"]["fxgpt"])


def remade(**changes: torch.Tensor | None) -> bytes:
    """The file with some tensors changed, or left out where None."""
    tensors = {**load(whole()), **{name.replace("__", "."): tensor for name, tensor in changes.items()}}
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    return save(kept, metadata={"fxgpt": json.dumps(description())})


def described(text: str) -> bytes:
    return save(load(whole()), metadata={"fxgpt": text})


def test_a_model_comes_back_bit_for_bit_and_forecasts_the_same(tmp_path: Path) -> None:
    forecaster = diffusion()
    sha256 = save_model(forecaster.model, tmp_path / "models" / "one.safetensors")
    again = load_model(tmp_path / "models" / "one.safetensors", sha256)
    assert model_bytes(again) == whole()
    origins = np.array([300, 999], dtype=np.int64)
    found = [
        fingerprint(DiffusionForecaster(model, forecaster.sampling).forecast(real_features(), real_candles(), origins, seed=1))
        for model in (forecaster.model, again)
    ]
    assert found[0] == found[1]


def test_its_name_for_itself_is_the_hash_of_its_bytes(tmp_path: Path) -> None:
    sha256 = save_model(diffusion().model, tmp_path / "one")
    assert sha256 == content_hash.of_bytes((tmp_path / "one").read_bytes()) == content_hash.of_bytes(whole())


def test_the_header_tells_what_the_model_is() -> None:
    found = description()
    assert found["format"] == FORMAT
    assert found["network"]["context"] == SMALL.context  # type: ignore[index]
    assert len(found["columns"]) + len(found["volatility_columns"]) == SMALL.n_inputs  # type: ignore[arg-type]
    assert (found["symbol"], found["timeframe"], found["seed"], found["training"]) == ("EURUSD", "1h", 5, {"n_steps": 0})


def test_season_scaler_regression_shrinkage_and_decay_come_back_exactly() -> None:
    rng = np.random.default_rng(0)
    shrink, lean = ({"1h": 1.0, "4h": believed, "1d": 0.0, "1w": 0.5} for believed in (0.75, 0.25))
    regression = VolatilityRegression(*rng.normal(size=(2, 18)), rng.normal(size=(19, 28)))
    model = replace(diffusion().model, regression=regression, shrink=shrink, lean=lean)
    data = model_bytes(model)
    again = model_of_bytes(data, content_hash.of_bytes(data), "x")
    assert (again.shrink, again.lean) == (shrink, lean)
    for name in ("mean", "deviation", "coefficients"):
        assert getattr(again.regression, name).tobytes() == getattr(regression, name).tobytes()
    assert again.volatility.season.tobytes() == model.volatility.season.tobytes()
    assert again.volatility.decay == model.volatility.decay
    assert again.scaler.columns == model.scaler.columns
    assert again.scaler.mean.tobytes() == model.scaler.mean.tobytes()
    assert again.scaler.deviation.tobytes() == model.scaler.deviation.tobytes()


def test_loading_leaves_the_global_random_state_alone() -> None:
    state = torch.random.get_rng_state()
    model_of_bytes(whole(), content_hash.of_bytes(whole()), "x")
    assert torch.equal(state, torch.random.get_rng_state())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_any_changed_byte_is_found(position: int, change: int) -> None:
    damaged = bytearray(whole())
    damaged[position % len(damaged)] ^= change
    with pytest.raises(CorruptArtifactError, match="its bytes were changed; restore the file or materialize"):
        model_of_bytes(bytes(damaged), content_hash.of_bytes(whole()), "m.safetensors")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**9))
def test_a_truncated_file_is_found_even_when_its_own_hash_is_asked_for(length: int) -> None:
    part = whole()[: length % len(whole())]
    with pytest.raises(CorruptArtifactError, match="its bytes were changed"):
        model_of_bytes(part, content_hash.of_bytes(whole()), "m.safetensors")
    with pytest.raises(CorruptArtifactError, match=f"is not a whole {FORMAT} model"):
        model_of_bytes(part, content_hash.of_bytes(part), "m.safetensors")


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 6000), st.integers(0, 255))
def test_a_header_damaged_before_it_was_hashed_gives_a_model_or_one_clear_error(position: int, byte: int) -> None:
    damaged = bytearray(whole())
    damaged[position] = byte
    try:
        model_of_bytes(bytes(damaged), content_hash.of_bytes(bytes(damaged)), "m.safetensors")
    except CorruptArtifactError as error:
        assert "m.safetensors" in str(error)  # noqa: PT017 - either outcome is right, any other error is not


WRONG = {
    "an empty file": b"",
    "a JSON artifact": b'{"parameters": {}}',
    "a Parquet file": b"PAR1" + bytes(200) + b"PAR1",
    "weights of somebody else": save({"w": torch.zeros(3)}),
    "weights with other metadata": save({"w": torch.zeros(3)}, metadata={"fxgpt": "{}"}),
}


@pytest.mark.parametrize("kind", WRONG)
def test_another_file_is_refused_with_what_to_do(kind: str) -> None:
    with pytest.raises(CorruptArtifactError, match=f"other is not a whole {FORMAT} model .*; materialize diffusion_model again"):
        model_of_bytes(WRONG[kind], content_hash.of_bytes(WRONG[kind]), "other")


def changed(**changes: object) -> str:
    return json.dumps({**description(), **changes})


def broken_files() -> dict[str, tuple[bytes, str]]:
    return {
        "a weight of another shape": (remade(member__0__denoiser__place=torch.zeros(1, 16, 23)), "place"),
        "a weight left out": (remade(member__1__denoiser__place=None), "place"),
        "a weight too many": (remade(member__0__denoiser__spare=torch.zeros(1)), "spare"),
        "a tensor of nobody": (remade(member__2__denoiser__place=torch.zeros(1)), r"tensors that belong to none: \['member\.2"),
        "no members": (described(changed(members=0)), "0 members"),
        "a season of a day": (remade(volatility__season=torch.ones(24)), r"volatility\.season has shape \(24,\)"),
        "a mean too short": (remade(scaler__mean=torch.ones(3)), rf"mean has shape \(3,\), expected \({len(CANDIDATES)},\)"),
        "another volatility": (described(changed(volatility_columns=["range_0.5"])), "volatility columns"),
        "a regression of few columns": (remade(regression__mean=torch.ones(3)), "a regression of 3 columns"),
        "a regression of few tokens": (remade(regression__coefficients=torch.ones(1, 5)), "0 columns and 5 tokens"),
        "a horizon without its shrinkage": (described(changed(shrink={"1h": 1.0})), "KeyError: '4h'"),
        "a shape too short": (remade(shape=torch.ones(2, 5)), r"shape has shape \(2, 5\)"),
        "no deviation": (remade(scaler__deviation=None), "deviation"),
        "another format": (described(changed(format="fxgpt-diffusion-99")), "fxgpt-diffusion-99"),
        "a wider network": (described(changed(network={**SMALL.__dict__, "width": 24})), "size mismatch"),
        "an unknown network size": (described(changed(network={"depth": 3})), "depth"),
        "columns missing": (described(changed(columns=["atr"])), "shape"),
        "a list": (described("[]"), "TypeError"),
        "no JSON": (described("{"), "JSONDecodeError"),
    }


@pytest.mark.parametrize("kind", broken_files())
def test_a_model_whose_parts_do_not_fit_is_refused_naming_the_part(kind: str) -> None:
    data, named = broken_files()[kind]
    with pytest.raises(CorruptArtifactError, match=named):
        model_of_bytes(data, content_hash.of_bytes(data), "m")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptArtifactError, match=r"cannot be read \(No such file or directory\); materialize"):
        load_model(tmp_path / "none", "0" * 64)
    with pytest.raises(CorruptArtifactError, match="cannot be read"):
        load_model(tmp_path, "0" * 64)
