"""From noise to a path, in the angle of the noise schedule: x_φ = cos φ · x_0 + sin φ · ε, with x_0 and ε told by v.

D draws of noise, B paths, T tokens. What a sampler makes of a network that says nothing is known: `deviation`.
"""

import itertools
import math
from collections.abc import Callable
from typing import Final

import torch

from fxgpt_core.diffusion.noise_schedule import angle

Velocity = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

SAMPLERS: Final = ("euler", "heun", "ddpm", "ddim")
VARIANCE_KEEPING: Final = ("euler", "heun")
"""Where a network says nothing, these leave the noise as it is."""


def n_draws(sampler: str, n_steps: int, eta: float) -> int:
    """How many draws of noise a sampler takes: the start, and one a step where steps are random."""
    return 1 + n_steps if sampler == "ddpm" or (sampler == "ddim" and eta > 0.0) else 1


def sample(sampler: str, velocity: Velocity, noise: torch.Tensor, schedule: str, n_steps: int, eta: float = 0.0) -> torch.Tensor:
    """Paths float32[B,T] from noise float32[D,B,T] of `n_draws`; `velocity(x, φ float32[1])` is the denoiser.

    euler, heun: the probability-flow equation dx/dφ = v (Song et al. 2021, in the angle of Salimans & Ho 2022), one and two
    calls a step; unit-variance data keep their variance at any number of steps.
    ddpm: Ho et al. 2020 with variance β, which is right for data of unit variance; noise is added in the last step as well.
    ddim: Song et al. 2020, which loses variance in every step; with `eta` 1 it is DDPM with the posterior ("small") variance.
    Raises `ValueError` for an unknown sampler.
    """
    angles = angle(schedule, torch.linspace(1.0, 0.0, n_steps + 1))
    x = noise[0]
    for step, (now, then) in enumerate(itertools.pairwise(angles)):
        v = velocity(x, now[None])
        if sampler == "euler":
            x = x - (now - then) * v
        elif sampler == "heun":
            x = x - (now - then) * 0.5 * (v + velocity(x - (now - then) * v, then[None]))
        else:
            kept, added = _kept_and_added(sampler, float(now), float(then), eta)
            x = then.cos() * (now.cos() * x - now.sin() * v) + kept * (now.sin() * x + now.cos() * v)
            if added > 0.0:
                x = x + added * noise[1 + step]
    return x


def deviation(sampler: str, schedule: str, n_steps: int, eta: float = 0.0) -> float:
    """Standard deviation of a token when the network says v = 0, which is right for independent data of unit variance.

    1 for euler, heun and ddpm; below 1 for ddim: ∏ cos(φ_k − φ_{k+1}) with `eta` 0. Raises `ValueError` for an unknown sampler.
    """
    if sampler not in SAMPLERS:
        raise ValueError(f"sampler {sampler!r} is unknown; known: {', '.join(SAMPLERS)}")
    if sampler in VARIANCE_KEEPING:
        return 1.0
    variance = 1.0
    angles = angle(schedule, torch.linspace(1.0, 0.0, n_steps + 1, dtype=torch.float64)).tolist()
    for now, then in itertools.pairwise(angles):
        kept, added = _kept_and_added(sampler, now, then, eta)
        variance *= (math.cos(then) * math.cos(now) + kept * math.sin(now)) ** 2
        variance += added**2
    return math.sqrt(variance)


def _kept_and_added(sampler: str, now: float, then: float, eta: float) -> tuple[float, float]:
    """Of a step to a smaller angle: how much of the believed noise stays, and the deviation of the noise that is added."""
    beta = 1.0 - (math.cos(now) / math.cos(then)) ** 2
    posterior = math.sqrt(beta) * math.sin(then) / math.sin(now)
    if sampler == "ddpm":
        return math.sqrt(max(0.0, math.sin(then) ** 2 - posterior**2)), math.sqrt(beta)
    return math.sqrt(max(0.0, math.sin(then) ** 2 - (eta * posterior) ** 2)), eta * posterior
