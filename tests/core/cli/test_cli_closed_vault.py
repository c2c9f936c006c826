"""The vault stays closed to the verbs that play a strategy: left out and told, opened by a reason, and every look counted."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from problem_stored import PLACE, keep, keep_problem

from fxgpt_core.strategy.parameters import StrategyParameters

BACKTEST, STRESS, SHOW = (("backtest", *PLACE, "--json"), ("stress", *PLACE, "--json"), ("vault", "show", *PLACE, "--json"))
OPEN = ("--open-vault", "a test")


@pytest.fixture
def problem(fxgpt):
    assert fxgpt("setup").code == 0
    return keep_problem()


def kept(parameters, **search):
    """An asset that holds a parameter set, as the search stores it."""
    stored = {"parameters": parameters.to_json(), "params_sha256": parameters.sha256, "search": search}
    return keep({"optimized_parameters": lambda making: making.write_json(stored, {})})["optimized_parameters"]


def vault_start(problem, share=0.2):
    """Where the last share of the test span begins: as text, from the stored forecasts."""
    start, stop = (value / 1e6 for value in problem["diffusion_model"].summary["spans"]["test"])
    known = [at for at in problem["forecasts"].frame()["known_at"].unique().sort() if start <= at.timestamp() < stop]
    return known[-1] - share * (known[-1] - known[0])


def last_exit(answer):
    return datetime.fromisoformat(answer["trades"][-1]["exit_time"])


def test_a_backtest_leaves_the_last_fifth_out_and_says_so(fxgpt, problem, stored):
    before, start = stored(), vault_start(problem)
    answer = fxgpt(*BACKTEST).json
    assert answer["vault"] == {"window": answer["vault"]["window"], "days": 21, "played": False, "look": None}
    assert answer["vault"]["window"].startswith(f"{start:%Y-%m-%d %H:%M} .. ")
    assert start - timedelta(days=4) < last_exit(answer) <= start
    told = fxgpt("backtest", *PLACE)
    assert f"not played: the last 21 days, from {start:%Y-%m-%d}: no search sees this vault; --open-vault" in told.out
    assert (fxgpt(*SHOW).json["openings"], stored()) == ([], before)


def test_opening_it_plays_the_rest_too_and_is_a_look_with_its_reason(fxgpt, problem):
    closed, opened = fxgpt(*BACKTEST).json, fxgpt(*BACKTEST, *OPEN).json
    assert (opened["vault"]["played"], opened["vault"]["look"]) == (True, 1)
    assert last_exit(opened) > vault_start(problem) > last_exit(closed)
    assert opened["candles"] > closed["candles"]
    # The same set again shows what is known already.
    again = fxgpt(*BACKTEST).json
    assert (again["trades"], again["vault"]) == (opened["trades"], opened["vault"])
    (look,) = fxgpt(*SHOW).json["openings"]
    assert (look["verb"], look["reason"], look["look"], look["result"]) == ("backtest", "a test", 1, None)
    assert (look["params_sha256"], look["parameter_set_id"]) == (StrategyParameters.default().sha256, None)
    assert "backtest" in fxgpt("vault", "show", *PLACE).out


def test_another_set_and_the_same_without_a_component_are_further_looks(fxgpt, problem, tmp_path):
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"risk_atr_multiplier": 1.0}))
    assert fxgpt(*BACKTEST, *OPEN).json["vault"]["look"] == 1
    for options, look in ((("--params", other), 2), (("--without", "patterns"), 3)):
        assert fxgpt(*BACKTEST, *options).json["vault"]["played"] is False
        assert fxgpt(*BACKTEST, *options, *OPEN).json["vault"]["look"] == look
        assert fxgpt(*BACKTEST, *options).json["vault"]["look"] == look


def test_without_a_reason_nothing_is_opened(fxgpt, problem):
    answer = fxgpt(*BACKTEST, "--open-vault", " ")
    assert (answer.code, fxgpt(*SHOW).json["openings"]) == (3, [])


def test_the_vault_is_that_of_the_latest_stored_search(fxgpt, problem):
    kept(StrategyParameters.default(), vault_share=0.4)
    larger = fxgpt(*BACKTEST).json
    assert larger["vault"]["days"] == 42
    assert last_exit(larger) <= vault_start(problem, 0.4)
    kept(StrategyParameters.default(), vault_share=0.0)
    none = fxgpt(*BACKTEST).json
    assert (none["vault"], none["candles"] > larger["candles"]) == (None, True)
    assert "no vault is kept: the latest stored search saw every day" in fxgpt("backtest", *PLACE).out


def test_trials_of_a_search_that_saw_the_days_are_looks_at_them(fxgpt, problem):
    """Both the one fold's train window and the last one reach into the last fifth: two trials each."""
    budget = ("--trials", "2", "--final-trials", "2", "--folds", "1", "--engine", "random", "--json")
    assert fxgpt("optimize", "run", *PLACE, *budget).json["n_trials"] == 4
    assert fxgpt(*BACKTEST, *OPEN).json["vault"]["look"] == 1
    assert fxgpt("optimize", "run", *PLACE, *budget, "--vault", "0").json["n_trials"] == 4
    assert fxgpt(*BACKTEST, "--without", "patterns", *OPEN).json["vault"]["look"] == 1 + 4 + 1


def test_a_crisis_within_the_vault_is_judged_when_that_is_opened(fxgpt):
    assert fxgpt("setup").code == 0
    made = keep_problem(timedelta(weeks=49))
    kept(StrategyParameters.default().replace(sizing_base_risk_pct=0.5))
    start = vault_start(made)
    assert start < datetime(2019, 1, 2, tzinfo=UTC)
    closed = fxgpt(*STRESS).json
    crisis = {row["name"]: row for row in closed["stresses"] if row["kind"] == "crisis"}["yen_flash"]
    assert (crisis["survived"], closed["vault"]["played"]) == (None, False)
    assert closed["span"].endswith(f".. {start:%Y-%m-%d %H:%M}")
    assert closed["remedies"]["yen_flash"].endswith("reaches into the vault, which is closed; --open-vault REASON plays it")
    assert "not played: the last 21 days" in fxgpt("stress", *PLACE).out
    opened = fxgpt(*STRESS, *OPEN).json
    crisis = {row["name"]: row for row in opened["stresses"] if row["kind"] == "crisis"}["yen_flash"]
    assert (crisis["survived"] is not None, opened["vault"]["look"]) == (True, 1)
    assert fxgpt(*SHOW).json["openings"][0]["verb"] == "stress"
