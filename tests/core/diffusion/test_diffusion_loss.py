"""The denoising loss where it can be known: nothing predicted, everything predicted, and the best for Gaussian data."""

import numpy as np
import pytest
import torch

from fxgpt_core.diffusion.loss import velocity_loss
from fxgpt_core.diffusion.noise_schedule import SCHEDULES, angle

CLEAN = torch.randn(4096, 24, generator=torch.Generator().manual_seed(1))
CONTEXT = torch.zeros(4096, 1)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(2)


def silent(path: torch.Tensor, phi: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(path)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_predicting_zero_costs_one_on_standardised_data(schedule: str) -> None:
    assert float(velocity_loss(silent, CLEAN, CONTEXT, schedule, generator())) == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_denoiser_that_knows_the_data_costs_nothing(schedule: str) -> None:
    def knowing(path: torch.Tensor, phi: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        cosine, sine = phi.cos()[:, None], phi.sin()[:, None]
        noise = (path - cosine * CLEAN) / sine
        return cosine * noise - sine * CLEAN

    assert float(velocity_loss(knowing, CLEAN, CONTEXT, schedule, generator())) == pytest.approx(0.0, abs=1e-4)


def test_for_gaussian_data_of_another_width_the_regression_on_the_path_is_the_best() -> None:
    width = 2.0

    def best(path: torch.Tensor, phi: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        cosine, sine = phi.cos()[:, None], phi.sin()[:, None]
        variance = cosine**2 * width**2 + sine**2
        return path * cosine * sine * (1.0 - width**2) / variance

    losses = {
        scale: float(velocity_loss(lambda *a, s=scale: s * best(*a), width * CLEAN, CONTEXT, "cosine", generator()))
        for scale in (0.0, 0.8, 1.0, 1.2)
    }
    assert min(losses, key=losses.__getitem__) == 1.0


@pytest.mark.parametrize("batch", [8, 128])
def test_every_batch_sees_all_noise_levels_one_in_each_stratum(batch: int) -> None:
    seen: list[torch.Tensor] = []

    def noting(path: torch.Tensor, phi: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        seen.append(phi)
        return torch.zeros_like(path)

    velocity_loss(noting, CLEAN[:batch], CONTEXT[:batch], "linear", generator())
    edges = angle("linear", torch.linspace(0.0, 1.0, batch + 1)).numpy()
    phi = seen[0].numpy()
    assert (np.histogram(phi, bins=edges)[0] == 1).all()


def test_the_same_generator_state_gives_the_same_loss_and_the_global_state_is_not_touched() -> None:
    before = torch.random.get_rng_state()
    first = velocity_loss(silent, CLEAN, CONTEXT, "cosine", generator())
    assert torch.equal(first, velocity_loss(silent, CLEAN, CONTEXT, "cosine", generator()))
    assert not torch.equal(first, velocity_loss(silent, CLEAN, CONTEXT, "cosine", torch.Generator().manual_seed(3)))
    assert torch.equal(before, torch.random.get_rng_state())
