"""The denoising loss over all noise levels, in v-prediction (Salimans & Ho 2022): B batch, T tokens."""

from collections.abc import Callable

import torch

from fxgpt_core.diffusion.noise_schedule import angle

Denoiser = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def noised(clean: torch.Tensor, schedule: str, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noisy paths float32[B,T], their noise angles float32[B] and their v float32[B,T], for clean paths float32[B,T].

    v = cos φ · ε − sin φ · x_0. The noise levels are stratified over the batch, u_i = (i + U_i) / B, so that every batch sees
    all of them.
    """
    batch = len(clean)
    u = (torch.arange(batch, device=clean.device) + torch.rand(batch, generator=generator, device=clean.device)) / batch
    phi = angle(schedule, u)
    noise = torch.randn(clean.shape, generator=generator, device=clean.device)
    cosine, sine = phi.cos()[:, None], phi.sin()[:, None]
    return cosine * clean + sine * noise, phi, cosine * noise - sine * clean


def velocity_loss(
    denoiser: Denoiser, clean: torch.Tensor, context: torch.Tensor, schedule: str, generator: torch.Generator
) -> torch.Tensor:
    """Mean squared error of v for clean paths float32[B,T] and their context float32[B,E], at the noise of `noised`."""
    noisy, phi, velocity = noised(clean, schedule, generator)
    loss: torch.Tensor = ((denoiser(noisy, phi, context) - velocity) ** 2).mean()
    return loss
