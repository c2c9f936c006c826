"""The sampler of forecasts in the strategy's names: one sampler by both names, and stored with what it made."""

from dataclasses import asdict

import pytest
from tiny_line import CONFIG

from fxgpt_core.diffusion import forecaster
from fxgpt_core.diffusion.sssd_parameters import SssdParameters
from fxgpt_core.errors import BadInputError, ParameterError
from fxgpt_pipelines.assets.calibration import NOT_IN_NAMES, ForecastsConfig
from fxgpt_pipelines.forecasting import settings_of
from fxgpt_pipelines.sampler_config import SssdConfig

SERIES = ("EURUSD", "1h")
NAMED = asdict(SssdParameters(10, "sigmoid", "ddim", 1.5, 0.9, 101, use_ensemble=False))
PLAIN = {"n_paths": 102, "n_steps": 10, "sampler": "ddim", "schedule": "sigmoid", "guidance": 1.5, "temperature": 0.9}


@pytest.fixture
def forecast_briefly(line, monkeypatch):
    """Forecasts the line's last three candles by another sampler; afterwards the usual forecasts are the latest again."""
    every = forecaster.possible_origins
    with monkeypatch.context() as patched:
        patched.setattr(forecaster, "possible_origins", lambda *given: every(*given)[-3:])
        yield lambda **config: line.at.runner.materialize("forecasts", config)
    line.at.runner.materialize("forecasts", CONFIG["forecasts"])


def test_the_setting_in_the_strategys_names_is_that_of_the_core():
    assert SssdConfig().model_dump() == asdict(SssdParameters())


def test_forecasts_by_named_parameters_are_those_of_the_sampler_and_tell_its_names(line, forecast_briefly):
    forecast_briefly(sssd=NAMED)
    by_name = line.at.lake.latest("forecasts", *SERIES)
    assert by_name.summary["sssd"] == NAMED | {"min_samples": 102}
    assert {name: by_name.settings[name] for name in PLAIN} == PLAIN
    again = forecast_briefly(**PLAIN, ensemble=False)
    assert again.reused
    assert line.at.lake.latest("forecasts", *SERIES).id == by_name.id


def test_a_sampler_without_such_names_stores_that_it_has_none(line):
    assert line.at.lake.latest("forecasts", *SERIES).summary["sssd"] is None
    assert line.made["forecasts"].metadata["sssd"] == NOT_IN_NAMES


def test_a_sampler_given_twice_and_one_outside_the_ranges_are_refused():
    twice = ForecastsConfig(sssd=SssdConfig(), n_steps=7, guidance=2.0).model_dump()
    with pytest.raises(BadInputError, match=r"as sssd and by n_steps=7, guidance=2\.0; give it one way"):
        settings_of(twice)
    with pytest.raises(ParameterError, match="min_samples is 50; from 100 to 500"):
        settings_of(ForecastsConfig(sssd=SssdConfig(min_samples=50)).model_dump())
