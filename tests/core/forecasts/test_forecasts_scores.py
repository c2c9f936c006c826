"""Scores against scikit-learn, a closed form and cases small enough for the head."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import mean_pinball_loss, root_mean_squared_error

from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import LEVELS, Forecasts
from fxgpt_core.forecasts.scores import central_coverage, crps, directional_accuracy, drawdown, pinball, rmse, sign_returns

N = 400
RNG = np.random.default_rng(11)
VALUES = np.sort(RNG.normal(size=(N, 24, 21)), axis=2)
OUTCOME = RNG.normal(size=(N, 24))
STEPS = np.arange(1, 25, dtype=np.int32)


def of_values(values: np.ndarray) -> Forecasts:
    n = len(values)
    return Forecasts("EURUSD", "1h", np.arange(n, dtype=np.int64), np.ones(n), STEPS, LEVELS, values, np.ones((n, 24)))


def medians(rows: list[list[float]]) -> Forecasts:
    return of_values(np.repeat(np.array(rows)[:, :, None], 21, axis=2))


def test_pinball_is_scikit_learns() -> None:
    for level in (0.025, 0.5, 0.9):
        expected = mean_pinball_loss(OUTCOME[:, 0], VALUES[:, 0, 3], alpha=level)
        assert pinball(VALUES[:, 0, 3], OUTCOME[:, 0], level).mean() == pytest.approx(expected)


def test_crps_is_twice_the_trapezoid_of_scikit_learns_pinball_over_all_levels() -> None:
    scores = crps(of_values(VALUES), OUTCOME).mean(axis=0)
    for step in (0, 7, 23):
        losses = [mean_pinball_loss(OUTCOME[:, step], VALUES[:, step, i], alpha=level) for i, level in enumerate(LEVELS.tolist())]
        expected = 2.0 * np.trapezoid([0.0, *losses, 0.0], [0.0, *LEVELS.tolist(), 1.0])
        assert scores[step] == pytest.approx(expected)


@pytest.mark.parametrize("true_width", [0.7, 1.0, 1.6])
def test_crps_of_a_normal_forecast_is_the_closed_form(true_width: float) -> None:
    forecast = of_values(np.tile(norm.ppf(LEVELS), (20_000, 24, 1)))
    outcome = true_width * np.random.default_rng(5).normal(size=(20_000, 24))
    # CRPS of N(0,1) at y: y(2Φ(y) − 1) + 2φ(y) − 1/√π (Gneiting & Raftery 2007, equation 21).
    exact = outcome * (2.0 * norm.cdf(outcome) - 1.0) + 2.0 * norm.pdf(outcome) - 1.0 / np.sqrt(np.pi)
    assert crps(forecast, outcome).mean() == pytest.approx(exact.mean(), rel=0.01)


def test_crps_is_best_for_the_true_width() -> None:
    score = {w: crps(of_values(np.tile(w * norm.ppf(LEVELS), (N, 24, 1))), OUTCOME).mean() for w in (0.6, 1.0, 1.7)}
    assert min(score, key=score.__getitem__) == 1.0


def test_an_unknown_outcome_has_no_score_and_spoils_no_other() -> None:
    outcome = OUTCOME.copy()
    outcome[3, 5] = np.nan
    scores = crps(of_values(VALUES), outcome)
    assert np.argwhere(np.isnan(scores)).tolist() == [[3, 5]]
    assert np.isfinite(rmse(of_values(VALUES), outcome)).all()
    assert np.isfinite(directional_accuracy(of_values(VALUES), outcome)).all()


def test_rmse_is_scikit_learns_of_the_median() -> None:
    expected = [root_mean_squared_error(OUTCOME[:, s], VALUES[:, s, 10]) for s in range(24)]
    np.testing.assert_allclose(rmse(of_values(VALUES), OUTCOME), expected)


def test_direction_counts_signs_of_known_moves_and_a_flat_median_misses() -> None:
    forecast = medians([[1.0] * 24, [-1.0] * 24, [0.0] * 24, [2.0] * 24, [1.0] * 24])
    outcome = np.tile(np.array([[0.5], [0.5], [0.5], [0.0], [np.nan]]), (1, 24))
    np.testing.assert_allclose(directional_accuracy(forecast, outcome), np.full(24, 1 / 3))


def test_a_step_without_outcome_has_no_score() -> None:
    outcome = OUTCOME.copy()
    outcome[:, 23] = np.nan
    assert np.isnan(rmse(of_values(VALUES), outcome)[23])
    assert np.isnan(directional_accuracy(of_values(VALUES), outcome)[23])


def test_central_bands_of_the_true_distribution_cover_what_they_say() -> None:
    outcome = np.random.default_rng(5).normal(size=(20_000, 24))
    covered = central_coverage(of_values(np.tile(norm.ppf(LEVELS), (20_000, 24, 1))), outcome)
    np.testing.assert_allclose(covered, np.tile([0.5, 0.8, 0.95], (24, 1)), atol=0.015)


def test_central_coverage_counts_known_outcomes_only_and_edges_as_inside() -> None:
    forecast = of_values(np.tile(norm.ppf(LEVELS), (5, 24, 1)))
    edge = norm.ppf(0.75)
    outcome = np.tile(np.array([[0.0], [edge], [1.0], [3.0], [np.nan]]), (1, 24))
    outcome[:, 23] = np.nan
    covered = central_coverage(forecast, outcome)
    np.testing.assert_allclose(covered[0], [2 / 4, 3 / 4, 3 / 4])
    assert np.isnan(covered[23]).all()
    with pytest.raises(BadInputError, match=r"quantile level 0\.005"):
        central_coverage(forecast, outcome, (0.99,))


def test_the_sign_strategy_earns_the_move_with_the_sign_of_the_median() -> None:
    forecast = medians([[1.0] * 24, [-1.0] * 24, [0.0] * 24, [2.0] * 24])
    outcome = np.tile(np.array([[0.5], [0.5], [0.5], [np.nan]]), (1, 24))
    np.testing.assert_array_equal(sign_returns(forecast, outcome)[:, 3], [0.5, -0.5, 0.0, np.nan])
    np.testing.assert_array_equal(sign_returns(forecast, outcome, stride=3)[:, 3], [0.5, np.nan])


@pytest.mark.parametrize(
    ("returns", "deepest"),
    [([1.0, -3.0, 1.0, -2.0, 5.0], 4.0), ([-1.0, -1.0], 2.0), ([1.0, 2.0], 0.0), ([], 0.0)],
)
def test_drawdown_is_the_deepest_fall_from_the_peak_so_far(returns: list[float], deepest: float) -> None:
    assert drawdown(np.array(returns)) == deepest
