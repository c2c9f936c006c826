"""fxgpt luck: which run it judges, by which trials, what it answers, and that it rests on what the search rested on."""

import dataclasses
from dataclasses import asdict

import pytest
from problem_stored import PLACE, keep, keep_problem

from fxgpt_core.cli.quoted import with_charges
from fxgpt_core.cli.stored import RESTS_ON, problem_of
from fxgpt_core.market.charges import Charges
from fxgpt_core.optimization.judged_luck import judged_luck
from fxgpt_core.optimization.luck_of_search import TrialsEver
from fxgpt_core.optimization.made_components import Used
from fxgpt_core.optimization.outcome import walked_forward
from fxgpt_core.optimization.plan import SearchParameters
from fxgpt_core.optimization.study import optimize
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.gates import LUCK_TESTS
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.trials import TrialStore
from fxgpt_core.settings import read_settings

LUCK = ("luck", *PLACE)
FEW = ("--histories", "20")


def searched(ledger, seed, n_trials, charges=None):
    """A run over the stored problem and the artifact of its proposal; problem, outcome, artifact."""
    settings = read_settings()
    lake = Lake(settings.lake_root, ledger, CodeIdentity("c" * 40, None, "l" * 64))
    with lake.making("optimized_parameters", "EURUSD", "1h", {"seed": seed}, code_sha256="k" * 64, run_id="test") as making:
        stored = problem_of({asset: making.read(asset) for asset in RESTS_ON}, Used())
        problem = (stored if charges is None else with_charges(stored, charges, None)).problem
        search = SearchParameters(seed=seed, n_trials=n_trials, n_final_trials=n_trials)
        outcome = optimize(problem, search, TrialStore(ledger))
        proposal = {
            "parameters": outcome.proposed.to_json(),
            "params_sha256": outcome.proposed.sha256,
            "run_id": outcome.run_id,
            "out_of_sample": outcome.out_of_sample.metrics.to_json(),
            "charges": None if charges is None else asdict(charges),
            "search": asdict(search),
        }
        return problem, outcome, making.write_json(proposal, {"run_id": outcome.run_id})


@pytest.fixture
def ledger(fxgpt):
    assert fxgpt("setup").code == 0
    keep_problem()
    opened = Ledger(read_settings().ledger_url)
    yield opened
    opened.close()


@pytest.fixture
def runs(ledger):
    return [searched(ledger, seed=3, n_trials=2), searched(ledger, seed=4, n_trials=3)]


def test_the_latest_run_is_judged_by_all_trials_ever_made_and_nothing_is_stored(fxgpt, runs, ledger, stored):
    before = stored()
    answer = fxgpt(*LUCK, *FEW, "--json")
    problem, outcome, artifact = runs[1]
    made = sum(run[1].n_trials for run in runs)
    expected = judged_luck(problem, outcome, TrialsEver(made, TrialStore(ledger).sharpe_variance("EURUSD", "1h")), 7, 20)
    assert (answer.code, answer.err) == (0, "")
    assert (answer.json["run_id"], answer.json["parameter_set_id"]) == (outcome.run_id, artifact.id)
    assert answer.json["trials_ever"] == made > outcome.n_trials
    assert [row["test"] for row in answer.json["tests"]] == [
        *LUCK_TESTS,
        "other_choices",
        "other_times",
        "other_candles",
        "other_orders",
    ]
    for row, test in zip(answer.json["tests"], expected.tests, strict=True):
        assert (row["value"], row["passed"]) == (test.value, test.passed)
    assert answer.json["passed"] is expected.search.luck.passed
    assert answer.json["failed_gates"] == [test.name for test in expected.search.luck.tests if not test.passed]
    assert answer.json["dsr"] == expected.search.luck.dsr
    assert stored() == before


def test_a_run_is_judged_by_its_number(fxgpt, runs):
    first, second = (fxgpt(*LUCK, "--run", run[1].run_id, "--histories", 0, "--json").json for run in runs)
    assert (first["run_id"], second["run_id"]) == (runs[0][1].run_id, runs[1][1].run_id)
    assert first["sets_searched"] < second["sets_searched"]
    assert first["other_histories"] == {}


def test_a_run_that_made_no_stored_set_is_not_found_and_those_that_did_are_named(fxgpt, runs):
    answer = fxgpt(*LUCK, "--run", 99)
    assert answer.code == 4
    assert "run 99 made no stored parameter set of EURUSD 1h; runs that did: 1, 2" in answer.err


def test_before_any_search_it_says_what_to_make(fxgpt, ledger):
    answer = fxgpt(*LUCK)
    assert answer.code == 4
    assert "materialize optimized_parameters" in answer.err


def test_the_seed_draws_and_the_number_of_histories_moves_no_gate(fxgpt, runs):
    base, fewer, other = (
        fxgpt(*LUCK, "--json", *more).json for more in (FEW, ("--histories", 10), ("--histories", 20, "--seed", 8))
    )
    assert base["tests"][: len(LUCK_TESTS)] == fewer["tests"][: len(LUCK_TESTS)]
    assert base["tests"][-2]["value"] != fewer["tests"][-2]["value"]
    assert base["sharpe_at_5"] != other["sharpe_at_5"]


def test_for_people_each_test_is_a_line_with_its_number_limit_and_question(fxgpt, runs):
    answer = fxgpt(*LUCK, *FEW)
    assert answer.code == 0
    assert answer.out.startswith(f"run {runs[1][1].run_id} of EURUSD 1h: ")
    for name in (*LUCK_TESTS, "other_choices", "other_times", "other_candles", "other_orders"):
        assert sum(line.startswith((f"{name} ", f"{name}:")) for line in answer.out.splitlines()) == 2
    assert "Of 20 others the 5th, 50th and 95th percentile" in answer.out
    last = answer.out.splitlines()[-1]
    assert last.startswith(("it could be luck, by ", "all gates of luck passed"))


def test_it_rests_on_the_artifacts_of_the_search_and_not_on_the_latest(fxgpt, runs, ledger):
    before = fxgpt(*LUCK, "--histories", 0, "--json").json
    lake = Lake(read_settings().lake_root, ledger, CodeIdentity("c" * 40, None, "l" * 64))
    fewer = lake.latest("candles", "EURUSD", "1h").frame().head(4_000)
    keep({"candles": lambda making: making.write_frame(fewer, {})})
    assert len(lake.latest("candles", "EURUSD", "1h").frame()) == 4_000
    assert fxgpt(*LUCK, "--histories", 0, "--json").json == before


def test_a_search_that_paid_an_account_s_charges_is_judged_by_them(fxgpt, runs, ledger):
    problem, outcome, artifact = searched(ledger, 3, 2, Charges(account_currency="USD"))
    found = fxgpt(*LUCK, "--histories", 0, "--json").json
    made = sum(run[1].n_trials for run in runs) + outcome.n_trials
    ever = TrialsEver(made, TrialStore(ledger).sharpe_variance("EURUSD", "1h"))
    assert found["run_id"] == artifact.summary["run_id"]
    assert found["sharpe_per_day"] == judged_luck(problem, outcome, ever, 7, 0).to_json()["sharpe_per_day"]
    flat = dataclasses.replace(problem, paid=None)
    choices = [(fold.parameters, fold.fold.test) for fold in outcome.folds]
    assert walked_forward(flat, choices).metrics != outcome.out_of_sample.metrics


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"params_sha256": "0" * 64}, "the stored set is 0000000000000000"),
        ({"charges": asdict(Charges(account_currency="USD"))}, "candles, costs or the backtest changed since"),
    ],
    ids=["another set", "another account"],
)
def test_a_proposal_that_its_trials_do_not_make_any_more_is_broken_lineage(fxgpt, runs, ledger, change, said):
    proposal = {**runs[1][2].json(), **change}
    lake = Lake(read_settings().lake_root, ledger, CodeIdentity("c" * 40, None, "l" * 64))
    with lake.making("optimized_parameters", "EURUSD", "1h", {}, code_sha256="k" * 64, run_id="test") as making:
        for asset in RESTS_ON:
            making.read(asset)
        making.write_json(proposal, {"run_id": proposal["run_id"]})
    answer = fxgpt(*LUCK)
    assert answer.code == 6
    assert said in answer.err
