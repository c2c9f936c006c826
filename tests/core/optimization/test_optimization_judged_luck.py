"""Gates and other histories together."""

import json
from dataclasses import replace

import numpy as np
import pytest
from search_problem import SMALL, memory_store, problem

from fxgpt_core.optimization.judged_luck import judged_luck
from fxgpt_core.optimization.luck_of_search import TrialsEver
from fxgpt_core.optimization.other_orders import in_other_orders
from fxgpt_core.optimization.study import optimize
from fxgpt_core.registry.gates import LUCK_TESTS

LONG = replace(SMALL, max_folds=20, n_trials=3, n_final_trials=3)
EVER = TrialsEver(500, 0.04)


@pytest.fixture(scope="module")
def run():
    small = problem(24 * 120, edge=0.3)
    return small, optimize(small, LONG, memory_store())


def test_the_gates_come_first_and_then_one_test_a_kind_of_history(run):
    told = []
    found = judged_luck(*run, EVER, histories=20, counted=lambda what: lambda done, total: told.append((what, done, total)))
    assert [test.name for test in found.tests] == [*LUCK_TESTS, "other_choices", "other_times", "other_candles", "other_orders"]
    assert {what for what, done, total in told if done == total} == {
        "parameter sets played on the searched days",
        "test windows played at other times",
        "histories of other candles played",
    }


def test_how_many_histories_are_played_moves_no_gate_and_the_seed_does(run):
    with_others, without, other_seed = (judged_luck(*run, EVER, seed, n) for seed, n in ((7, 20), (7, 0), (8, 0)))
    assert (without.histories, without.orders) == ((), None)
    assert with_others.search.luck == without.search.luck
    assert other_seed.search.luck.sharpe_at_5 != without.search.luck.sharpe_at_5


def test_what_is_stored_tells_every_number_and_what_it_rests_on(run):
    stored = json.loads(json.dumps(judged_luck(*run, EVER, histories=20).to_json(), allow_nan=False))
    assert (stored["trials_ever"], stored["dispersion"], stored["not_judged"]) == (500, 0.2, "")
    assert stored["days_judged"] == stored["n_periods"] < stored["days_searched"]
    assert stored["other_histories"]["other_times"]["runs"] == stored["other_orders"]["runs"] == 20
    assert (stored["other_choices"]["choices"], len(stored["other_choices"]["sharpes_per_day"])) == (45, 9)


def test_a_drawdown_that_only_this_order_of_the_trades_escapes_is_told(run):
    made = run[1]
    trades = made.out_of_sample.result.trades
    profits = np.array([10.0, -10.0] * (len(trades) // 2) + [0.0] * (len(trades) % 2))
    lucky, unlucky = (
        replace(made, out_of_sample=replace(made.out_of_sample, result=replace(made.out_of_sample.result, trades=each)))
        for each in (replace(trades, profit=profits), replace(trades, profit=np.sort(profits)))
    )
    found = [in_other_orders(each, np.random.default_rng(1), 400) for each in (lucky, unlucky)]
    assert [each.simulation.observed_drawdown for each in found] == [10.0, 10.0 * (len(trades) // 2)]
    assert [each.test.passed for each in found] == [False, True]
    assert found[0].test.value > 0.99
    assert found[1].test.value < 0.05
    assert f"here it is {10 * (len(trades) // 2):,}" in found[1].test.asks


def test_without_a_trade_there_are_no_other_orders(run):
    made = run[1]
    trades = made.out_of_sample.result.trades
    none = replace(made.out_of_sample.result, trades=replace(trades, **{name: each[:0] for name, each in vars(trades).items()}))
    idle = replace(made, out_of_sample=replace(made.out_of_sample, result=none))
    assert in_other_orders(idle, np.random.default_rng(1), 5) is None


def test_what_could_not_be_judged_is_stored_as_not_known(run):
    short = optimize(run[0], replace(LONG, max_folds=2), memory_store())
    stored = json.loads(json.dumps(judged_luck(run[0], short, EVER, histories=0).to_json(), allow_nan=False))
    assert stored["not_judged"].startswith("11 days of test windows, and 7 parameter sets on 26 days found")
    assert (stored["pbo"], stored["dsr"], stored["other_choices"]) == (None, None, None)
