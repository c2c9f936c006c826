"""Noise schedules against their papers' formulas, and their common ends."""

import math

import pytest
import torch

from fxgpt_core.diffusion.noise_schedule import SCHEDULES, angle

U = torch.linspace(0.0, 1.0, 501, dtype=torch.float64)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_it_rises_from_pure_data_to_exactly_pure_noise(schedule: str) -> None:
    phi = angle(schedule, U)
    assert phi[0] == pytest.approx(0.0, abs=1e-6)
    assert phi[-1] == pytest.approx(math.pi / 2.0, abs=1e-6)
    assert math.cos(float(phi[-1])) == pytest.approx(0.0, abs=1e-6)
    assert (phi.diff() > 0.0).all()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_in_single_precision_the_end_is_still_pure_noise(schedule: str) -> None:
    assert float(angle(schedule, torch.ones(1)).cos()) == pytest.approx(0.0, abs=1e-6)


def test_cosine_is_nichol_and_dhariwals_without_offset() -> None:
    torch.testing.assert_close(angle("cosine", U).cos() ** 2, torch.cos(U * math.pi / 2.0) ** 2)


def test_linear_is_the_product_of_small_noise_steps_up_to_its_rescaling() -> None:
    steps = 100_000
    betas = torch.linspace(0.1, 20.0, steps, dtype=torch.float64) / steps
    signal = torch.cumprod(1.0 - betas, dim=0).sqrt()[steps // 500 - 1 :: steps // 500]
    rescaled = (signal - signal[-1]) / (1.0 - signal[-1])
    torch.testing.assert_close(angle("linear", U).cos()[1:-1], rescaled[:-1], rtol=2e-3, atol=2e-4)


def test_sigmoid_power_is_symmetric_about_the_middle() -> None:
    power = angle("sigmoid", U).cos() ** 2
    torch.testing.assert_close(power + power.flip(0), torch.ones_like(power))
    assert float(power[125]) == pytest.approx((torch.sigmoid(torch.tensor(1.5)) - torch.sigmoid(torch.tensor(-3.0))).item()
                                              / math.tanh(1.5), rel=1e-5)  # fmt: skip


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'quadratic' is unknown; known: linear, cosine, sigmoid"):
        angle("quadratic", U)
