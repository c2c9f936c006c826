"""The matrix of the search: whose columns, which days, and that each is what the set would have earned."""

from dataclasses import replace

import numpy as np
import pytest
from search_problem import GENETIC, SMALL, memory_store, problem, with_components

from fxgpt_core.market.costs import FxCosts
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.optimization import searched as module
from fxgpt_core.optimization.outcome import OptimizationOutcome
from fxgpt_core.optimization.plan import planned
from fxgpt_core.optimization.searched import holding_days, searched, tried
from fxgpt_core.optimization.space import decoded, encoded
from fxgpt_core.optimization.study import optimize
from fxgpt_core.performance.measures import period_returns
from fxgpt_core.regimes.regime import REGIMES
from fxgpt_core.strategy.parameters import StrategyParameters


@pytest.fixture(scope="module")
def outcome() -> OptimizationOutcome:
    return optimize(problem(), SMALL, memory_store())


def test_every_set_of_the_run_is_there_once_losers_too(outcome):
    found = searched(problem(), outcome)
    names = outcome.evaluations.params_sha256
    assert len(names) == 21
    # The first trial of each of the four searches is the default set, at the steps of the search space.
    assert names.count(decoded(encoded(StrategyParameters.default())).sha256) >= 4
    assert found.params_sha256 == tuple(dict.fromkeys(names))
    assert found.returns.shape[1] == len(set(names)) <= 18
    assert found.returns.mean(axis=0).min() < 0.1 * found.returns.mean(axis=0).max()


def test_the_days_are_all_that_a_search_saw_and_no_others(outcome):
    small = problem()
    searches = planned(small, SMALL)
    found = searched(small, outcome)
    assert found.span.start_us == min(search.window.start_us for search in searches)
    assert found.span.stop_us == max(search.window.stop_us for search in searches)
    assert len(found.returns) == len(set(small.candles.fx_day[found.span.slice(small.candles.known_at_us)].tolist()))


def test_each_column_is_what_a_backtest_of_its_set_earns_day_by_day(outcome):
    small = problem()
    found = searched(small, outcome)
    sets = {made.sha256: made for made in map(decoded, outcome.evaluations.genome)}
    for column, sha256 in enumerate(found.params_sha256):
        played = small.evaluate(sets[sha256], found.span)
        np.testing.assert_allclose(found.returns[:, column], period_returns(played.result, played.candles), atol=1e-15)


def test_how_many_are_played_together_changes_nothing_and_all_are_told(outcome, monkeypatch):
    at_once, told = searched(problem(), outcome), []
    monkeypatch.setattr(module, "SETS_AT_ONCE", 5)
    in_parts = searched(problem(), outcome, lambda done, total: told.append((done, total)))
    assert np.array_equal(in_parts.returns, at_once.returns)
    sets = at_once.returns.shape[1]
    assert told == [(min(done, sets), sets) for done in range(5, sets + 5, 5)]


def test_in_mode_fx_every_set_pays_what_the_candles_ask(outcome):
    small = problem()
    dear = np.where(np.arange(len(small.candles)) % 24 < 12, 0.0001, 0.0004)
    paid = replace(small, paid=FxCosts(dear))
    found = searched(paid, outcome)
    played = paid.evaluate(decoded(encoded(StrategyParameters.default())), found.span)
    np.testing.assert_allclose(found.returns[:, 0], period_returns(played.result, played.candles), atol=1e-15)
    assert found.returns.sum() < searched(replace(small, paid=FxCosts(dear / 4)), outcome).returns.sum()


def test_what_is_played_is_the_problem_with_its_costs_and_account(outcome):
    small = problem()
    base = searched(small, outcome).returns
    dear = searched(replace(small, costs=small.costs.times(3.0)), outcome).returns
    poor = searched(replace(small, account=replace(small.account, cash=20.0)), outcome).returns
    assert not np.array_equal(dear, base)
    assert not np.array_equal(poor, base)


@pytest.mark.parametrize(
    ("hours", "days"), [((24,), 1), ((25,), 2), ((6, 48), 2), ((6, None), 5)], ids=["a day", "more", "the longest", "no limit"]
)
def test_positions_last_as_long_as_the_longest_time_exit_of_any_set(hours, days):
    default = StrategyParameters.default()
    exits = [
        default.replace(risk_use_time_based_exit=each is not None, **({} if each is None else {"risk_max_holding_hours": each}))
        for each in hours
    ]
    assert holding_days(exits, Timeframe.H1) == days


def test_of_many_sets_the_choices_and_a_spread_of_all_are_compared(outcome, monkeypatch):
    monkeypatch.setattr(module, "MOST_SETS", 8)
    found = tried(problem(), outcome)
    names = [each.name for each in found]
    assert len(names) <= 8
    assert {each.params_sha256 for each in (outcome.final, *outcome.choices)} <= set(names)
    made = list(dict.fromkeys(outcome.evaluations.params_sha256))
    assert [made.index(name) for name in names] == sorted(made.index(name) for name in names)
    assert [each.parameters.sha256 for each in found] == names


def test_sets_of_a_regime_are_played_with_entries_there_alone():
    small = with_components(problem())
    search = replace(GENETIC, n_trials=8, n_final_trials=8, max_folds=1, regime_mode="per_regime")
    made = optimize(small, search, memory_store())
    found, sets = searched(small, made), tried(small, made)
    assert {each.regime for each in sets} == {"global", *REGIMES}
    for column, each in enumerate(sets):
        if column % 7 == 0:
            played = small.only(each.regime).evaluate(each.parameters, found.span)
            np.testing.assert_allclose(found.returns[:, column], period_returns(played.result, played.candles), atol=1e-15)
            assert found.params_sha256[column].endswith("" if each.regime == "global" else f"@{each.regime}")
