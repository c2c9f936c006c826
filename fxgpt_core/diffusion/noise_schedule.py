"""Noise schedules as an angle: x_φ = cos φ · x_0 + sin φ · ε, with φ from 0 (data) to exactly π/2 (pure noise).

Every schedule reaches zero signal at its end (Lin et al. 2024, "Common diffusion noise schedules ... are flawed"): sampling
starts from pure noise, so training must have seen it.
"""

import math
from typing import Final

import torch

SCHEDULES: Final = ("linear", "cosine", "sigmoid")
_BETA_FIRST, _BETA_LAST = 0.1, 20.0
_SIGMOID_REACH = 3.0


def angle(schedule: str, u: torch.Tensor) -> torch.Tensor:
    """φ(u) in [0, π/2] for u in [0, 1], increasing, with φ(0) = 0 and φ(1) = π/2. Raises `ValueError` for an unknown name.

    linear: Ho et al. 2020 in continuous time; cosine: Nichol & Dhariwal 2021, where the angle is even in u; sigmoid: Jabri et
    al. 2023.
    """
    if schedule == "cosine":
        return u * (math.pi / 2.0)
    if schedule == "linear":
        signal = torch.exp(-0.5 * (_BETA_FIRST * u + 0.5 * (_BETA_LAST - _BETA_FIRST) * u**2))
        last = math.exp(-0.25 * (_BETA_LAST + _BETA_FIRST))
        return torch.arccos(((signal - last) / (1.0 - last)).clamp(0.0, 1.0))
    if schedule == "sigmoid":
        first, last = _sigmoid(-_SIGMOID_REACH), _sigmoid(_SIGMOID_REACH)
        power = (last - torch.sigmoid((2.0 * u - 1.0) * _SIGMOID_REACH)) / (last - first)
        return torch.arccos(power.clamp(0.0, 1.0).sqrt())
    raise ValueError(f"noise schedule {schedule!r} is unknown; known: {', '.join(SCHEDULES)}")


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))
