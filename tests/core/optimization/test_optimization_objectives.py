"""Objectives: natural signs, and idleness is never good."""

from dataclasses import replace

import numpy as np
import optuna
import pytest
from search_problem import problem

from fxgpt_core.optimization.objectives import DIRECTIONS, IDLE, Objectives, gains, objective_value, objectives_of
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


def test_any_trial_that_trades_dominates_an_idle_one() -> None:
    whole = Window(0, 2**62)
    small = problem(24 * 20)
    traded = objectives_of(small.evaluate(StrategyParameters.default(), whole).metrics, 1)
    assert traded != IDLE
    points = gains([traded, IDLE])
    assert dominates(points[0], points[1])


def test_no_trades_are_idle_however_low_the_minimum() -> None:
    small = problem(24 * 20)
    nothing = small.evaluate(StrategyParameters.default(), Window(0, 1)).metrics
    assert nothing.total_trades == 0
    assert objectives_of(nothing, 0) == IDLE


def test_fewer_trades_than_asked_are_idle() -> None:
    measured = problem(24 * 20).evaluate(StrategyParameters.default(), Window(0, 2**62)).metrics
    assert objectives_of(measured, measured.total_trades) != IDLE
    assert objectives_of(measured, measured.total_trades + 1) == IDLE


def test_objectives_survive_json() -> None:
    assert Objectives.from_json(GOOD.to_json()) == GOOD
    assert gains([]).shape == (0, 4)
    assert np.array_equal(gains([GOOD]), [[1.5, -4.0, 1.6, -0.1]])
