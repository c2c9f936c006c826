"""How far networks are believed: as far as validation windows say, and never into a loss against the random walk."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from forecast_examples import SMALL, real_candles, real_features
from torch import nn

from fxgpt_core.diffusion.model import DenoisingNetwork, network_inputs, untrained
from fxgpt_core.diffusion.shape import KNOTS, NORMAL, Shape
from fxgpt_core.forecasts.relative_volatility import COLUMNS, known_volatility
from fxgpt_core.forecasts.volatility import fit_volatility
from fxgpt_core.forecasts.volatility_regression import UNCHANGED, VolatilityRegression
from fxgpt_core.training.diffusion_training import CANDIDATES, fit_scaler
from fxgpt_core.training.shrinkage import FACTORS, chosen_shrinkage
from fxgpt_core.training.windows import Windows, windows


@cache
def data() -> Windows:
    volatility = fit_volatility(real_candles())
    relative = known_volatility(real_candles(), volatility).relative
    inputs = network_inputs(fit_scaler(real_features(), CANDIDATES), real_features(), relative)
    return windows(inputs, real_candles(), volatility, SMALL.context)


TWO_EULER_STEPS = math.pi / 4.0 * (1.0 + math.sin(math.pi / 4.0))
"""∫ sin φ dφ over a quarter turn is 1, and so much by two steps of Euler's."""


class Drifting(nn.Module):
    """What says v = −sin φ · drift, the velocity of increments of unit variance that drift, as two Euler steps need it."""

    def __init__(self, drift: float) -> None:
        super().__init__()
        self.drift = drift / TWO_EULER_STEPS

    def forward(self, path: torch.Tensor, angle: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        return (-angle.sin() * self.drift).reshape(-1, 1).expand_as(path)


def believing_in(drift: float) -> DenoisingNetwork:
    network = untrained(SMALL, 1).eval()
    network.denoiser = Drifting(drift)
    return network


def with_drift(drift: float) -> Windows:
    rows = data()
    noise = torch.randn(rows.targets.shape, generator=torch.Generator().manual_seed(0))
    return replace(rows, targets=noise + drift)


def test_a_network_that_is_right_is_believed_whole() -> None:
    assert chosen_shrinkage([believing_in(0.4)], "cosine", with_drift(0.4), seed=1).factor == 1.0


def test_a_network_that_says_twice_too_much_is_believed_by_half() -> None:
    assert chosen_shrinkage([believing_in(0.8)], "cosine", with_drift(0.4), seed=1).factor == 0.5


def test_a_network_that_is_wrong_is_not_believed_and_the_model_is_the_random_walk() -> None:
    found = chosen_shrinkage([believing_in(-0.4)], "cosine", with_drift(0.4), seed=1)
    assert found.factor == 0.0
    scores = dict(found.crps)
    assert list(scores) == list(FACTORS)
    assert scores[1.0] > scores[0.0]


def test_the_chosen_factor_is_never_worse_than_the_random_walk_and_scores_are_in_its_deviation() -> None:
    for drift in (-0.2, 0.0, 0.1, 0.6):
        found = chosen_shrinkage([believing_in(drift)], "cosine", with_drift(0.2), seed=1)
        scores = dict(found.crps)
        assert scores[found.factor] == min(scores.values()) <= scores[0.0]
    walk = dict(chosen_shrinkage([believing_in(0.0)], "cosine", with_drift(0.0), seed=1).crps)[0.0]
    # CRPS of a standard normal forecast of a standard normal outcome is 1/sqrt(pi) (Gneiting & Raftery 2007).
    assert walk == pytest.approx(1.0 / np.sqrt(np.pi), rel=0.1)


def test_windows_that_have_a_shape_choose_it_and_those_that_are_normal_do_not() -> None:
    heavy = Shape(KNOTS**2 / 2.0, KNOTS**2 / 2.0)
    outcomes = with_drift(0.0)
    found = chosen_shrinkage([believing_in(0.0)], "cosine", outcomes, seed=1, shape=heavy)
    assert found.shape is heavy
    assert min(score for _, score in found.crps) < found.normal_walk
    raw = replace(outcomes, targets=torch.from_numpy(heavy.to_normal(outcomes.targets.numpy().astype(float))))
    flat = chosen_shrinkage([believing_in(0.0)], "cosine", raw, seed=1, shape=heavy)
    assert (flat.shape, flat.factor) == (NORMAL, 0.0)
    assert flat.normal_walk < min(score for _, score in flat.crps)


def test_a_regression_that_is_right_is_kept_and_one_that_is_wrong_goes_with_the_shape() -> None:
    doubled = VolatilityRegression(*(np.ones(len(COLUMNS)),) * 2, np.zeros((1 + len(COLUMNS), 1)))
    doubled.coefficients[0] = math.log(2.0)
    even = with_drift(0.0)
    wide = replace(even, targets=2.0 * even.targets).regressed(doubled)
    kept = chosen_shrinkage([believing_in(0.0)], "cosine", wide, seed=1, regression=doubled)
    assert kept.regression is doubled
    # The unit stays the plain random walk's deviation, of which twice is right here: CRPS of N(0, 2) is 2/sqrt(pi).
    assert dict(kept.crps)[0.0] == pytest.approx(2.0 / np.sqrt(np.pi), rel=0.1)
    assert kept.normal_walk > dict(kept.crps)[0.0]
    wrong = chosen_shrinkage([believing_in(0.0)], "cosine", even.regressed(doubled), seed=1, regression=doubled)
    assert (wrong.regression, wrong.shape, wrong.factor) == (UNCHANGED, NORMAL, 0.0)
    assert wrong.normal_walk == pytest.approx(1.0 / np.sqrt(np.pi), rel=0.1)


def test_the_same_seed_gives_the_same_scores_and_members_are_judged_together() -> None:
    one, other = believing_in(0.4), believing_in(-0.4)
    first, same = (chosen_shrinkage([one], "cosine", with_drift(0.4), seed=1) for _ in range(2))
    assert first == same
    both = dict(chosen_shrinkage([one, other], "cosine", with_drift(0.4), seed=1).crps)
    assert dict(first.crps)[1.0] < both[1.0]
    assert dict(first.crps)[0.0] == pytest.approx(both[0.0], rel=1e-12)
