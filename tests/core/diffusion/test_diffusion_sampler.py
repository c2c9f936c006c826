"""The samplers on data whose best denoiser is known in closed form."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from fxgpt_core.diffusion.noise_schedule import SCHEDULES
from fxgpt_core.diffusion.sampler import SAMPLERS, deviation, n_draws, sample

# Half of it the mirror image, and every draw of unit variance: what is left of chance is small.
N = 20_000
STEPS = (1, 2, 3, 8, 50)
OF_SCHEDULES = tuple(f"| {schedule} |" for schedule in SCHEDULES)


def noise(draws: int, seed: int = 7) -> torch.Tensor:
    half = torch.randn(draws, N // 2, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    whole = torch.cat([half, -half], dim=1)
    return whole / whole.std(dim=1, keepdim=True)


def of_gaussian(mean: float, width: float) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """E[v | x] for data from N(mean, width²): linear in x."""

    def velocity(x: torch.Tensor, phi: torch.Tensor) -> torch.Tensor:
        cosine, sine = phi.cos(), phi.sin()
        variance = cosine**2 * width**2 + sine**2
        centred = x - cosine * mean
        return centred * cosine * sine * (1.0 - width**2) / variance - sine * mean

    return velocity


def silent(x: torch.Tensor, phi: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(x)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("n_steps", STEPS)
@pytest.mark.parametrize(("sampler", "eta"), [*((name, 0.0) for name in SAMPLERS), ("ddim", 0.5), ("ddim", 1.0)])
def test_a_denoiser_that_says_nothing_gives_the_deviation_of_the_table(
    sampler: str, eta: float, schedule: str, n_steps: int
) -> None:
    sampled = sample(sampler, silent, noise(n_draws(sampler, n_steps, eta)), schedule, n_steps, eta)
    assert float(sampled.std()) == pytest.approx(deviation(sampler, schedule, n_steps, eta), rel=0.01, abs=1e-6)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("n_steps", STEPS)
@pytest.mark.parametrize("sampler", ["euler", "heun", "ddpm"])
def test_three_samplers_keep_the_variance_at_any_number_of_steps(sampler: str, schedule: str, n_steps: int) -> None:
    assert deviation(sampler, schedule, n_steps) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(("n_steps", "expected"), [(1, 0.0), (2, 0.5), (4, 0.72855), (10, 0.88349), (50, 0.97563)])
def test_ddim_loses_a_factor_in_every_step(n_steps: int, expected: float) -> None:
    assert deviation("ddim", "cosine", n_steps) == pytest.approx(math.cos(math.pi / 2 / n_steps) ** n_steps, abs=1e-12)
    assert deviation("ddim", "cosine", n_steps) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("n_steps", [4, 20, 100])
def test_ddim_with_full_noise_is_ddpm_with_the_posterior_variance(n_steps: int) -> None:
    """Ho et al. 2020 in their own symbols: ᾱ = cos² φ, α_t = ᾱ_t / ᾱ_s, posterior variance β·(1 − ᾱ_s) / (1 − ᾱ_t)."""
    bars = [math.cos(math.pi / 2 * k / n_steps) ** 2 for k in range(n_steps, -1, -1)]
    variance = 1.0
    for now, then in itertools.pairwise(bars):
        alpha = now / then
        variance = alpha * variance + (1.0 - alpha) * (1.0 - then) / (1.0 - now)
    assert deviation("ddim", "cosine", n_steps, eta=1.0) == pytest.approx(math.sqrt(variance), abs=1e-9)
    assert deviation("ddim", "cosine", n_steps, eta=1.0) < 1.0


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("mean", "width"), [(0.0, 0.5), (0.7, 1.0), (-0.3, 1.5)])
@pytest.mark.parametrize(("sampler", "eta"), [*((name, 0.0) for name in SAMPLERS), ("ddim", 1.0)])
def test_with_many_steps_the_samples_are_the_data(sampler: str, eta: float, schedule: str, mean: float, width: float) -> None:
    sampled = sample(sampler, of_gaussian(mean, width), noise(n_draws(sampler, 400, eta)), schedule, 400, eta)
    assert float(sampled.mean()) == pytest.approx(mean, abs=0.02)
    assert float(sampled.std()) == pytest.approx(width, rel=0.02)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_more_steps_come_closer(sampler: str) -> None:
    errors = [
        abs(float(sample(sampler, of_gaussian(0.5, 0.6), noise(n_draws(sampler, n, 0.0)), "cosine", n).std()) - 0.6)
        for n in (2, 8, 32, 128)
    ]
    assert errors == sorted(errors, reverse=True)


def test_heun_is_of_a_higher_order_than_euler() -> None:
    errors = {
        sampler: [abs(float(sample(sampler, of_gaussian(0.5, 0.6), noise(1), "cosine", n).std()) - 0.6) for n in (16, 32)]
        for sampler in ("euler", "heun")
    }
    assert errors["euler"][0] / errors["euler"][1] == pytest.approx(2.0, rel=0.15)
    assert errors["heun"][0] / errors["heun"][1] == pytest.approx(4.0, rel=0.25)


@pytest.mark.parametrize(("sampler", "calls"), [("euler", 3), ("heun", 6), ("ddpm", 3), ("ddim", 3)])
def test_it_starts_at_pure_noise_and_asks_the_denoiser_once_a_step_and_heun_twice(sampler: str, calls: int) -> None:
    asked: list[float] = []

    def noting(x: torch.Tensor, phi: torch.Tensor) -> torch.Tensor:
        asked.append(float(phi))
        return torch.zeros_like(x)

    sample(sampler, noting, noise(n_draws(sampler, 3, 0.0)), "cosine", 3)
    assert len(asked) == calls
    assert asked[0] == pytest.approx(math.pi / 2, rel=1e-6)
    assert sorted({round(phi, 5) for phi in asked if phi > 0.0}) == pytest.approx(
        [math.pi / 6, math.pi / 3, math.pi / 2], abs=1e-4
    )


def test_an_unknown_sampler_is_refused() -> None:
    with pytest.raises(ValueError, match="sampler 'magic' is unknown; known: euler, heun, ddpm, ddim"):
        deviation("magic", "cosine", 3)


def test_the_table_of_ddim_in_the_documentation_is_what_it_does() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "forecasts.md").read_text()
    head, *rows = (line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith(("| schedule", *OF_SCHEDULES)))
    n_steps = [int(cell.removesuffix(" steps")) for cell in head[1:]]
    assert [row[0] for row in rows] == list(SCHEDULES)
    for schedule, *cells in rows:
        for n, cell in zip(n_steps, cells, strict=True):
            found = [float(part) for part in cell.split(" / ")]
            assert found == pytest.approx([deviation("ddim", schedule, n, eta) for eta in (0.0, 1.0)], abs=6e-4)
