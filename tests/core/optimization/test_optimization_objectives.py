"""Objectives: natural signs, and idleness is never good."""

from dataclasses import replace

import numpy as np
import optuna
import pytest
from search_problem import problem

from fxgpt_core.optimization.objectives import (
    DIRECTIONS,
    WORST,
    Objectives,
    Weights,
    gains,
    objective_value,
    objectives_of,
    weighted,
)
from fxgpt_core.optimization.pareto import dominates, pareto_front
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.validation.folds import Window

GOOD = Objectives(sharpe=1.5, max_drawdown=4.0, profit_factor=1.6, cost_ratio=0.1)
BETTER = [
    replace(GOOD, sharpe=2.0),
    replace(GOOD, max_drawdown=3.0),
    replace(GOOD, profit_factor=1.7),
    replace(GOOD, cost_ratio=0.05),
]


@pytest.mark.parametrize("better", BETTER)
def test_a_candidate_better_in_one_objective_and_worse_in_none_dominates(better: Objectives) -> None:
    points = gains([GOOD, better])
    assert dominates(points[1], points[0])
    assert not dominates(points[0], points[1])
    assert pareto_front(points) == [1]
    assert objective_value(better) > objective_value(GOOD)


@pytest.mark.parametrize("better", BETTER)
def test_optuna_agrees_with_the_directions(better: Objectives) -> None:
    study = optuna.create_study(directions=list(DIRECTIONS))
    study.add_trials([optuna.trial.create_trial(values=list(row.values())) for row in (GOOD, better)])
    assert [trial.number for trial in study.best_trials] == [1]


def test_any_trial_that_trades_dominates_one_that_does_not() -> None:
    small = problem(24 * 20)
    traded = objectives_of(small.evaluate(StrategyParameters.default(), Window(0, 2**62)).metrics)
    nothing = small.evaluate(StrategyParameters.default(), Window(0, 1)).metrics
    assert nothing.total_trades == 0
    assert objectives_of(nothing) == WORST
    points = gains([traded, WORST])
    assert dominates(points[0], points[1])


def test_the_weighted_objective_by_hand() -> None:
    assert objective_value(GOOD) == pytest.approx(0.5 * 1.5 - 0.3 * 0.4 + 0.15 * 1.6 - 0.05 * 0.1)
    rows = np.array([GOOD.values(), (2.0, 10.0, 3.0, 0.5)])
    assert weighted(rows, Weights(1.0, 2.0, 4.0, 8.0)) == pytest.approx([1.5 - 0.8 + 6.4 - 0.8, 2.0 - 2.0 + 12.0 - 4.0])


def test_objectives_survive_json() -> None:
    assert Objectives.from_json(GOOD.to_json()) == GOOD
    assert gains([]).shape == (0, 4)
    assert np.array_equal(gains([GOOD]), [[1.5, -4.0, 1.6, -0.1]])
