"""Scores by step against numbers worked out by hand."""

from dataclasses import asdict

import numpy as np
import pytest

from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.forecasts.step_scores import step_scores

LEVELS = np.array([0.25, 0.5, 0.75])
UPPER_QUARTILE = 0.6744897501960817
WALK = 1.0 / UPPER_QUARTILE
"""The scale at which a random walk's quartiles are -1, 0 and 1."""


def forecasts_of(quartiles: list[list[tuple[float, float, float]]], scale: list[list[float]]) -> Forecasts:
    n, steps = len(quartiles), np.array([1, 5, 24], dtype=np.int32)
    known_at = np.arange(n, dtype=np.int64)
    return Forecasts("EURUSD", "1h", known_at, np.ones(n), steps, LEVELS, np.array(quartiles), np.array(scale))


def test_the_scores_of_a_step_are_those_worked_out_by_hand_and_only_known_outcomes_count() -> None:
    nothing, wide = (0.0, 0.0, 0.0), (-1.0, 0.0, 1.0)
    quartiles = [[(1.0, 2.0, 3.0), nothing, wide], [(0.0, 1.0, 2.0), nothing, wide], [(50.0, 60.0, 70.0), nothing, wide]]
    outcome = np.array([[2.0, np.nan, 0.0], [-1.0, np.nan, 0.0], [np.nan, np.nan, 0.0]])
    first, last = step_scores(forecasts_of(quartiles, [[WALK, WALK, 0.0]] * 3), outcome)
    # CRPS over three levels is half the sum of their pinball losses: ours (0.5 + 2.5) / 2 / 2, the walk's (2.5 + 1) / 2 / 2.
    assert asdict(first) == {
        "step": 1,
        "n": 2,
        "crps": pytest.approx(0.75),
        "crps_random_walk": pytest.approx(0.875),
        "skill": pytest.approx(1 / 7),
        "accuracy": 0.5,
        "rmse": pytest.approx(2**0.5),
        "rmse_random_walk": pytest.approx(2.5**0.5),
    }
    # Nothing moved, as a walk of no volatility knew: no error to be better than, and no direction to be right about.
    assert (last.step, last.n, last.crps, last.crps_random_walk) == (24, 3, pytest.approx(0.25), 0.0)
    assert (last.skill, last.accuracy, last.rmse) == (0.0, 0.0, 0.0)


def test_without_a_known_outcome_there_is_no_score() -> None:
    assert step_scores(forecasts_of([[(-1.0, 0.0, 1.0)] * 3], [[1.0] * 3]), np.full((1, 3), np.nan)) == ()
