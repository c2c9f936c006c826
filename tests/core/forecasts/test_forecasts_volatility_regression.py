"""What other volatilities tell of the next: against statsmodels, a planted relation, and never far beyond what was seen."""

import numpy as np
import pytest
import statsmodels.api as sm

from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts import volatility_regression
from fxgpt_core.forecasts.volatility_regression import FEWEST, UNCHANGED, WIDEST, fit_volatility_regression

N = 6_000


def planted(slopes: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Columns [N,K] and increments [N,T] whose deviation is exp of the columns times slopes [K,T]."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(0.5, 0.4, (N, len(slopes)))
    return columns, np.exp(columns @ slopes) * rng.standard_normal((N, slopes.shape[1]))


def test_a_planted_relation_is_found_and_what_is_left_has_mean_square_one() -> None:
    slopes = np.array([[0.5, 0.1], [0.0, -0.3]])
    columns, increments = planted(slopes)
    found = fit_volatility_regression(columns, increments)
    np.testing.assert_allclose(found.coefficients[1:] / found.deviation[:, None], slopes, atol=0.04)
    factors = found.factors(columns)
    np.testing.assert_allclose(factors, np.exp(columns @ slopes), rtol=0.1)
    np.testing.assert_allclose(np.mean((increments / factors) ** 2, axis=0), 1.0, rtol=1e-6)


def test_it_is_the_gamma_regression_of_statsmodels_with_the_same_ridge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volatility_regression, "_RIDGE", 0.0)
    columns, increments = planted(np.array([[0.4], [-0.2], [0.1]]), seed=3)
    found = fit_volatility_regression(columns, increments)
    design = sm.add_constant(np.clip((columns - columns.mean(axis=0)) / columns.std(axis=0), -5.0, 5.0))
    family = sm.families.Gamma(link=sm.families.links.Log())
    expected = sm.GLM(np.abs(increments[:, 0]), design, family=family).fit(tol=1e-12).params
    np.testing.assert_allclose(found.coefficients[1:, 0], expected[1:], rtol=1e-6)


def test_a_shock_of_twenty_deviations_hardly_moves_it() -> None:
    columns, increments = planted(np.array([[0.3], [0.2]]))
    shocked = increments.copy()
    shocked[100] *= 20.0
    plain, moved = (fit_volatility_regression(columns, each).coefficients[1:] for each in (increments, shocked))
    np.testing.assert_allclose(moved, plain, atol=0.02)


def test_only_the_last_columns_of_the_inputs_are_read_and_a_constant_one_tells_nothing() -> None:
    columns, increments = planted(np.array([[0.3], [0.2]]))
    constant = np.column_stack([columns, np.full(N, 7.0)])
    found = fit_volatility_regression(constant, increments)
    inputs = np.column_stack([np.random.default_rng(1).standard_normal((N, 4)), constant])
    assert found.factors(inputs).tobytes() == found.factors(constant).tobytes()
    other = inputs.copy()
    other[:, -1] = 9.0
    np.testing.assert_array_equal(found.factors(other), found.factors(inputs))


def test_factors_stay_within_bounds_whatever_the_columns_say() -> None:
    columns, increments = planted(np.array([[2.0], [2.0]]))
    factors = fit_volatility_regression(columns, increments).factors(np.array([[1e9, 1e9], [-1e9, -1e9]]))
    np.testing.assert_allclose(factors[:, 0], [WIDEST, 1.0 / WIDEST], rtol=1e-12)


def test_with_few_origins_nothing_is_changed() -> None:
    columns, increments = planted(np.array([[0.5], [0.2]]))
    found = fit_volatility_regression(columns[: FEWEST - 1], increments[: FEWEST - 1])
    assert found is UNCHANGED
    np.testing.assert_array_equal(UNCHANGED.factors(columns), np.ones((N, 1)))


def test_what_does_not_settle_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volatility_regression, "_MOST_STEPS", 1)
    columns, increments = planted(np.array([[0.5], [0.2]]))
    with pytest.raises(BadInputError, match="did not settle on 6000 origins"):
        fit_volatility_regression(columns, increments)
