"""Samplers with a known defect: the one-percent rule of the samples' standard deviation must catch each."""

import itertools
from collections.abc import Callable

import pytest
import torch

from fxgpt_core.diffusion.noise_schedule import SCHEDULES, angle
from fxgpt_core.diffusion.sampler import Velocity, probability_flow_euler

NOISE = torch.randn(512, 24, generator=torch.Generator().manual_seed(3))
Sampler = Callable[[Velocity, torch.Tensor, str, int], torch.Tensor]


def ddim(velocity: Velocity, noise: torch.Tensor, schedule: str, n_steps: int) -> torch.Tensor:
    """Song et al. 2021: right in the limit, but each step shrinks Gaussian data by cos Δφ."""
    angles = angle(schedule, torch.linspace(1.0, 0.0, n_steps + 1))
    x = noise
    for now, then in itertools.pairwise(angles):
        x = (now - then).cos() * x - (now - then).sin() * velocity(x, now[None])
    return x


def without_terminal_noise(velocity: Velocity, noise: torch.Tensor, schedule: str, n_steps: int) -> torch.Tensor:
    """Starts from the signal share a schedule without zero terminal SNR would leave."""
    return probability_flow_euler(velocity, 0.9 * noise, schedule, n_steps)


def adding_noise_twice(velocity: Velocity, noise: torch.Tensor, schedule: str, n_steps: int) -> torch.Tensor:
    return probability_flow_euler(velocity, noise, schedule, n_steps) + 0.2 * noise.flip(0)


def deviation(sampler: Sampler, schedule: str, n_steps: int) -> float:
    """How far the samples of a denoiser that says nothing are from the noise's standard deviation, as a share."""
    sampled = sampler(lambda x, _: torch.zeros_like(x), NOISE, schedule, n_steps)
    return abs(float(sampled.std() / NOISE.std()) - 1.0)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("n_steps", [2, 8, 50])
@pytest.mark.parametrize("sampler", [ddim, without_terminal_noise, adding_noise_twice], ids=lambda s: s.__name__)
def test_a_defective_sampler_breaks_the_one_percent_rule(sampler: Sampler, schedule: str, n_steps: int) -> None:
    assert deviation(sampler, schedule, n_steps) > 0.01


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("n_steps", [1, 2, 8, 50])
def test_the_honest_sampler_keeps_it(schedule: str, n_steps: int) -> None:
    assert deviation(probability_flow_euler, schedule, n_steps) < 1e-6
