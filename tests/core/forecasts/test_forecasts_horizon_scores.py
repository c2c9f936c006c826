"""Scores by horizon against numbers worked out by hand, and horizons that contradict each other."""

import numpy as np
import pytest
from forecast_examples import random_walk, real_candles, real_features
from scipy.stats import norm
from sklearn.metrics import accuracy_score, root_mean_squared_error

from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import LEVELS, Forecasts, realised
from fxgpt_core.forecasts.horizon_scores import contradictions, horizon_scores
from fxgpt_core.market.timeframes import HOUR_US

STEPS = np.array([1, 4, 24, 120], dtype=np.int32)
RNG = np.random.default_rng(0)


def leaning(medians: np.ndarray, scale: float = 1e-3) -> Forecasts:
    """Gaussian forecasts whose medians float64[N,4] are given in deviations."""
    n = len(medians)
    scales = np.full((n, 4), scale)
    values = scales[:, :, None] * (medians[:, :, None] + norm.ppf(LEVELS))
    known_at = 1_600_000_000_000_000 + HOUR_US * np.arange(n, dtype=np.int64)
    return Forecasts("EURUSD", "1h", known_at, np.ones(n), STEPS, LEVELS, values, scales)


def test_each_named_horizon_has_its_scores_as_scikit_learn_has_them() -> None:
    medians, outcome = RNG.normal(size=(600, 4)), 1e-3 * RNG.normal(size=(600, 4))
    scores = horizon_scores(leaning(medians), outcome)
    assert [(score.horizon, score.step) for score in scores] == [("1h", 1), ("4h", 4), ("1d", 24), ("1w", 120)]
    for s, score in enumerate(scores):
        assert (score.n, score.n_eff) == (600, 600 // score.step)
        assert score.accuracy == pytest.approx(accuracy_score(np.sign(outcome[:, s]), np.sign(medians[:, s])))
        assert score.rmse == pytest.approx(root_mean_squared_error(outcome[:, s], 1e-3 * medians[:, s]))
        assert score.skill == pytest.approx(1.0 - score.crps / score.crps_random_walk)
        assert score.skill < 0.0
        assert score.difference == pytest.approx(score.crps - score.crps_random_walk)
        assert score.low is not None
        assert 0.0 < score.low < score.difference < score.high  # type: ignore[operator]


def test_what_knows_the_future_has_skill_and_a_sharpe_that_is_the_mean_over_the_deviation_of_its_trades() -> None:
    outcome = 1e-3 * RNG.normal(size=(600, 4))
    knowing = horizon_scores(leaning(outcome / 1e-3), outcome)
    for s, score in enumerate(knowing):
        trades = np.abs(outcome[:: score.step, s])
        a_year = len(trades) / (599 * HOUR_US / (365.25 * 86_400e6))
        assert score.sharpe == pytest.approx(trades.mean() / trades.std(ddof=1) * np.sqrt(a_year))
        assert (score.accuracy, score.drawdown) == (1.0, 0.0)
        assert score.skill > 0.5
    losing = horizon_scores(leaning(-outcome / 1e-3), outcome)[0]
    assert losing.sharpe == pytest.approx(-knowing[0].sharpe)  # type: ignore[operator]
    assert losing.drawdown == pytest.approx(np.abs(outcome[:, 0]).sum())


def test_the_random_walk_against_itself_has_no_skill_and_no_trades() -> None:
    forecasts = random_walk().forecast(real_features(), real_candles(), np.arange(400, 1990), seed=0)
    outcome = realised(real_candles().close, real_candles().known_at_us, forecasts)
    for score in horizon_scores(forecasts, outcome):
        assert (score.skill, score.difference, score.sharpe, score.drawdown) == (0.0, 0.0, None, 0.0)
        assert score.accuracy == 0.0
        assert all(0.0 < share <= 1.0 for share in score.covered)
    assert horizon_scores(forecasts, outcome)[3].n == 1590 - (400 + 1590 + 120 - 2000)


def test_horizons_without_a_known_outcome_are_left_out_and_all_of_them_are_refused() -> None:
    outcome = 1e-3 * RNG.normal(size=(30, 4))
    outcome[:, 3] = np.nan
    assert [score.horizon for score in horizon_scores(leaning(np.ones((30, 4))), outcome)] == ["1h", "4h", "1d"]
    assert horizon_scores(leaning(np.ones((30, 4))), outcome)[2].difference is None
    with pytest.raises(BadInputError, match="none of 30 forecasts has an outcome that is known"):
        horizon_scores(leaning(np.ones((30, 4))), np.full((30, 4), np.nan))


def test_opposite_medians_are_contradictions_where_both_are_clear() -> None:
    medians = np.array([[1.0, 1.0, -1.0, 0.0], [1.0, -1.0, -1.0, 0.05], [0.05, -1.0, 1.0, 0.0], [1.0, 1.0, 1.0, -0.01]])
    found = {(one.shorter, one.longer): (one.n, one.share) for one in contradictions(leaning(medians))}
    assert found == {
        ("1h", "4h"): (3, pytest.approx(1 / 3)),
        ("1h", "1d"): (3, pytest.approx(2 / 3)),
        ("4h", "1d"): (4, 0.5),
        ("1h", "1w"): (0, 0.0),
        ("4h", "1w"): (0, 0.0),
        ("1d", "1w"): (0, 0.0),
    }
    every = {(one.shorter, one.longer): one.n for one in contradictions(leaning(medians), clear=0.0)}
    assert every["1h", "4h"] == 4
