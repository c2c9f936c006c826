"""--charges of `fxgpt backtest` and `fxgpt stress`: an account's own numbers are paid, told, and refused where they cannot be."""

import json

import pytest
from problem_stored import PLACE, keep_problem

from fxgpt_core.market.charges import Charges

FX = (*PLACE, "--mode", "fx")
OWN = {"commission": 0, "commission_per_lot": 3.5, "swap": {"long": 0.031, "short": -0.012}}


@pytest.fixture
def problem(fxgpt):
    assert fxgpt("setup").code == 0
    return keep_problem()


@pytest.fixture
def charges(tmp_path):
    """A file of charges with the given values in it, or the given text."""

    def write(values):
        file = tmp_path / "account.json"
        file.write_text(values if isinstance(values, str) else json.dumps(values))
        return file

    return write


@pytest.fixture
def default_set(tmp_path):
    file = tmp_path / "set.json"
    file.write_text("{}")
    return file


def test_a_backtest_pays_the_account_s_own_charges_and_tells_them(fxgpt, problem, charges):
    usual = fxgpt("backtest", *FX, "--json").json
    answer = fxgpt("backtest", *FX, "--charges", charges(OWN), "--json").json
    assert answer["charges"] == Charges.from_json(OWN).to_json()
    assert usual["charges"] == Charges().to_json()
    assert len(answer["trades"]) > 20
    for trade in answer["trades"]:
        assert trade["commission"] == pytest.approx(2 * abs(trade["size"]) * 3.5 / 100_000)
    nights = [trade for trade in answer["trades"] if trade["swap"] != 0.0]
    assert {(trade["side"], trade["swap"] > 0.0) for trade in nights} == {("long", True), ("short", False)}
    assert fxgpt("backtest", *PLACE, "--json").json["charges"] is None


@pytest.mark.parametrize(
    "changed",
    [
        {"account_currency": "EUR"},
        {"commission": 0.0001},
        {"commission_per_lot": 7},
        {"slippage": 1.0},
        {"impact": 2.0},
        {"depth": 10_000},
        {"swap": {"long": 0.1, "short": 0.1}},
        {"stop_out": 29.5},
        {"spread_multiplier": 3},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_each_charge_moves_what_a_backtest_earns(fxgpt, problem, charges, changed):
    usual = fxgpt("backtest", *FX, "--json").json
    answer = fxgpt("backtest", *FX, "--charges", charges(changed), "--json").json
    assert answer["trades"] != usual["trades"]
    assert answer["charges"] == usual["charges"] | changed


def test_a_stress_pays_the_account_s_own_charges_and_tells_them(fxgpt, problem, charges, default_set):
    stress = ("stress", *FX, "--params", default_set, "--places", 1, "--json")
    usual, answer = fxgpt(*stress).json, fxgpt(*stress, "--charges", charges(OWN | {"commission_per_lot": 35})).json
    assert answer["charges"] == Charges.from_json(OWN | {"commission_per_lot": 35}).to_json()
    assert usual["charges"] == Charges().to_json()
    kept = [{row["name"]: row["numbers"] for row in told["stresses"]} for told in (usual, answer)]
    assert kept[0].keys() == kept[1].keys()
    assert kept[0] != kept[1]
    parity = fxgpt("stress", *PLACE, "--params", default_set, "--places", 1, "--json").json
    assert parity["charges"] is None


def test_the_account_s_currency_can_be_named_beside_its_charges(fxgpt, problem, charges):
    beside = fxgpt("backtest", *FX, "--account", "eur", "--charges", charges(OWN), "--json").json
    within = fxgpt("backtest", *FX, "--charges", charges(OWN | {"account_currency": "EUR"}), "--json").json
    assert beside == within
    assert beside["charges"]["account_currency"] == "EUR"


@pytest.mark.parametrize("verb", ["backtest", "stress"])
@pytest.mark.parametrize(
    ("values", "options", "said"),
    [
        (OWN | {"account_currency": "EUR"}, ("--mode", "fx", "--account", "USD"), "asked for, and its charges are in EUR"),
        (OWN, (), "--charges without --mode fx"),
        (OWN, ("--account", "EUR"), "--account and --charges without --mode fx"),
        ({"comission": 0}, ("--mode", "fx"), "account.json: charges name comission; allowed are account_currency"),
        ({"depth": 0}, ("--mode", "fx"), "account.json: depth of the charges is 0.0; needed: units, above 0"),
        ([3.5], ("--mode", "fx"), "account.json holds a list; an object of names and values is needed"),
        ('{"depth": 1, "depth": 2}', ("--mode", "fx"), "depth is there twice"),
        ('{"depth": NaN}', ("--mode", "fx"), "depth of the charges is nan"),
        ("3.5 a lot", ("--mode", "fx"), "account.json cannot be read as JSON"),
    ],
)
def test_charges_that_cannot_be_are_refused_before_anything_is_read(fxgpt, charges, verb, values, options, said):
    answer = fxgpt(verb, *PLACE, *options, "--charges", charges(values))
    # There is no ledger here: the verb would end with another code and another message.
    assert (answer.code, answer.out) == (3, "")
    assert said in answer.err


def test_a_currency_without_mode_fx_is_refused_and_no_file_is_named(fxgpt, tmp_path):
    answer = fxgpt("backtest", *PLACE, "--account", "EUR")
    assert (answer.code, answer.out) == (3, "")
    assert "--account without --mode fx" in answer.err
    missing = fxgpt("backtest", *FX, "--charges", tmp_path / "none.json")
    assert (missing.code, "none.json cannot be read as JSON" in missing.err) == (3, True)
