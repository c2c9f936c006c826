"""Champion and challenger on the same windows: each number against playing the sets by themselves."""

import dataclasses

import numpy as np
import pytest
from search_problem import SMALL, memory_store, problem

from fxgpt_core.optimization.contest import Contest, contest
from fxgpt_core.optimization.outcome import walked_forward
from fxgpt_core.optimization.study import optimize

PROBLEM = problem()


@pytest.fixture(scope="module")
def outcome():
    return optimize(PROBLEM, SMALL, memory_store())


@pytest.fixture(scope="module")
def champion(outcome):
    return outcome.proposed.replace(sssd_forecast_horizon=outcome.proposed.sssd_forecast_horizon % 24 + 1)


@pytest.fixture(scope="module")
def found(outcome, champion):
    return contest(PROBLEM, outcome, champion)


def test_the_champion_is_one_set_on_every_test_window(found, outcome, champion):
    windows = [fold.fold.test for fold in outcome.folds]
    played = walked_forward(PROBLEM, [(champion, window) for window in windows])
    alone = [PROBLEM.evaluate(champion, window).metrics for window in windows]
    assert found.champion.parameters == champion
    assert found.champion.sharpes == tuple(each.sharpe_ratio if each.total_trades else None for each in alone)
    assert found.champion.measured.metrics == played.metrics
    assert found.champion.measured.costs.total == pytest.approx(
        sum(getattr(played.result.trades, name).sum() for name in ("commission", "spread_cost", "slippage", "impact", "swap"))
    )


def test_the_challenger_is_what_each_fold_chose(found, outcome):
    assert found.challenger.parameters == outcome.proposed
    assert found.challenger.measured.metrics == outcome.out_of_sample.metrics
    assert found.challenger.sharpes == tuple(fold.test.sharpe_ratio if fold.test else None for fold in outcome.folds)


def test_a_set_against_itself_changes_nothing_and_the_other_way_round_wins_what_was_lost(found, outcome):
    itself = contest(PROBLEM, outcome, outcome.proposed)
    assert itself.changed == ()
    assert found.changed == ("sssd_forecast_horizon",)
    turned = Contest(found.challenger, found.champion)
    equal = sum(a == b for a, b in zip(found.champion.sharpes, found.challenger.sharpes, strict=True))
    assert found.folds_won + turned.folds_won + equal == len(outcome.folds)


@pytest.mark.parametrize(
    ("old", "new", "won"),
    [((1.0, 2.0), (1.5, 1.0), 1), ((None, None), (0.5, None), 1), ((-1.0,), (None,), 0), ((1.0,), (1.0,), 0), ((), (), 0)],
)
def test_a_fold_is_won_by_the_higher_sharpe_and_lost_without_a_result(found, old, new, won):
    sides = [dataclasses.replace(side, sharpes=each) for side, each in ((found.champion, old), (found.challenger, new))]
    assert Contest(*sides).folds_won == won


def test_the_worst_month_is_the_lowest_return_and_not_the_last(found):
    months = found.champion.measured.months
    name, value = found.champion.worst_month
    assert value == min(months.values()) == months[name]
    assert np.isfinite(value)
