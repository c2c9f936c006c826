"""The verbs of optimization runs: what runs, how far it is, why it ended, and how it is ended."""

import pytest
from problem_stored import PLACE, keep_problem

SMALL = ("--trials", "4", "--final-trials", "4", "--population", "4", "--folds", "2")


@pytest.fixture
def problem(fxgpt):
    assert fxgpt("setup").code == 0
    return keep_problem()


def test_a_run_is_listed_and_shown_with_why_each_search_ended(fxgpt, problem):
    assert fxgpt("optimize", "list").out.startswith("no run yet")
    made = fxgpt("optimize", "run", *PLACE, *SMALL, "--json").json
    (listed,) = fxgpt("optimize", "list", "--json").json["runs"]
    assert (listed["run"], listed["status"], listed["trials"], listed["searches"]) == (made["run_id"], "completed", 12, "3/3")
    shown = fxgpt("optimize", "show", "1", "--json").json
    assert shown["searches"] == made["searches"]
    assert [row["ended"] for row in shown["searches"]] == ["budget"] * 3
    assert "budget" in fxgpt("optimize", "show", "1").out
    refused = fxgpt("optimize", "stop", "1", "--reason", "late")
    assert (refused.code, "run 1 is completed" in refused.err) == (5, True)
    missing = fxgpt("optimize", "show", "7")
    assert (missing.code, "there is no run 7" in missing.err) == (4, True)


def test_workers_share_one_run_and_come_to_the_same(fxgpt, problem):
    alone = fxgpt("optimize", "run", *PLACE, *SMALL, "--json").json
    shared = fxgpt("optimize", "run", *PLACE, *SMALL, "--seed", "8", "--workers", "2", "--json").json
    again = fxgpt("optimize", "run", *PLACE, *SMALL, "--seed", "8", "--json").json
    assert shared["workers_failed"] == []
    assert again == shared
    assert shared["run_id"] != alone["run_id"]


def test_a_run_may_begin_with_what_another_ended_with(fxgpt, problem):
    first = fxgpt("optimize", "run", *PLACE, *SMALL, "--json").json
    second = fxgpt("optimize", "run", *PLACE, *SMALL, "--warm-start", str(first["run_id"]), "--json")
    assert (second.code, second.json["run_id"]) == (0, 2)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (("--engine", "annealing"), "the engine 'annealing' is unknown"),
        (("--vault", "0.9"), "vault_share 0.9"),
        (("--engine", "hybrid", "--population", "50"), "needs at least 550"),
        (("--warm-start", "9"), "run 9 has no last search"),
        (("--regime-mode", "seasonal"), "regime_mode 'seasonal'"),
        (("--timeout", "0"), "timeout_s 0.0"),
    ],
)
def test_what_cannot_be_is_refused_before_a_run_is_opened(fxgpt, problem, stored, option, told):
    before = stored()
    answer = fxgpt("optimize", "run", *PLACE, *SMALL, *option)
    assert answer.code in (3, 4)
    assert told in answer.err
    assert stored() == before
