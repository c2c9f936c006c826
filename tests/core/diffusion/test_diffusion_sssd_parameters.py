"""The seven parameters of the sampler in the strategy's names: there and back, and each moves the forecasts."""

from dataclasses import asdict, fields, replace
from functools import cache

import numpy as np
import pytest
from forecast_examples import diffusion, fingerprint, real_candles, real_features

from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.diffusion.sssd_parameters import CHOICES, RANGES, SssdParameters, sampling_of, sssd_of
from fxgpt_core.errors import ParameterError
from fxgpt_core.strategy.parameters import StrategyParameters, definition

FEWEST = SssdParameters(diffusion_steps=10, noise_schedule="cosine", min_samples=100)


@cache
def forecast_by(parameters: SssdParameters) -> str:
    forecaster = diffusion(**asdict(sampling_of(parameters)))
    return fingerprint(forecaster.forecast(real_features(), real_candles(), np.array([700]), seed=3))


def test_names_defaults_and_ranges_are_those_of_the_strategy() -> None:
    default = StrategyParameters.default()
    for name, value in asdict(SssdParameters()).items():
        declared = definition(f"sssd_{name}")
        assert value == getattr(default, declared.name)
        assert RANGES.get(name, (None, None)) == (declared.low, declared.high)
        assert CHOICES.get(name, ()) == declared.choices


def test_each_parameter_becomes_one_of_the_sampler() -> None:
    given = SssdParameters(40, "sigmoid", "ddim", 1.5, 0.8, 120, use_ensemble=False)
    assert sampling_of(given) == SamplingParameters(120, 40, "ddim", "sigmoid", 0.0, 1.5, 0.8, ensemble=False)


@pytest.mark.parametrize(
    "moved",
    [
        {"diffusion_steps": 30},
        {"noise_schedule": "sigmoid"},
        {"noise_schedule": "linear"},
        {"sampling_method": "ddim"},
        {"guidance_scale": 0.0},
        {"guidance_scale": 2.0},
        {"temperature": 0.5},
        {"temperature": 1.5},
        {"min_samples": 300},
        {"use_ensemble": False},
    ],
    ids=str,
)
def test_moving_a_parameter_across_its_range_moves_the_forecasts(moved: dict[str, int | float | str | bool]) -> None:
    assert forecast_by(replace(FEWEST, **moved)) != forecast_by(FEWEST)


def test_paths_come_in_pairs_so_an_odd_number_becomes_the_next_even_one() -> None:
    assert sampling_of(replace(FEWEST, min_samples=101)).n_paths == 102


@pytest.mark.parametrize(
    "parameters", [SssdParameters(), SssdParameters(10, "sigmoid", "ddim", 0.0, 1.5, 500, use_ensemble=False)]
)
def test_a_sampler_is_named_again_as_it_was_asked_for(parameters: SssdParameters) -> None:
    assert sssd_of(sampling_of(parameters), "linear") == parameters


def test_a_sampler_along_the_models_own_schedule_is_named_by_that() -> None:
    named = sssd_of(replace(sampling_of(SssdParameters()), schedule=""), "sigmoid")
    assert named == SssdParameters(noise_schedule="sigmoid")


@pytest.mark.parametrize(
    "changed",
    [
        {"sampler": "euler"},
        {"sampler": "heun"},
        {"sampler": "ddim", "eta": 0.5},
        {"n_steps": 9},
        {"n_paths": 64},
        {"guidance": 2.5},
        {"temperature": 0.4},
    ],
    ids=str,
)
def test_what_the_parameters_cannot_say_has_no_name(changed: dict[str, int | float | str]) -> None:
    assert sssd_of(sampling_of(SssdParameters()), "linear") is not None
    assert sssd_of(replace(sampling_of(SssdParameters()), **changed), "linear") is None


def test_values_outside_their_ranges_are_refused_with_what_is_allowed() -> None:
    assert {field.name for field in fields(SssdParameters)} == {*RANGES, *CHOICES, "use_ensemble"}
    with pytest.raises(ParameterError, match="diffusion_steps is 9; from 10 to 100 is allowed"):
        SssdParameters(diffusion_steps=9)
    with pytest.raises(ParameterError, match="sampling_method is 'euler'; choose one of ddpm, ddim"):
        SssdParameters(sampling_method="euler")
