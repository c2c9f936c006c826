"""Regression and shape, judged block by block, each by the windows before it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fxgpt_core.diffusion.shape import KNOTS, NORMAL, Shape
from fxgpt_core.forecasts.horizons import Part
from fxgpt_core.forecasts.relative_volatility import COLUMNS
from fxgpt_core.forecasts.volatility_regression import FEWEST
from fxgpt_core.training.dispersion import BEFORE_NETWORKS, earlier_scores, fit_dispersion
from fxgpt_core.training.windows import Windows

TOKENS, REACH, SIZE = 28, 120, 400
PARTS = {"near": Part(slice(0, 4), 4), "far": Part(slice(4, TOKENS), REACH)}
HEAVY = Shape(0.6 * KNOTS + 0.1 * KNOTS**3, KNOTS)


def made(n: int = FEWEST + REACH + 4 * SIZE + 50, told: float = 0.4) -> Windows:
    """Windows whose increments are of a shape, and as large as the first volatility column tells."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((n, 2 + len(COLUMNS))).astype(np.float32)
    increments = HEAVY.of_normal(rng.standard_normal((n, TOKENS))) * np.exp(told * inputs[:, 2:3])
    return Windows(
        torch.from_numpy(inputs),
        torch.from_numpy(increments.astype(np.float32)),
        torch.full((n, TOKENS), 1e-3),
        torch.arange(n),
        context=1,
        reach=REACH,
    )


def test_what_spreads_is_found_in_every_block_that_has_enough_before_it() -> None:
    data = made()
    found = earlier_scores(data, SIZE / len(data), PARTS)
    assert len(found) == 3
    for block in found:
        for part in PARTS:
            assert list(block[part]) == list(BEFORE_NETWORKS)
            assert block[part][0.5] < 0.98 * block[part][0.0]
            assert block[part][0.5] < block[part][0.25] < block[part][0.0]


def test_blocks_know_nothing_of_what_comes_after_them_nor_of_the_validation_windows() -> None:
    data = made()
    before = earlier_scores(data, SIZE / len(data), PARTS)
    last = replace(data, targets=torch.cat([data.targets[:-SIZE], 9.0 * data.targets[-SIZE:]]))
    assert earlier_scores(last, SIZE / len(data), PARTS) == before
    two = replace(data, targets=torch.cat([data.targets[: -2 * SIZE], 9.0 * data.targets[-2 * SIZE :]]))
    after = earlier_scores(two, SIZE / len(data), PARTS)
    assert after[0] != before[0]
    assert after[1:] == before[1:]


def test_without_a_regression_and_a_shape_every_spread_is_the_random_walk() -> None:
    rng = np.random.default_rng(1)
    data = made(told=0.0)
    even = replace(data, targets=torch.from_numpy(rng.standard_normal(data.targets.shape).astype(np.float32)))
    for block in earlier_scores(even, SIZE / len(data), PARTS):
        for part in PARTS:
            assert block[part][0.5] == pytest.approx(block[part][0.0], rel=5e-3)


def test_too_few_windows_before_a_block_tell_nothing() -> None:
    data = made(FEWEST + REACH + 2 * SIZE + 10)
    assert len(earlier_scores(data, SIZE / len(data), PARTS)) == 1
    short = made(FEWEST + REACH + 2 * SIZE - 10)
    assert earlier_scores(short, SIZE / len(short), PARTS) == []
    assert earlier_scores(made(50), 0.01, PARTS) == []


def test_shape_and_regression_are_those_of_the_windows() -> None:
    shape, regression = fit_dispersion(made(6_000))
    assert shape is not NORMAL
    np.testing.assert_allclose(shape.candle[:8], (HEAVY.candle / np.sqrt(np.mean(HEAVY.of_normal(
        np.random.default_rng(2).standard_normal((100_000, 1))) ** 2)))[:8], rtol=0.06)  # fmt: skip
    factors = regression.factors(np.eye(2 + len(COLUMNS))[2:3] * 1.0)
    plain = regression.factors(np.zeros((1, 2 + len(COLUMNS))))
    np.testing.assert_allclose(np.log(factors / plain), 0.4, atol=0.05)
