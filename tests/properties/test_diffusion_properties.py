"""What holds at every schedule, step count, seed and volatility: an untrained model is the random walk."""

import numpy as np
import pytest
import torch
from forecast_examples import SMALL, SMALL_SSSD, TOKENS, model_of, real_candles, real_features
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.diffusion.forecaster import DiffusionForecaster
from fxgpt_core.diffusion.model import untrained
from fxgpt_core.diffusion.noise_schedule import SCHEDULES
from fxgpt_core.diffusion.paths import controlled_quantiles, mirrored_noise
from fxgpt_core.diffusion.sampler import SAMPLERS, deviation, n_draws, sample
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.forecasts.forecast import LEVELS, normal_quantiles
from fxgpt_core.forecasts.random_walk import RandomWalk
from fxgpt_core.networks.network_parameters import NetworkParameters

schedules = st.sampled_from(SCHEDULES)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([SMALL, SMALL_SSSD]),
    st.sampled_from(SAMPLERS),
    schedules,
    st.sampled_from([1, 2, 3, 5, 8, 16, 50]),
    st.integers(0, 2**31),
)
def test_samples_of_an_untrained_network_have_the_standard_deviation_of_the_table(
    sizes: NetworkParameters, sampler: str, schedule: str, n_steps: int, seed: int
) -> None:
    network = untrained(sizes, seed).denoiser.eval()
    noise = torch.from_numpy(mirrored_noise(seed, 0, 2048, n_draws(sampler, n_steps, 0.0), TOKENS))
    # Draws of unit variance that do not correlate by chance: what is left is the sampler's.
    noise = (torch.linalg.qr(noise.flatten(1).T).Q.T * noise[0].numel() ** 0.5).reshape(noise.shape)
    with torch.inference_mode():
        sampled = sample(sampler, lambda x, phi: network(x, phi, torch.zeros(1, 32)), noise, schedule, n_steps)
    assert float(sampled.std()) == pytest.approx(deviation(sampler, schedule, n_steps), rel=1e-3, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(
    schedules, st.sampled_from(["euler", "heun", "ddpm"]), st.integers(1, 6), st.sampled_from([2, 16, 64]), st.integers(0, 2**31)
)
def test_quantiles_of_an_untrained_model_are_those_of_the_random_walk(
    schedule: str, sampler: str, n_steps: int, n_paths: int, seed: int
) -> None:
    model = model_of(untrained(SMALL, seed), schedule=schedule)
    origins = np.array([300, 301, 777], dtype=np.int64)
    forecaster = DiffusionForecaster(model, SamplingParameters(n_paths, n_steps, sampler))
    forecasts = forecaster.forecast(real_features(), real_candles(), origins, seed=seed)
    walk = RandomWalk("EURUSD", model.volatility).forecast(real_features(), real_candles(), origins, seed=seed)
    np.testing.assert_allclose(forecasts.values, walk.values, rtol=1e-6, atol=1e-12)
    assert forecasts.scale.tobytes() == walk.scale.tobytes()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.2, 3.0), st.floats(-1.0, 1.0), st.integers(2, 200))
def test_quantiles_never_cross_and_the_median_follows_the_drift(seed: int, width: float, drift: float, half: int) -> None:
    noise = mirrored_noise(seed, 1, 2 * half, 1, 24)[0].astype(np.float64)
    sums, walks = (np.cumsum(each, axis=1) for each in (drift + width * noise, noise))
    quantiles = controlled_quantiles(sums, walks, normal_quantiles(np.sqrt(np.arange(1.0, 25.0))))
    assert (np.diff(quantiles, axis=1) >= 0.0).all()
    np.testing.assert_allclose(quantiles[:, 10], drift * np.arange(1.0, 25.0), atol=1e-6)
    expected = drift * np.arange(1.0, 25.0) + width * np.sqrt(np.arange(1.0, 25.0)) * 1.6448536269514722
    np.testing.assert_allclose(quantiles[:, LEVELS.tolist().index(0.95)], expected, atol=1e-6)
