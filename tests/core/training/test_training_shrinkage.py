"""How far networks are believed: as far as validation windows say, and never into a loss against the random walk."""

import math
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from forecast_examples import SMALL, real_candles, real_features
from torch import nn

from fxgpt_core.diffusion.model import DenoisingNetwork, network_inputs, untrained
from fxgpt_core.diffusion.paths import PathSampler
from fxgpt_core.diffusion.shape import KNOTS, NORMAL, Shape
from fxgpt_core.forecasts.horizons import Part
from fxgpt_core.forecasts.relative_volatility import COLUMNS, known_volatility
from fxgpt_core.forecasts.volatility import fit_volatility
from fxgpt_core.forecasts.volatility_regression import VolatilityRegression
from fxgpt_core.training.diffusion_training import CANDIDATES, fit_scaler
from fxgpt_core.training.dispersion import BEFORE_NETWORKS
from fxgpt_core.training.shrinkage import FACTORS, SAMPLING, Evidence, Shrinkage, chosen_shrinkage
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


def one_trend() -> Windows:
    """Windows whose outcomes are shared with their neighbours, and happen to drift."""
    rows = data()
    common = torch.randn(len(rows) // 120 + 1, SMALL.n_tokens, generator=torch.Generator().manual_seed(1))
    common = common - common.mean(dim=0) + 0.1
    return replace(rows, targets=common.repeat_interleave(120, dim=0)[: len(rows)])


def chosen(drift: float, data: Windows, *others: float, shape: Shape = NORMAL, **about: Any) -> Shrinkage:
    """The choice for networks that believe in these drifts, with one part for all tokens."""
    members = tuple(believing_in(each) for each in (drift, *others))
    sampler = PathSampler(members, *np.ones((2, SMALL.n_tokens)), "cosine", SAMPLING, shape)
    parts = about.pop("parts", {"all": Part(slice(0, SMALL.n_tokens), 120)})
    return chosen_shrinkage(sampler, Evidence(data, **about), parts, 1)


def test_a_drift_that_is_right_is_believed_whole() -> None:
    assert chosen(0.4, with_drift(0.4)).lean == {"all": 1.0}


def test_a_drift_that_is_twice_too_much_is_believed_by_half() -> None:
    assert chosen(0.8, with_drift(0.4)).lean == {"all": 0.5}


def test_a_drift_that_is_wrong_is_not_believed_and_the_model_is_the_random_walk() -> None:
    found = chosen(-0.4, with_drift(0.4))
    assert found.lean == {"all": 0.0}
    assert list(found.crps["all"]) == list(found.crps_leaning["all"]) == list(FACTORS)
    assert found.crps_leaning["all"][1.0] > found.crps_leaning["all"][0.0]


def test_a_drift_that_is_right_at_first_and_wrong_later_is_believed_at_first() -> None:
    parts = {"near": Part(slice(0, 4), 4), "far": Part(slice(20, SMALL.n_tokens), 120)}
    data = with_drift(0.4)
    turned = replace(data, targets=torch.cat([data.targets[:, :4], data.targets[:, 4:] - 0.8], dim=1))
    assert chosen(0.4, turned, parts=parts).lean == {"near": 1.0, "far": 0.0}


def test_a_trend_of_few_independent_outcomes_is_believed_less_than_its_score_says() -> None:
    found = chosen(0.1, one_trend())
    by_score = min(FACTORS, key=found.crps_leaning["all"].__getitem__)
    assert found.lean["all"] < by_score


def test_without_enough_independent_outcomes_no_drift_is_believed() -> None:
    parts = {"near": Part(slice(0, 4), 4), "far": Part(slice(20, SMALL.n_tokens), 120)}
    data = with_drift(0.4)
    for evidence, expected in ((len(data) // 4, {"near": 1.0, "far": 0.0}), (len(data) // 4 + 1, {"near": 0.0, "far": 0.0})):
        assert chosen(0.4, data, parts=parts, drift_evidence=evidence).lean == expected


def test_one_window_shows_no_drift() -> None:
    one = with_drift(0.4)
    alone = replace(one, targets=one.targets[:1], ahead=one.ahead[:1], origins=one.origins[:1])
    assert chosen(0.4, alone).lean == {"all": 0.0}


def test_shares_are_never_worse_than_the_random_walk_and_scores_are_in_its_deviation() -> None:
    for drift in (-0.2, 0.0, 0.1, 0.6):
        found = chosen(drift, with_drift(0.2))
        for share, scores in ((found.shrink, found.crps), (found.lean, found.crps_leaning)):
            assert scores["all"][share["all"]] <= scores["all"][0.0]
    # CRPS of a standard normal forecast of a standard normal outcome is 1/sqrt(pi) (Gneiting & Raftery 2007).
    assert chosen(0.0, with_drift(0.0)).crps["all"][0.0] == pytest.approx(1.0 / np.sqrt(np.pi), rel=0.1)


def test_windows_that_have_a_shape_choose_it_and_those_that_are_normal_do_not() -> None:
    heavy = Shape(KNOTS**2 / 2.0, KNOTS**2 / 2.0)
    outcomes = with_drift(0.0)
    assert chosen(0.0, outcomes, shape=heavy).shrink["all"] == 0.5
    raw = replace(outcomes, targets=torch.from_numpy(heavy.to_normal(outcomes.targets.numpy().astype(float))))
    assert chosen(0.0, raw, shape=heavy).shrink == {"all": 0.0}


def test_a_regression_that_is_right_is_believed_and_one_that_is_wrong_is_not() -> None:
    doubled = VolatilityRegression(np.zeros(len(COLUMNS)), np.ones(len(COLUMNS)), np.zeros((1 + len(COLUMNS), 1)))
    doubled.coefficients[0] = math.log(2.0)
    even = with_drift(0.0)
    right = chosen(0.0, replace(even, targets=2.0 * even.targets).regressed(doubled), regression=doubled)
    assert right.shrink == {"all": 0.5}
    # The unit stays the plain random walk's deviation, of which twice is right here: CRPS of N(0, 2²) is 2/sqrt(pi).
    assert right.crps["all"][1.0] == pytest.approx(2.0 / np.sqrt(np.pi), rel=0.1)
    wrong = chosen(0.0, even.regressed(doubled), regression=doubled)
    assert wrong.shrink == {"all": 0.0}
    assert wrong.crps["all"][0.0] == pytest.approx(1.0 / np.sqrt(np.pi), rel=0.1)


def test_regression_and_shape_are_believed_as_all_blocks_say_and_the_validation_windows_are_one_of_them() -> None:
    heavy = Shape(KNOTS**2 / 2.0, KNOTS**2 / 2.0)
    outcomes = with_drift(0.0)
    alone = chosen(0.0, outcomes, shape=heavy)
    assert (alone.shrink, alone.n_blocks) == ({"all": 0.5}, 1)
    assert alone.crps_blocks["all"] == {factor: alone.crps["all"][factor] for factor in BEFORE_NETWORKS}
    gain = alone.crps["all"][0.0] - alone.crps["all"][0.5]
    against = {"all": {0.0: 1.0, 0.25: 1.0 + gain, 0.5: 1.0 + 2.0 * gain}}
    refuted = chosen(0.0, outcomes, shape=heavy, earlier=[against, against])
    assert (refuted.shrink, refuted.n_blocks) == ({"all": 0.0}, 3)
    assert refuted.crps_blocks["all"][0.5] == pytest.approx((alone.crps["all"][0.5] + 2.0 + 4.0 * gain) / 3.0)
    assert refuted.crps == alone.crps


class Stretching(nn.Module):
    """What stretches its path in every step, so that samples are wider than those of a random walk by a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        # Two Euler steps of a quarter turn: x ← (1 + s·π/4)² x.
        self.share = (factor**0.5 - 1.0) / (math.pi / 4.0)

    def forward(self, path: torch.Tensor, angle: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        return -self.share * path


def test_networks_are_believed_when_they_show_what_they_add_and_not_for_a_gain_by_chance() -> None:
    def of(factor: float, data: Windows) -> Shrinkage:
        network = untrained(SMALL, 1).eval()
        network.denoiser = Stretching(factor)
        sampler = PathSampler((network,), *np.ones((2, SMALL.n_tokens)), "cosine", SAMPLING)
        return chosen_shrinkage(sampler, Evidence(data), {"all": Part(slice(0, SMALL.n_tokens), 120)}, 1)

    even = with_drift(0.0)
    assert of(1.5, replace(even, targets=1.5 * even.targets)).shrink == {"all": 1.0}
    assert of(1.5, even).shrink["all"] <= 0.5
    # Windows that share fourteen paths, which happen to be a little narrow.
    shared = torch.randn(len(even) // 120 + 1, SMALL.n_tokens, generator=torch.Generator().manual_seed(5))
    lucky = of(0.95, replace(even, targets=shared.repeat_interleave(120, dim=0)[: len(even)]))
    assert lucky.crps["all"][0.75] < lucky.crps["all"][0.5]
    assert lucky.shrink["all"] <= 0.5


def test_the_same_seed_gives_the_same_scores_and_members_are_judged_together() -> None:
    first, same = (chosen(0.4, with_drift(0.4)) for _ in range(2))
    assert first == same
    both = chosen(0.4, with_drift(0.4), -0.4)
    assert first.crps_leaning["all"][1.0] < both.crps_leaning["all"][1.0]
    assert first.crps["all"][0.0] == pytest.approx(both.crps["all"][0.0], rel=1e-12)
