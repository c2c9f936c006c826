"""fxgpt vault: opened once and for a reason, refused before the gates, and shown to whoever asks."""

from dataclasses import asdict, replace

import pytest
from problem_stored import PLACE, keep_problem

from fxgpt_core.cli.stored import RESTS_ON, problem_of
from fxgpt_core.optimization.engines.named import EngineName, EngineParameters
from fxgpt_core.optimization.made_components import Used
from fxgpt_core.optimization.plan import SearchParameters
from fxgpt_core.optimization.study import optimize
from fxgpt_core.optimization.vault import played
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.gate_results import board_of, record_board
from fxgpt_core.registry.gates import GateResult
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.trials import TrialStore
from fxgpt_core.registry.vault import vault_gate
from fxgpt_core.settings import read_settings

SEARCH = SearchParameters(n_trials=2, n_final_trials=2, max_folds=1, engine=EngineParameters(EngineName.RANDOM))
PASSED = GateResult("minimum_trades", 40.0, 30.0, ">=", True, "trade more")
FAILED = replace(PASSED, value=3.0, passed=False)
OPEN = ("vault", "open", *PLACE, "--reason", "a test")


@pytest.fixture
def searched(fxgpt):
    """A stored run: its ledger, problem, outcome and parameter set."""
    assert fxgpt("setup").code == 0
    keep_problem()
    settings = read_settings()
    ledger = Ledger(settings.ledger_url)
    lake = Lake(settings.lake_root, ledger, CodeIdentity("c" * 40, None, "l" * 64))
    with lake.making("optimized_parameters", "EURUSD", "1h", {}, code_sha256="k" * 64, run_id="test") as making:
        problem = problem_of({asset: making.read(asset) for asset in RESTS_ON}, Used()).problem
        outcome = optimize(problem, SEARCH, TrialStore(ledger))
        proposal = {
            "params_sha256": outcome.proposed.sha256,
            "run_id": outcome.run_id,
            "out_of_sample": outcome.out_of_sample.metrics.to_json(),
            "charges": None,
            "search": asdict(SEARCH),
        }
        artifact = making.write_json(proposal, {"run_id": outcome.run_id})
    yield ledger, problem, outcome, artifact
    ledger.close()


def test_the_vault_is_refused_before_the_gates_opened_once_and_shown(fxgpt, searched):
    ledger, problem, outcome, artifact = searched
    empty = fxgpt("vault", "show", *PLACE)
    assert (empty.code, empty.out) == (0, "the vault was never opened\n")
    assert fxgpt(*OPEN).code == 5
    record_board(ledger, artifact.id, (FAILED, vault_gate(None)))
    refused = fxgpt(*OPEN, "--json")
    assert (refused.code, "minimum_trades" in refused.out) == (5, True)
    assert fxgpt("vault", "show", *PLACE, "--json").json["openings"] == []
    record_board(ledger, artifact.id, (PASSED, vault_gate(None)))
    answer = fxgpt(*OPEN, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["result"] == pytest.approx(dict(played(problem, outcome, 1).to_json()))
    assert (answer.json["look"], answer.json["reason"], answer.json["params_sha256"]) == (1, "a test", outcome.proposed.sha256)
    on_board = {gate.gate: gate for gate in board_of(ledger, artifact.id)}
    assert on_board["vault_ratio"].value == pytest.approx(answer.json["result"]["ratio"])
    assert on_board["vault_ratio"].passed == answer.json["passed"]
    again = fxgpt("vault", "open", *PLACE, "--reason", "again")
    assert (again.code, "look 1 at days of" in again.out, "vault_ratio is" in again.out) == (0, True, True)
    shown = fxgpt("vault", "show", *PLACE, "--json").json["openings"]
    assert shown == [answer.json]
    gates = fxgpt("gates", *PLACE, "--json").json
    assert gates["cheapest"] == (None if answer.json["passed"] else "vault_ratio")


def test_a_failed_gate_is_overruled_in_words_only(fxgpt, searched):
    record_board(searched[0], searched[3].id, (FAILED, vault_gate(None)))
    assert fxgpt(*OPEN, "--despite-failed-gates").code == 0
    assert fxgpt("vault", "open", *PLACE).code == 2
    told = fxgpt("gates", *PLACE)
    assert "cheapest to fix: minimum_trades (more candles)" in told.out
