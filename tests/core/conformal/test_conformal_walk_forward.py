"""Walk-forward scores against formulas written out, and against leaks."""

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from fxgpt_core.conformal.calibration import CalibrationParameters
from fxgpt_core.conformal.cqr import Cqr
from fxgpt_core.conformal.outcomes import Outcomes, outcomes_of
from fxgpt_core.conformal.tracker import Tracker
from fxgpt_core.conformal.walk_forward import WalkForwardScores, walk_forward_scores
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import LEVELS, Forecasts
from fxgpt_core.validation.folds import Fold, FoldParameters, walk_forward

HOUR_US = 3_600_000_000
STEPS = np.array([1, 3, 6], dtype=np.int32)
N = 24 * 60
VOLATILITY = 0.001
PARAMETERS = FoldParameters(train_days=20, test_days=7, step_days=7, purge_candles=6)


def series(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    close = np.exp(np.cumsum(np.random.default_rng(seed).standard_normal(N) * VOLATILITY))
    return close, np.arange(N, dtype=np.int64) * HOUR_US


def forecast_of(close: np.ndarray, known_at: np.ndarray, *, width: float = 1.0, edge: float = 0.0) -> Forecasts:
    from scipy.stats import norm

    scale = np.broadcast_to(VOLATILITY * np.sqrt(STEPS), (N, len(STEPS))).copy()
    logs = np.log(close)
    ahead = logs[np.minimum(np.arange(N)[:, None] + STEPS, N - 1)] - logs[:, None]
    values = edge * ahead[:, :, None] + width * scale[:, :, None] * norm.ppf(LEVELS)
    return Forecasts("EURUSD", "1h", known_at, close, STEPS, LEVELS, values, scale)


def scored(forecasts: Forecasts, close: np.ndarray, known_at: np.ndarray) -> WalkForwardScores:
    return walk_forward_scores(forecasts, outcomes_of(close, known_at, forecasts), walk_forward(known_at, PARAMETERS))


def test_a_random_walk_has_no_skill_and_covers_as_promised() -> None:
    close, known_at = series()
    result = scored(forecast_of(close, known_at), close, known_at)
    assert {(row.fold, row.step) for row in result.folds} == {(f, s) for f in range(5) for s in (1, 3, 6)}
    assert all(row.skill == pytest.approx(0.0, abs=1e-6) for row in result.folds)
    assert all(row.rmse == row.rmse_random_walk for row in result.folds)
    for row in result.pooled:
        assert row.observed == pytest.approx(row.nominal, abs=0.1)
        assert row.verdict == "holds"


def test_a_forecast_that_knows_half_the_move_has_skill_and_direction() -> None:
    close, known_at = series()
    result = scored(forecast_of(close, known_at, edge=0.5, width=0.5), close, known_at)
    known = [row for row in result.folds if row.n > 100]
    assert all(row.skill > 0.4 for row in known)
    assert all(row.accuracy == 1.0 for row in known)
    assert all(row.rmse == pytest.approx(0.5 * row.rmse_random_walk) for row in known)


@pytest.mark.parametrize("width", [0.3, 3.0])
def test_recalibration_repairs_a_wrong_width_in_every_fold(width: float) -> None:
    close, known_at = series(1)
    result = scored(forecast_of(close, known_at, width=width), close, known_at)
    for row in result.pooled:
        assert row.observed == pytest.approx(row.nominal, abs=0.06)
    assert all(row.skill < -0.1 for row in result.folds)


def test_the_numbers_of_one_fold_equal_the_formulas_written_out() -> None:
    close, known_at = series(2)
    forecasts = forecast_of(close, known_at, edge=0.2)
    outcome = outcomes_of(close, known_at, forecasts).realised
    fold = walk_forward(known_at, PARAMETERS)[1]
    row = next(row for row in scored(forecasts, close, known_at).folds if (row.fold, row.step) == (1, 3))
    rows = [i for i in range(N) if fold.test.start_us <= known_at[i] < fold.test.stop_us]
    y, median = outcome[rows, 1], forecasts.values[rows, 1, 10]
    levels = forecasts.levels.tolist()
    losses = [mean_pinball_loss(y, forecasts.values[rows, 1, k], alpha=level) for k, level in enumerate(levels)]
    assert row.n == len(rows) == 168
    assert row.crps == pytest.approx(2 * np.trapezoid([0, *losses, 0], [0, *levels, 1]))
    assert row.rmse == pytest.approx(np.sqrt(np.mean((y - median) ** 2)))
    assert row.accuracy == pytest.approx(np.mean(np.sign(y) == np.sign(median)))


def test_the_method_of_the_folds_is_the_one_that_is_asked_for() -> None:
    close, known_at = series(4)
    forecasts = forecast_of(close, known_at)
    outcomes, folds = outcomes_of(close, known_at, forecasts), walk_forward(known_at, PARAMETERS)
    tables = [walk_forward_scores(forecasts, outcomes, folds, CalibrationParameters(m)).pooled for m in (Cqr(), Tracker())]
    assert [row.mean_width for row in tables[0]] != [row.mean_width for row in tables[1]]


def test_what_happens_after_a_fold_does_not_change_its_scores() -> None:
    close, known_at = series(3)
    forecasts = forecast_of(close, known_at)
    folds = walk_forward(known_at, PARAMETERS)
    stop = folds[1].test.slice(known_at).stop + int(STEPS.max())
    changed = close.copy()
    changed[stop:] *= 1.5
    before = walk_forward_scores(forecasts, outcomes_of(close, known_at, forecasts), folds[:2])
    after = walk_forward_scores(forecasts, outcomes_of(changed, known_at, forecasts), folds[:2])
    assert before == after


def test_a_fold_whose_train_labels_reach_into_the_test_is_refused() -> None:
    close, known_at = series()
    forecasts = forecast_of(close, known_at)
    folds = walk_forward(known_at, FoldParameters(train_days=20, purge_candles=5))
    with pytest.raises(BadInputError, match="1 train rows of fold 0 have a label of 6 candles"):
        walk_forward_scores(forecasts, outcomes_of(close, known_at, forecasts), folds)


def test_folds_without_a_known_outcome_are_refused() -> None:
    close, known_at = series()
    forecasts = forecast_of(close, known_at)
    there = outcomes_of(close, known_at, forecasts)
    unknown = Outcomes(there.rows, np.full((N, len(STEPS)), np.nan), there.known_us)
    folds: list[Fold] = walk_forward(known_at, PARAMETERS)
    with pytest.raises(BadInputError, match="none of 5 folds"):
        walk_forward_scores(forecasts, unknown, folds)
