"""fxgpt stress: what it plays, what survives, and that a crisis without unseen candles is not judged and says which it wants."""

import json
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from problem_stored import PLACE, keep, keep_problem

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.cli import countdown
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.regimes.hidden_markov import fit_regimes
from fxgpt_core.regimes.regime import REGIMES
from fxgpt_core.regimes.regime_parameters import RegimeParameters
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.deployment_records import DeploymentRequest
from fxgpt_core.registry.deployments import Deployments
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.runs import Proposal, proposed
from fxgpt_core.settings import read_settings
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.regime_sets import RegimeSets

STRESS = ("stress", *PLACE)
CAREFUL = StrategyParameters.default().replace(sizing_base_risk_pct=0.5)


def kept(parameters, charges=None, **more):
    """An asset that holds a parameter set, as the search stores it."""
    stored = {"parameters": parameters.to_json(), "params_sha256": parameters.sha256, **more}
    stored["charges"] = charges and charges.to_json()
    return keep({"optimized_parameters": lambda making: making.write_json(stored, {})})["optimized_parameters"]


@pytest.fixture
def problem(fxgpt):
    assert fxgpt("setup").code == 0
    return keep_problem()


@pytest.fixture
def optimized(problem):
    """The latest optimized set risks half of what the default does."""
    return kept(CAREFUL)


def test_a_set_is_stressed_at_what_its_search_paid_unless_asked_otherwise(fxgpt, problem):
    kept(CAREFUL, Charges(account_currency="EUR", commission_per_lot=3.5))
    searched = fxgpt(*STRESS, "--json").json
    assert searched["mode"] == "fx"
    assert (searched["charges"]["account_currency"], searched["charges"]["commission_per_lot"]) == ("EUR", 3.5)
    flat = fxgpt(*STRESS, "--mode", "parity", "--json").json
    assert (flat["mode"], flat["charges"]) == ("parity", None)
    usual = fxgpt(*STRESS, "--mode", "fx", "--account", "EUR", "--json").json
    assert usual["charges"]["commission_per_lot"] == 0.0
    earned = [numbers(answer, "costs_x2", "")["net_profit"] for answer in (searched, usual, flat)]
    assert len(set(earned)) == 3
    assert earned[0] < earned[1]
    assert "mode fx" in fxgpt(*STRESS).out


def rows(answer):
    return {(row["name"], row["place"]): row for row in answer["stresses"]}


def numbers(answer, name, place="worst of 5"):
    return rows(answer)[name, place]["numbers"]


def test_every_stress_is_answered_and_nothing_is_stored(fxgpt, optimized, stored):
    before = stored()
    answer = fxgpt(*STRESS, "--json").json
    assert answer["origin"] == "the latest optimized set"
    assert answer["parameters_sha256"] == CAREFUL.sha256
    kinds = [row["kind"] for row in answer["stresses"]]
    assert [kinds.count(kind) for kind in ("cost", "crisis", "shock")] == [3, 8, 15]
    # Seven shocks at two of five places each, and costs; flat costs cannot show a wider spread.
    assert sum(row["survived"] is not None for row in answer["stresses"]) == 3 + 14
    assert answer["verdict"] == "survived 17 of 17 stresses that could be judged; 9 were not judged"
    assert numbers(answer, "costs_x3", "")["net_profit"] < numbers(answer, "costs_x2", "")["net_profit"]
    assert stored() == before


def test_the_plain_costs_are_those_of_the_backtest_of_the_same_set(fxgpt, optimized, tmp_path):
    file = tmp_path / "careful.json"
    file.write_text(json.dumps(CAREFUL.to_json()))
    # The stored set was searched without components, and is played without them.
    played = fxgpt("backtest", *PLACE, "--params", file, "--without", "patterns", "--json").json
    row = rows(fxgpt(*STRESS, "--json").json)["costs_x2", ""]
    assert row["unstressed"]["net_profit"] == pytest.approx(played["final_equity"] - 100_000.0)
    assert row["unstressed"]["trades"] == played["metrics"]["total_trades"]


def test_a_crisis_before_the_candles_is_not_judged_and_says_which_candles_it_wants(fxgpt, optimized):
    answer = fxgpt(*STRESS, "--json").json
    crises = {row["name"]: row for row in answer["stresses"] if row["kind"] == "crisis"}
    assert {(row["survived"], row["numbers"]) for row in crises.values()} == {(None, None)}
    assert set(answer["remedies"]) == set(crises)
    # The last 35 % of the candles begin before 23 June 2016 if those up to 2018-02-07 begin 595 days / 0.35 before.
    assert "wants EURUSD 1h from 2013-06-0" in answer["remedies"]["brexit_night"]
    assert answer["remedies"]["brexit_night"].endswith("to 2018-02-07")
    told = fxgpt(*STRESS)
    assert told.code == 0
    assert "covid: not judged: 2020-02-20 00:00 .. 2020-05-01 00:00 is not within the unseen candles; wants EURUSD" in told.out
    assert "fxgpt candles sync" in told.out.splitlines()[-2]
    assert told.out.splitlines()[-1] == answer["verdict"]


def test_a_crisis_that_the_unseen_candles_cover_is_judged(fxgpt):
    assert fxgpt("setup").code == 0
    keep_problem(timedelta(weeks=52))
    kept(CAREFUL)
    answer = fxgpt(*STRESS, "--json").json
    crisis = rows(answer)["yen_flash", ""]
    assert crisis["survived"] is True
    assert crisis["numbers"]["kept_pct"] > 90.0
    assert crisis["concern"] == "elsewhere"
    assert "yen_flash" not in answer["remedies"]


def test_a_crisis_that_stored_candles_cover_but_a_model_has_seen_wants_the_model_made_again(fxgpt):
    assert fxgpt("setup").code == 0
    made = keep_problem(timedelta(weeks=52))
    kept(CAREFUL)
    spans = made["diffusion_model"].summary["spans"]
    late_us = int(datetime(2019, 1, 10, tzinfo=UTC).timestamp()) * 1_000_000
    spans = {**spans, "test": [late_us, spans["test"][1]]}
    keep({"diffusion_model": lambda making: making.write_bytes(b"another model", "safetensors", {"spans": spans})})
    answer = fxgpt(*STRESS, "--json").json
    assert rows(answer)["yen_flash", ""]["survived"] is None
    assert answer["remedies"]["yen_flash"] == (
        "not judged: 2019-01-02 00:00 .. 2019-01-04 00:00 is not within the unseen candles; wants a model of the stored candles "
        "made anew"
    )


def test_who_risks_more_keeps_less_of_a_jump_and_can_fail(fxgpt, optimized, tmp_path):
    bold = tmp_path / "bold.json"
    bold.write_text(json.dumps({"sizing_base_risk_pct": 2.0, "risk_atr_multiplier": 1.0}))
    careful, risky = fxgpt(*STRESS, "--json").json, fxgpt(*STRESS, "--params", bold, "--json").json
    for name in ("jump_down_5_ranges", "jump_up_5_ranges"):
        assert numbers(risky, name)["kept_pct"] < numbers(careful, name)["kept_pct"]
    lost = [row for row in risky["stresses"] if row["survived"] is False]
    assert lost
    assert all("80 % are needed" in row["why"] for row in lost)
    told = fxgpt(*STRESS, "--params", bold)
    assert (told.code, "NO" in told.out, "80 % are needed" in told.out) == (0, True, True)


def test_seed_and_places_say_where_the_shocks_are_put(fxgpt, optimized):
    first, again, other = (fxgpt(*STRESS, "--seed", seed, "--json").json["stresses"] for seed in (1, 1, 2))
    assert first == again != other
    assert ("jump_down_5_ranges", "worst of 2") in rows(fxgpt(*STRESS, "--places", "2", "--json").json)


def test_two_sided_quotes_can_show_a_wider_spread(fxgpt, optimized):
    answer = fxgpt(*STRESS, "--mode", "fx", "--json").json
    assert answer["mode"] == "fx"
    assert numbers(answer, "spread_x5")["kept_pct"] < 100.0
    euros = fxgpt(*STRESS, "--mode", "fx", "--account", "eur", "--json").json
    assert numbers(euros, "jump_down_5_ranges") != numbers(answer, "jump_down_5_ranges")


def test_what_a_run_proposed_is_played_and_an_unknown_run_names_those_that_are_there(fxgpt, problem):
    run = fxgpt("optimize", "run", *PLACE, "--trials", "2", "--final-trials", "2", "--json").json
    answer = fxgpt(*STRESS, "--run", run["run_id"], "--json").json
    assert answer["parameters_sha256"] == run["proposed_sha256"]
    assert answer["origin"] == f"the set that run {run['run_id']} proposed"
    missing = fxgpt(*STRESS, "--run", run["run_id"] + 1)
    assert (missing.code, missing.out) == (4, "")
    assert f"runs that did: {run['run_id']}" in missing.err


def test_the_deployed_set_is_played_and_not_the_latest(fxgpt, problem):
    missing = fxgpt(*STRESS, "--deployed")
    assert (missing.code, "nothing is deployed for EURUSD 1h" in missing.err) == (4, True)
    in_force = kept(CAREFUL)
    ledger = Ledger(read_settings().ledger_url)
    Deployments(ledger).deploy(
        DeploymentRequest(
            *("EURUSD", "1h", in_force.id, CAREFUL.sha256, problem["diffusion_model"].id, problem["calibration_quantiles"].id),
            *(problem["forecasts"].id, "paper", "ann", "a test", CodeIdentity("c" * 40, None, "l" * 64), "run", None),
        )
    )
    ledger.close()
    later = kept(StrategyParameters.default())
    assert later.id != in_force.id
    assert fxgpt(*STRESS, "--deployed", "--json").json["parameters_sha256"] == CAREFUL.sha256
    assert fxgpt(*STRESS, "--json").json["parameters_sha256"] == StrategyParameters.default().sha256


@pytest.fixture
def regimes(problem):
    """The regimes of the stored candles, as a model of the first thousand tells them."""
    candles = candle_arrays(problem["candles"].frame(), Timeframe.H1)
    model = fit_regimes(candles.slice(0, 1000), RegimeParameters(n_restarts=1), 7)
    keep({"regimes": lambda making: making.write_json(json.loads(model.to_json()), {})})
    return set(np.array(REGIMES)[np.unique(model.series(candles).regime[-1500:])])


def test_sets_by_regime_are_stressed_whole_and_the_origin_names_those_with_their_own(fxgpt, regimes, tmp_path):
    bold = CAREFUL.replace(sizing_base_risk_pct=2.0, risk_atr_multiplier=1.0)
    sets = RegimeSets(CAREFUL, dict.fromkeys(regimes, bold), {name: "too few" for name in REGIMES if name not in regimes})
    used = {"components": {"parts": ["regimes"], "policy_mode": "hybrid"}}
    kept(CAREFUL, regime_sets=sets.to_json(), **used)
    named = ", ".join(name for name in REGIMES if name in regimes)
    whole = fxgpt(*STRESS, "--json").json
    assert whole["origin"] == f"the latest optimized set, by regime: sets of their own in {named}, the global one elsewhere"
    assert whole["parameters_sha256"] == sets.sha256
    # Where every regime that occurs has the bold set, what is stressed is nearly that; the careful one is another account.
    kept(bold, **used)
    every = fxgpt(*STRESS, "--json").json
    kept(CAREFUL, **used)
    careful = fxgpt(*STRESS, "--json").json
    assert careful["origin"] == "the latest optimized set"
    earned = [numbers(answer, "costs_x2", "")["net_profit"] for answer in (whole, every, careful)]
    assert earned[0] == pytest.approx(earned[1]) != pytest.approx(earned[2])
    file = tmp_path / "proposal.json"
    file.write_text(json.dumps({"parameters": CAREFUL.to_json(), "params_sha256": "p" * 64, "regime_sets": sets.to_json()}))
    alone = "its global set alone: its sets by regime are not played"
    assert fxgpt(*STRESS, "--params", file, "--json").json["origin"].endswith(alone)
    assert fxgpt("backtest", *PLACE, "--params", file, "--json").json["note"] == alone
    assert alone in fxgpt("backtest", *PLACE, "--params", file).out


def test_what_a_run_proposed_by_regime_is_played_whole(fxgpt, regimes):
    run = fxgpt("optimize", "run", *PLACE, "--trials", "2", "--final-trials", "2", "--folds", "1", "--json").json
    ledger, name = Ledger(read_settings().ledger_url), sorted(regimes)[0]
    with ledger.begin() as connection:
        own = Proposal(0, "EURUSD", "1h", name, CAREFUL.to_json())
        proposed(connection, run["run_id"], own, ledger.now())
    ledger.close()
    answer = fxgpt(*STRESS, "--run", run["run_id"], "--json").json
    whole = StrategyParameters.from_json(run["proposed"])
    reasons = {other: "none" for other in REGIMES if other != name}
    assert answer["parameters_sha256"] == RegimeSets(whole, {name: CAREFUL}, reasons).sha256
    assert answer["origin"].endswith(f"by regime: sets of their own in {name}, the global one elsewhere")


def test_without_an_optimized_set_it_ends_with_four_and_names_the_asset(fxgpt, problem):
    answer = fxgpt(*STRESS)
    assert (answer.code, answer.out, "optimized_parameters" in answer.err) == (4, "", True)


def test_two_sets_at_once_are_refused_before_anything_is_read(fxgpt, data_root):
    answer = fxgpt(*STRESS, "--run", "1", "--deployed")
    assert (answer.code, "--run and --deployed found" in answer.err) == (3, True)


def test_a_terminal_sees_how_many_plays_are_done_and_a_program_does_not(fxgpt, optimized, monkeypatch):
    monkeypatch.setattr(countdown, "TOLD_EVERY_S", 0.0)
    quiet = fxgpt(*STRESS, "--json")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    told = fxgpt(*STRESS, "--json")
    assert (quiet.err, told.json) == ("", quiet.json)
    assert [line.split(",")[0] for line in told.err.splitlines()] == [
        f"{done} of 44 plays at most under stress" for done in range(1, 40)
    ]
