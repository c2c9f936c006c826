"""Champion and challenger on the same windows: each number against playing the sets by themselves."""

import dataclasses
from datetime import UTC, datetime

import numpy as np
import pytest
from search_problem import SMALL, memory_store, problem, with_components

from fxgpt_core.optimization.contest import Contest, can_play, contest
from fxgpt_core.optimization.outcome import walked_forward
from fxgpt_core.optimization.regime_table import regime_table
from fxgpt_core.optimization.study import optimize
from fxgpt_core.regimes.regime import REGIMES
from fxgpt_core.reports.optimization import OptimizationReport, RunFacts
from fxgpt_core.reports.optimization_page import as_html
from fxgpt_core.reports.stored_optimization import with_choices_played
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.regime_sets import RegimeSets

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
    assert found.champion.strategy == champion
    assert found.champion.sharpes == tuple(each.sharpe_ratio if each.total_trades else None for each in alone)
    assert found.champion.measured.metrics == played.metrics
    assert found.champion.measured.costs.total == pytest.approx(
        sum(getattr(played.result.trades, name).sum() for name in ("commission", "spread_cost", "slippage", "impact", "swap"))
    )


def test_the_challenger_is_what_each_fold_chose(found, outcome):
    assert found.challenger.strategy == outcome.proposed
    assert found.challenger.measured.metrics == outcome.out_of_sample.metrics
    assert found.challenger.sharpes == tuple(fold.test.sharpe_ratio if fold.test else None for fold in outcome.folds)


def test_a_set_against_itself_changes_nothing_and_the_other_way_round_wins_what_was_lost(found, outcome, champion):
    itself = contest(PROBLEM, outcome, outcome.proposed)
    assert itself.changed == ()
    (change,) = found.changed
    horizons = (champion.sssd_forecast_horizon, outcome.proposed.sssd_forecast_horizon)
    assert change == ("global", "sssd_forecast_horizon", *horizons)
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


def test_the_report_of_a_run_by_regime_tells_what_each_regime_trades(outcome, champion):
    mixed = with_components(PROBLEM)
    reasons = {name: f"reason of {name}" for name in REGIMES if name != "ranging"}
    sets = RegimeSets(outcome.proposed, {"ranging": champion}, reasons)
    folds = tuple(dataclasses.replace(fold, parameters=sets) for fold in outcome.folds)
    by_regime = dataclasses.replace(outcome, folds=folds, regime_sets=sets)
    facts = RunFacts(1, "EURUSD", "1h", "bayesian", "per_regime", "completed", datetime(2026, 11, 22, tzinfo=UTC))
    told = OptimizationReport(facts, outcome.searches, outcome.evaluations)
    found = with_choices_played(told, mixed, by_regime)
    expected = {row.regime: row for row in regime_table(mixed, [(sets, fold.fold.test) for fold in folds])}
    assert [row.regime for row in found.regimes] == list(REGIMES)
    for row in found.regimes:
        assert (row.own, row.reason) == (row.regime == "ranging", reasons.get(row.regime, ""))
        assert row.by_regime.trades == expected[row.regime].of_sets.total_trades
        assert row.by_global.sharpe == expected[row.regime].of_global.sharpe_ratio
    assert with_choices_played(told, PROBLEM, outcome).regimes == ()
    assert with_choices_played(told, PROBLEM, outcome, champion=outcome.proposed).contest is None
    assert with_choices_played(told, PROBLEM, outcome, champion=champion).contest.changed[0].parameter == "sssd_forecast_horizon"


def by_regime(whole, **own):
    return RegimeSets(whole, own, {name: "not better" for name in REGIMES if name not in own})


def test_sets_by_regime_stand_against_each_other_whole(outcome, champion):
    mixed = with_components(PROBLEM)
    hurried = StrategyParameters.default().replace(risk_max_holding_hours=6)
    deployed = by_regime(champion, volatile=hurried, trending_up=hurried, trending_down=hurried)
    sets = by_regime(outcome.proposed, ranging=champion)
    found = contest(mixed, dataclasses.replace(outcome, regime_sets=sets), deployed)
    windows = [fold.fold.test for fold in outcome.folds]
    whole, alone = (walked_forward(mixed, [(each, window) for window in windows]) for each in (deployed, champion))
    assert found.champion.measured.metrics == whole.metrics != alone.metrics
    assert (found.champion.strategy, found.challenger.strategy) == (deployed, sets)
    told = {(each.set_name, each.parameter): (each.old, each.new) for each in found.changed}
    horizons = (champion.sssd_forecast_horizon, outcome.proposed.sssd_forecast_horizon)
    # In a ranging market both trade the champion's set.
    assert {name for name, _ in told} == {"global", "volatile", "trending_up", "trending_down"}
    assert told["global", "sssd_forecast_horizon"] == horizons
    assert told["volatile", "risk_max_holding_hours"] == (6, outcome.proposed.risk_max_holding_hours)
    facts = RunFacts(1, "EURUSD", "1h", "bayesian", "per_regime", "completed", datetime(2026, 11, 22, tzinfo=UTC))
    shown = as_html(dataclasses.replace(OptimizationReport(facts, outcome.searches, outcome.evaluations), contest=found))
    assert "risk_max_holding_hours, volatile" in shown


def test_a_run_without_regimes_cannot_play_sets_by_regime_and_says_so(outcome, champion):
    deployed = by_regime(champion, volatile=champion.replace(risk_max_holding_hours=6))
    facts = RunFacts(1, "EURUSD", "1h", "bayesian", "global", "completed", datetime(2026, 11, 22, tzinfo=UTC))
    told = OptimizationReport(facts, outcome.searches, outcome.evaluations)
    assert not can_play(PROBLEM, deployed)
    found = with_choices_played(told, PROBLEM, outcome, champion=deployed)
    assert found.contest is None
    assert "regime are deployed and the run knows no regimes" in as_html(found)
    fallen_back = by_regime(champion)
    assert with_choices_played(told, PROBLEM, outcome, champion=fallen_back).contest is not None
