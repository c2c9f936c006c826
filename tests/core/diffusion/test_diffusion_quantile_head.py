"""The quantile head as a forecaster: the random walk before training, its identity, and that nothing is drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from forecast_examples import SMALL, diffusion, fingerprint, model_of, opinionated, quantile_head, real_candles, real_features

from fxgpt_core.diffusion.model import untrained
from fxgpt_core.diffusion.plain_head import plain_head, quantiles
from fxgpt_core.diffusion.quantile_head_forecaster import DistilledHead, QuantileHeadForecaster, untrained_head
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.forecasts.random_walk import random_walk_like

ORIGINS = np.array([400, 900], dtype=np.int64)


def forecast(forecaster: QuantileHeadForecaster, seed: int = 3) -> Forecasts:
    return forecaster.forecast(real_features(), real_candles(), ORIGINS, seed=seed)


def of_head(head: DistilledHead) -> QuantileHeadForecaster:
    return QuantileHeadForecaster(model_of(untrained(SMALL, 1)), head)


def test_an_untrained_head_is_the_random_walk() -> None:
    network = untrained_head(SMALL, hidden=16, seed=0).requires_grad_(False).eval()
    said = forecast(of_head(DistilledHead(network, 1.0, SamplingParameters(), "0" * 64, 16)))
    np.testing.assert_allclose(said.values, random_walk_like(said).values, rtol=1e-12, atol=1e-18)


def test_shrinkage_goes_from_the_random_walk_to_the_head_in_a_straight_line() -> None:
    none, half, whole = (forecast(quantile_head(shrink)) for shrink in (0.0, 0.5, 1.0))
    assert none.values.tobytes() == random_walk_like(none).values.tobytes()
    np.testing.assert_allclose(half.values, (none.values + whole.values) / 2.0, rtol=1e-12, atol=1e-18)
    assert np.abs(whole.values - none.values).max() > 0.1 * none.scale.max()


def test_nothing_is_drawn_so_the_seed_does_not_matter_and_dropout_is_off() -> None:
    forecaster = quantile_head()
    calm = fingerprint(forecast(forecaster))
    forecaster.head.network.train()
    assert fingerprint(forecast(forecaster, seed=4)) == calm


@torch.no_grad()
@pytest.mark.parametrize("loudness", [1.0, 100.0])
@pytest.mark.parametrize("context", [7, 64, 65])
def test_plain_arrays_say_what_the_network_does_to_the_rounding_of_single_precision(context: int, loudness: float) -> None:
    network = opinionated(untrained_head(replace(SMALL, context=context), hidden=24, seed=0)).eval()
    network.leave.weight.mul_(loudness)
    inputs = np.random.default_rng(context).normal(size=(context, SMALL.n_inputs)).astype(np.float32)
    expected = network(torch.from_numpy(inputs)[None])[0].numpy()
    found = quantiles(plain_head(network), inputs)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6 * loudness)
    assert (np.diff(found, axis=1) >= 0.0).all()
    assert np.abs(found - quantiles(plain_head(network), -inputs)).max() > 0.01


def test_plain_arrays_give_the_same_bits_wherever_in_memory_a_context_lies() -> None:
    head = plain_head(opinionated(untrained_head(SMALL, hidden=16, seed=0)))
    inputs = np.random.default_rng(1).normal(size=(SMALL.context, SMALL.n_inputs)).astype(np.float32)
    said = set()
    for offset in range(4, 68, 4):
        memory = np.empty(inputs.nbytes + 128, dtype=np.uint8)
        elsewhere = memory[offset : offset + inputs.nbytes].view(np.float32).reshape(inputs.shape)
        elsewhere[:] = inputs
        said.add(quantiles(head, elsewhere).tobytes())
    assert len(said) == 1


def test_a_head_is_known_by_its_weights_shrinkage_and_sampler_and_is_none_of_the_paths() -> None:
    head = quantile_head().head
    fresh = untrained_head(SMALL, hidden=16, seed=0)
    others = [replace(head, shrink=0.5), replace(head, sampling=SamplingParameters(n_steps=3)), replace(head, network=fresh)]
    identities = {of_head(each).sampling_sha256 for each in (head, *others)} | {diffusion().sampling_sha256, head.sampling.sha256}
    assert len(identities) == 6
    assert of_head(quantile_head().head).sampling_sha256 == of_head(head).sampling_sha256


def test_a_fresh_head_is_that_of_its_seed() -> None:
    one, same, other = (untrained_head(SMALL, 16, seed).state_dict() for seed in (1, 1, 2))
    assert all((one[name] == same[name]).all() for name in one)
    assert not all((one[name] == other[name]).all() for name in one)
