"""Quantiles of sums that are not drawn, against those of many that are."""

import numpy as np
import pytest

from fxgpt_core.diffusion.independent_sums import IndependentSums
from fxgpt_core.diffusion.shape import KNOTS, NORMAL, Shape
from fxgpt_core.forecasts.forecast import LEVELS, normal_quantiles

TOKENS = 28
HEAVY = Shape(0.7 * KNOTS + 0.08 * KNOTS**3, 0.9 * KNOTS + 0.02 * KNOTS**3)
AHEAD = 1e-3 * np.array([*np.linspace(0.5, 2.0, 24), 5.0, 4.0, 6.0, 5.0])


@pytest.mark.parametrize("deviation", [0.1, 0.5, 1.0, 3.0])
def test_quantiles_are_those_of_many_drawn_sums(deviation: float) -> None:
    half = deviation * np.random.default_rng(0).standard_normal((200_000, TOKENS))
    sums = np.cumsum(HEAVY.of_normal(np.concatenate([half, -half])) * AHEAD, axis=1)
    found = IndependentSums(HEAVY, deviation).quantiles(AHEAD)
    drawn = np.quantile(sums, LEVELS, axis=0).T
    np.testing.assert_allclose((found - drawn) / sums.std(axis=0)[:, None], 0.0, atol=0.02)


def test_the_first_token_is_told_exactly_and_all_quantiles_are_symmetric_and_apart() -> None:
    found = IndependentSums(HEAVY, 1.0).quantiles(AHEAD)
    first = AHEAD[0] * HEAVY.of_normal(normal_quantiles(np.ones(1)).T)[:, 0]
    np.testing.assert_allclose(found[0], first, rtol=1e-12, atol=1e-18)
    assert (found[:, ::-1] == -found).all()
    assert (np.diff(found, axis=1) > 0.0).all()


def test_normal_tokens_have_normal_sums_exactly_and_those_that_are_nearly_normal_nearly() -> None:
    expected = normal_quantiles(0.8 * np.sqrt(np.cumsum(AHEAD**2)))
    assert IndependentSums(NORMAL, 0.8).quantiles(AHEAD).tobytes() == expected.tobytes()
    nearly = Shape(KNOTS * (1.0 + 1e-9), KNOTS)
    np.testing.assert_allclose(IndependentSums(nearly, 0.8).quantiles(AHEAD), expected, rtol=2e-3, atol=1e-18)


def test_a_price_that_mostly_stands_still_has_quantiles_that_rise_and_are_finite() -> None:
    still = Shape(np.where(KNOTS < 2.0, KNOTS * 1e-3, 4.0 * KNOTS - 7.0), np.where(KNOTS < 2.0, KNOTS * 1e-3, 4.0 * KNOTS - 7.0))
    found = IndependentSums(still, 1.0).quantiles(AHEAD)
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=1) >= 0.0).all()
    assert np.abs(found).max() <= 6.0 * np.sqrt(np.sum(AHEAD**2)) + 1e-12


def test_quantiles_have_the_unit_of_the_tokens() -> None:
    sums = IndependentSums(HEAVY, 1.0)
    np.testing.assert_allclose(sums.quantiles(1e4 * AHEAD), 1e4 * sums.quantiles(AHEAD), rtol=1e-9)
    alike = IndependentSums(Shape(HEAVY.candle, HEAVY.candle), 1.0).quantiles(AHEAD)
    assert (alike[:24] == sums.quantiles(AHEAD)[:24]).all()
    assert (alike[24:, -1] != sums.quantiles(AHEAD)[24:, -1]).all()
