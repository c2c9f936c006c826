"""The sampler on data whose best denoiser is known in closed form."""

from collections.abc import Callable

import pytest
import torch

from fxgpt_core.diffusion.noise_schedule import SCHEDULES
from fxgpt_core.diffusion.sampler import probability_flow_euler

NOISE = torch.randn(20_000, 4, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def of_gaussian(mean: float, width: float) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """E[v | x] for data from N(mean, width²): linear in x."""

    def velocity(x: torch.Tensor, phi: torch.Tensor) -> torch.Tensor:
        cosine, sine = phi.cos(), phi.sin()
        variance = cosine**2 * width**2 + sine**2
        centred = x - cosine * mean
        return centred * cosine * sine * (1.0 - width**2) / variance - sine * mean

    return velocity


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("n_steps", [1, 2, 3, 8, 50])
def test_a_denoiser_that_says_nothing_leaves_the_noise_as_it_is(schedule: str, n_steps: int) -> None:
    sampled = probability_flow_euler(lambda x, _: torch.zeros_like(x), NOISE, schedule, n_steps)
    assert torch.equal(sampled, NOISE)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("mean", "width"), [(0.0, 0.5), (0.7, 1.0), (-0.3, 1.5)])
def test_with_many_steps_the_samples_are_the_data(schedule: str, mean: float, width: float) -> None:
    sampled = probability_flow_euler(of_gaussian(mean, width), NOISE, schedule, 400)
    assert float(sampled.mean()) == pytest.approx(mean, abs=0.02)
    assert float(sampled.std()) == pytest.approx(width, rel=0.02)


def test_more_steps_come_closer() -> None:
    errors = [
        abs(float(probability_flow_euler(of_gaussian(0.5, 0.6), NOISE, "cosine", n).std()) - 0.6 * float(NOISE.std()))
        for n in (2, 8, 32, 128)
    ]
    assert errors == sorted(errors, reverse=True)


def test_it_starts_at_pure_noise_and_asks_the_denoiser_once_a_step() -> None:
    asked: list[float] = []

    def noting(x: torch.Tensor, phi: torch.Tensor) -> torch.Tensor:
        asked.append(float(phi))
        return torch.zeros_like(x)

    probability_flow_euler(noting, NOISE, "cosine", 3)
    assert asked == pytest.approx([torch.pi / 2, torch.pi / 3, torch.pi / 6], rel=1e-6)
