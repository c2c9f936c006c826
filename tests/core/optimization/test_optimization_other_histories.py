"""The choices on other histories: what is observed, what stays the same, and that an edge is told from none."""

from dataclasses import replace

import numpy as np
import pytest
from search_problem import SMALL, around, memory_store, problem

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.other_histories import OtherHistories, at_other_times, on_other_candles, with_late_entries
from fxgpt_core.optimization.outcome import OptimizationOutcome
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.study import optimize

LONG = replace(SMALL, max_folds=20, n_trials=3, n_final_trials=3)
KINDS = pytest.mark.parametrize("played", [at_other_times, on_other_candles])
ALL_KINDS = pytest.mark.parametrize("played", [at_other_times, on_other_candles, with_late_entries])


def long(edge):
    return problem(24 * 120, edge=edge)


@pytest.fixture(scope="module")
def outcomes() -> dict[float, OptimizationOutcome]:
    return {edge: optimize(long(edge), LONG, memory_store()) for edge in (0.0, 0.6)}


def rng(seed=1):
    return np.random.default_rng(seed)


@ALL_KINDS
def test_what_is_observed_is_the_stitched_record(outcomes, played):
    found = played(long(0.6), outcomes[0.6], rng(), 2)
    stitched = outcomes[0.6].out_of_sample
    # Each window begins with the same cash, so that whole units are rounded elsewhere.
    assert found.observed_equity == pytest.approx(stitched.result.final_equity, rel=1e-4)
    assert found.observed_sharpe == pytest.approx(stitched.metrics.sharpe_ratio, rel=1e-3)


class OfPatterns(Problem):
    """Every entry is led by a chart pattern."""

    def decisions(self, parameters, window):
        found = super().decisions(parameters, window)
        return replace(found, numbers={**found.numbers, "pattern_led": np.ones(len(found))})


@ALL_KINDS
def test_entries_that_patterns_led_into_are_so_in_other_histories_too(outcomes, played):
    """All others trail from a gain of 2 % on, those from one of half a percent."""
    trail = {"pattern_trailing_activation_pct": 0.5, "risk_trailing_activation_pct": 2.0, "sssd_forecast_horizon": 24}
    folds = [replace(fold, parameters=fold.parameters.replace(**trail)) for fold in outcomes[0.6].folds]
    trailing = replace(outcomes[0.6], folds=tuple(folds))
    observed = {}
    for each in (long(0.6), OfPatterns(**vars(long(0.6)))):
        observed[type(each)] = played(each, trailing, rng(), 1).observed_equity
        ends = [each.evaluate(fold.parameters, fold.fold.test).result.final_equity for fold in folds]
        assert observed[type(each)] == pytest.approx(each.account.cash * np.prod(np.divide(ends, each.account.cash)), rel=1e-9)
    assert observed[OfPatterns] != pytest.approx(observed[Problem], rel=1e-3)


@KINDS
def test_an_edge_is_told_from_none(outcomes, played):
    edge, none = (played(long(each), outcomes[each], rng(), 60) for each in (0.6, 0.0))
    assert edge.p_value == 1 / 61
    assert edge.test.passed
    assert none.p_value > 0.05
    assert not none.test.passed
    # In other histories an edge is worth nothing, and costs remain.
    assert abs(edge.percentiles(edge.sharpe)[1]) < 3.0 < edge.observed_sharpe


def test_an_edge_of_a_day_outlives_three_late_candles_and_one_of_the_next_candle_does_not(outcomes):
    late = with_late_entries(long(0.6), outcomes[0.6], rng(), 60)
    assert late.test.passed
    assert 0.0 < late.percentiles(late.sharpe)[1] < late.observed_sharpe
    known = long(0.0)
    step = np.diff(np.log(known.candles.close), append=np.log(known.candles.close[-1]))
    median = np.repeat(4.0 * step[:, None], known.bands.median.shape[1], axis=1)
    fleeting = replace(known, bands=around(known.bands, median))
    plan = {"sssd_forecast_horizon": 1, "risk_max_holding_hours": 6}
    folds = [replace(fold, parameters=fold.parameters.replace(**plan)) for fold in outcomes[0.6].folds]
    found = with_late_entries(fleeting, replace(outcomes[0.6], folds=tuple(folds)), rng(), 60)
    assert found.observed_sharpe > 3.0
    assert found.percentiles(found.sharpe)[1] < 0.5 * found.observed_sharpe


@KINDS
def test_other_histories_are_as_many_as_asked_and_all_different(outcomes, played):
    told = []
    found = played(long(0.6), outcomes[0.6], rng(), 130, lambda done, total: told.append((done, total)))
    assert len(found.sharpe) == len(found.final_equity) == len(np.unique(found.final_equity)) == 130
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == list(range(1, len(told) + 1))


@ALL_KINDS
def test_the_seed_is_what_draws(outcomes, played):
    one, same, other = (played(long(0.6), outcomes[0.6], rng(seed), 5) for seed in (1, 1, 2))
    assert np.array_equal(one.sharpe, same.sharpe)
    assert not np.array_equal(one.sharpe, other.sharpe)


@KINDS
def test_without_a_trade_nothing_is_told_apart(outcomes, played):
    flat = long(0.0)
    flat = replace(flat, bands=around(flat.bands, flat.bands.median * 0.0))
    outcome = optimize(flat, replace(LONG, max_folds=2), memory_store())
    found = played(flat, outcome, rng(), 20)
    assert (found.observed_sharpe, found.observed_equity, found.p_value) == (0.0, flat.account.cash, 1.0)
    assert not found.test.passed


@ALL_KINDS
def test_no_history_is_refused(outcomes, played):
    with pytest.raises(BadInputError, match="0 other histories asked for"):
        played(long(0.6), outcomes[0.6], rng(), 0)


def test_where_the_market_gives_the_same_to_anybody_the_times_do_not_matter():
    """A market that rises by the same share each hour, always long: other times earn as well."""
    n = 24 * 60
    base = problem(n)
    close = 1.1 * np.exp(np.arange(n) * 1e-4)
    opened = np.concatenate([[1.1], close[:-1]])
    rising = replace(base.candles, open=opened, close=close, high=close * 1.00001, low=opened * 0.99999)
    up = around(base.bands, np.abs(base.bands.median) + 0.004)
    steady = replace(base, candles=rising, bands=up)
    outcome = optimize(steady, replace(SMALL, n_trials=1, n_final_trials=1), memory_store())
    assert outcome.out_of_sample.metrics.total_trades > 10
    found = at_other_times(steady, outcome, rng(), 30)
    earned = found.observed_equity - steady.account.cash
    assert earned > 0.1 * steady.account.cash
    assert (found.final_equity > steady.account.cash + 0.5 * earned).all()


def test_the_percentiles_and_the_rank_are_those_of_the_numbers():
    found = OtherHistories("other_times", 2.0, 110.0, np.arange(101.0) / 50.0, 100.0 + np.arange(101.0), np.arange(101.0) / 200)
    assert found.percentiles(found.sharpe) == pytest.approx((0.1, 1.0, 1.9))
    # Of 101 others one is as large: (1 + 1) / (1 + 101).
    assert found.p_value == 2 / 102
    assert found.test.name == "other_times"
    assert "Of 101 others" in found.test.asks
    assert "0.10, 1.00 and 1.90, here it is 2.00" in found.test.asks
    assert "105, 150 and 195, here 110" in found.test.asks
    stored = found.to_json()
    assert stored["p_value"] == found.p_value
    assert stored["mean"] == pytest.approx({"sharpe": 1.0, "final_equity": 150.0, "drawdown": 0.25})
    # Of the numbers 0 to 100: (101² - 1) / 12 = 850.
    assert stored["deviation"]["final_equity"] == pytest.approx(850**0.5)
    assert stored["drawdown"] == pytest.approx((0.025, 0.25, 0.475))


def test_of_late_entries_the_worst_twentieth_is_asked_for():
    numbers = (2.0, 110.0, np.arange(101.0) / 10.0, 100.0 + np.arange(101.0), np.zeros(101))
    late, worse = (OtherHistories("late_entries", *numbers[:2], numbers[2] - less, *numbers[3:]) for less in (0.0, 0.001))
    assert (late.test.value, late.test.comparison, late.test.limit) == (pytest.approx(0.5), ">", 0.5)
    assert not worse.test.passed
    assert OtherHistories("late_entries", *numbers[:2], numbers[2] + 0.001, *numbers[3:]).test.passed
