"""Gates and other histories together."""

import json
from dataclasses import replace

import pytest
from search_problem import SMALL, MemoryStore, problem

from fxgpt_core.optimization.judged_luck import judged_luck
from fxgpt_core.optimization.luck_of_search import TrialsEver
from fxgpt_core.optimization.study import optimize
from fxgpt_core.registry.gates import LUCK_TESTS

LONG = replace(SMALL, max_folds=20, n_trials=3, n_final_trials=3)
EVER = TrialsEver(500, 0.04)


@pytest.fixture(scope="module")
def run():
    small = problem(24 * 120, edge=0.3)
    return small, optimize(small, LONG, MemoryStore())


def test_the_gates_come_first_and_then_one_test_a_kind_of_history(run):
    told = []
    found = judged_luck(*run, EVER, histories=20, counted=lambda what: lambda done, total: told.append((what, done, total)))
    assert [test.name for test in found.tests] == [*LUCK_TESTS, "other_times", "other_candles"]
    assert {what for what, done, total in told if done == total} == {
        "parameter sets played on the searched days",
        "test windows played at other times",
        "histories of other candles played",
    }


def test_how_many_histories_are_played_moves_no_gate_and_the_seed_does(run):
    with_others, without, other_seed = (judged_luck(*run, EVER, seed, n) for seed, n in ((7, 20), (7, 0), (8, 0)))
    assert without.histories == ()
    assert with_others.search.luck == without.search.luck
    assert other_seed.search.luck.sharpe_at_5 != without.search.luck.sharpe_at_5


def test_what_is_stored_tells_every_number_and_what_it_rests_on(run):
    stored = json.loads(json.dumps(judged_luck(*run, EVER, histories=20).to_json(), allow_nan=False))
    assert (stored["trials_ever"], stored["dispersion"], stored["not_judged"]) == (500, 0.2, "")
    assert stored["days_judged"] == stored["n_periods"] < stored["days_searched"]
    assert stored["other_histories"]["other_times"]["runs"] == 20


def test_what_could_not_be_judged_is_stored_as_not_known(run):
    short = optimize(run[0], replace(LONG, max_folds=2), MemoryStore())
    stored = json.loads(json.dumps(judged_luck(run[0], short, EVER, histories=0).to_json(), allow_nan=False))
    assert stored["not_judged"].startswith("11 days of test windows, and 7 parameter sets on 26 days found")
    assert (stored["pbo"], stored["dsr"]) == (None, None)
