"""From noise to a path: the probability-flow equation in the angle, dx/dφ = v, by Euler steps."""

import itertools
from collections.abc import Callable

import torch

from fxgpt_core.diffusion.noise_schedule import angle

Velocity = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def probability_flow_euler(velocity: Velocity, noise: torch.Tensor, schedule: str, n_steps: int) -> torch.Tensor:
    """Samples float32[B,T] from noise float32[B,T] in `n_steps` calls of `velocity(x, φ float32[1])`.

    x ← x − (φ_k − φ_{k+1})·v (Song et al. 2021, in the angle of Salimans & Ho 2022). For unit-variance Gaussian data v has
    mean zero given x, so the samples keep their variance at any number of steps; DDIM loses a factor cos(Δφ) at each.
    """
    angles = angle(schedule, torch.linspace(1.0, 0.0, n_steps + 1))
    x = noise
    for now, then in itertools.pairwise(angles):
        x = x - (now - then) * velocity(x, now[None])
    return x
