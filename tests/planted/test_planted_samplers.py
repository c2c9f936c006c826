"""Samplers with a known defect: the one-percent rule of the samples' standard deviation must catch each."""

import itertools
from collections.abc import Callable

import pytest
import torch

from fxgpt_core.diffusion.noise_schedule import SCHEDULES, angle
from fxgpt_core.diffusion.sampler import SAMPLERS, Velocity, deviation, n_draws, sample

DRAWS = torch.randn(51, 4096, 24, generator=torch.Generator().manual_seed(3))
NOISE = DRAWS / DRAWS.std(dim=(1, 2), keepdim=True)
Sampler = Callable[[Velocity, torch.Tensor, str, int], torch.Tensor]


def shrinking_in_every_step(velocity: Velocity, noise: torch.Tensor, schedule: str, n_steps: int) -> torch.Tensor:
    """DDIM's step under the name of Euler's: right in the limit, but each step shrinks Gaussian data by cos Δφ."""
    angles = angle(schedule, torch.linspace(1.0, 0.0, n_steps + 1))
    x = noise[0]
    for now, then in itertools.pairwise(angles):
        x = (now - then).cos() * x - (now - then).sin() * velocity(x, now[None])
    return x


def with_the_posterior_variance(velocity: Velocity, noise: torch.Tensor, schedule: str, n_steps: int) -> torch.Tensor:
    """DDPM with the variance that is too small for data of unit variance."""
    return sample("ddim", velocity, noise, schedule, n_steps, eta=1.0)


def without_terminal_noise(velocity: Velocity, noise: torch.Tensor, schedule: str, n_steps: int) -> torch.Tensor:
    """Starts from the signal share a schedule without zero terminal SNR would leave."""
    return sample("euler", velocity, 0.9 * noise, schedule, n_steps)


def adding_noise_twice(velocity: Velocity, noise: torch.Tensor, schedule: str, n_steps: int) -> torch.Tensor:
    return sample("euler", velocity, noise, schedule, n_steps) + 0.2 * noise[0].flip(0)


def silent(x: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(x)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("n_steps", [2, 8, 50])
@pytest.mark.parametrize(
    ("sampler", "claimed"),
    [
        (shrinking_in_every_step, "euler"),
        (with_the_posterior_variance, "ddpm"),
        (without_terminal_noise, "euler"),
        (adding_noise_twice, "euler"),
    ],
    ids=lambda one: one if isinstance(one, str) else one.__name__,
)
def test_a_defective_sampler_breaks_the_one_percent_rule(sampler: Sampler, claimed: str, schedule: str, n_steps: int) -> None:
    sampled = sampler(silent, NOISE, schedule, n_steps)
    assert abs(float(sampled.std()) - deviation(claimed, schedule, n_steps)) > 0.01


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("n_steps", [1, 2, 8, 50])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_honest_samplers_keep_it(sampler: str, schedule: str, n_steps: int) -> None:
    sampled = sample(sampler, silent, NOISE[: n_draws(sampler, n_steps, 0.0)], schedule, n_steps)
    assert abs(float(sampled.std()) - deviation(sampler, schedule, n_steps)) < 0.01
