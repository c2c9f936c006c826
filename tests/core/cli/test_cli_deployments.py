"""The verbs of what trades: approved, deployed, paused, rolled back, with exit codes and messages that say what to do."""

import json
from datetime import UTC, datetime

import pytest

from fxgpt_core.registry import retention
from fxgpt_core.registry.artifact import Artifact
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.gate_results import record_board
from fxgpt_core.registry.gates import GateResult
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import RESULT_COLUMNS
from fxgpt_core.registry.trials import RunRequest, TrialRecord, TrialStore
from fxgpt_core.settings import read_settings
from fxgpt_core.strategy.parameters import StrategyParameters

PLACE = ("--symbol", "EURUSD", "--timeframe", "1h")
BEHIND = ("diffusion_model", "calibration_quantiles", "walk_forward_validation")
PARAMETERS = StrategyParameters.default()


def proposed(name: str, passed: bool = True, sharpe: float = 1.0) -> Artifact:
    """An optimized set with all a deployment rests on, and its gate board."""
    settings = read_settings()
    ledger = Ledger(settings.ledger_url)
    lake = Lake(settings.lake_root, ledger, CodeIdentity("c" * 40, None, "l" * 64))

    def keep(asset, value, *inputs):
        with lake.making(asset, "EURUSD", "1h", {"name": name}, code_sha256="k" * 64, run_id="test") as making:
            for role in inputs:
                making.read(role)
            return making.write_json(value, {})

    for asset in BEHIND:
        keep(asset, {"of": name})
    proposal = {"parameters": PARAMETERS.to_json(), "params_sha256": PARAMETERS.sha256, "regime_parameters_id": None}
    found = keep("optimized_parameters", proposal | {"out_of_sample": {"sharpe_ratio": sharpe}, "name": name}, *BEHIND[:2])
    keep("robustness", {"of": name}, "optimized_parameters", *BEHIND)
    record_board(ledger, found.id, [GateResult("minimum_trades", 40.0 if passed else 4.0, 30.0, ">=", passed, "trade more")])
    ledger.close()
    return found


@pytest.fixture
def ready(fxgpt):
    assert fxgpt("setup").code == 0
    return proposed("first")


def test_a_set_waits_for_approval_and_then_trades(fxgpt, ready):
    waits = fxgpt("deploy", *PLACE)
    assert (waits.code, waits.out) == (5, "")
    assert "nobody approved parameter set" in waits.err
    assert "fxgpt approve" in waits.err
    verdict = fxgpt("approve", *PLACE, "--reason", "sound", "--json").json["approval"]
    assert (verdict["verdict"], verdict["parameter_set_id"], verdict["reason"]) == ("approved", ready.id, "sound")
    made = fxgpt("deploy", *PLACE, "--json").json
    assert (made["changed"], made["deployment"]["approval_id"]) == (True, verdict["id"])
    assert fxgpt("deploy", *PLACE, "--json").json["changed"] is False


def test_a_rejected_set_is_refused_with_who_and_why(fxgpt, ready):
    assert "is rejected by" in fxgpt("reject", *PLACE, "--reason", "one fold earned it all").out
    refused = fxgpt("deploy", *PLACE)
    assert (refused.code, "one fold earned it all" in refused.err) == (5, True)
    assert fxgpt("deploy", *PLACE, "--approve", "looked again").code == 0


def test_a_failed_gate_is_not_approved_away_but_overridden_on_paper_only(fxgpt, ready):
    proposed("second", passed=False)
    refused = fxgpt("deploy", *PLACE, "--approve", "I like it")
    assert (refused.code, "1 of 1 gates failed" in refused.err) == (5, True)
    assert fxgpt("deploy", *PLACE, "--paper-override", "to watch it", "--broker", "ctrader").code == 5
    assert fxgpt("deploy", *PLACE, "--paper-override", "to watch it").code == 0


def test_paused_resumed_rolled_back_and_all_of_it_in_the_history(fxgpt, ready):
    assert fxgpt("pause", *PLACE, "--reason", "news").code == 4
    first = fxgpt("deploy", *PLACE, "--approve", "sound", "--json").json["deployment"]["id"]
    proposed("second")
    second = fxgpt("deploy", *PLACE, "--approve", "sound", "--json").json["deployment"]["id"]
    proposed("third")
    third = fxgpt("deploy", *PLACE, "--approve", "sound", "--json").json["deployment"]["id"]
    paused = fxgpt("pause", *PLACE, "--reason", "news", "--json").json
    assert (paused["paused"], paused["pause"]["reason"]) == (True, "news")
    assert "open positions keep their stops" in paused["open_positions"]
    assert fxgpt("pause", *PLACE, "--reason", "again").code == 5
    assert "EURUSD 1h is paused since" in fxgpt("live", "status").out
    assert fxgpt("live", "status", "--json").json["paused_series"][0]["reason"] == "news"
    assert "trades again from its next decision on" in fxgpt("resume", *PLACE, "--reason", "over").out
    assert fxgpt("resume", *PLACE, "--reason", "over").code == 5
    assert fxgpt("rollback", *PLACE, "--reason", "worse", "--json").json["deployment"]["id"] == second
    assert fxgpt("rollback", *PLACE, "--to", str(third), "--reason", "not so bad").code == 0
    assert fxgpt("rollback", *PLACE, "--to", str(first), "--reason", "worse", "--json").json["deployment"]["id"] == first
    assert fxgpt("rollback", *PLACE, "--to", "99", "--reason", "worse").code == 4
    moves = fxgpt("history", *PLACE, "--json").json["moves"]
    kinds = [move["kind"] for move in moves if move["kind"] != "approval"]
    assert kinds == ["deployment"] * 3 + ["pause", "resume"] + ["rollback"] * 3
    assert all(move["by"] and move["reason"] and move["at"] for move in moves)
    table = fxgpt("history", *PLACE).out
    assert f"deployment {second} to {third}" in table
    assert "not so bad" in table
    assert fxgpt("history", "--symbol", "GBPUSD", "--timeframe", "1h").out == "nothing was ever deployed for GBPUSD 1h\n"


def test_the_policy_auto_lets_the_better_one_trade_without_a_person(fxgpt, ready):
    assert fxgpt("approval-policy", *PLACE, "--json").json["policy"] == "approval"
    assert fxgpt("approval-policy", *PLACE, "--set", "auto").code == 3
    assert fxgpt("approval-policy", *PLACE, "--set", "never", "--reason", "x").code == 3
    assert fxgpt("deploy", *PLACE, "--approve", "the first").code == 0
    told = fxgpt("approval-policy", *PLACE, "--set", "auto", "--improvement", "0.2", "--reason", "they were sound", "--json").json
    assert (told["policy"], told["minimum_improvement"], told["reason"]) == ("auto", 0.2, "they were sound")
    assert "above the champion's by more than 20% of its size" in told["conditions"]
    assert "above the champion's by more than 20% of its size" in fxgpt("approval-policy", *PLACE).out
    proposed("second", sharpe=1.15)
    refused = fxgpt("deploy", *PLACE)
    assert (refused.code, "above 1.2 (20% more than the 1 of deployment 1)" in refused.err) == (5, True)
    proposed("third", sharpe=1.25)
    assert fxgpt("deploy", *PLACE).code == 0


def recorded(stamp: datetime) -> None:
    """A completed run of three trials, made at a moment."""
    ledger = Ledger(read_settings().ledger_url, lambda: stamp)
    store = TrialStore(ledger)
    run_id = store.open_run(RunRequest("00000000-0000-5000-8000-000000000001", "EURUSD", "1h", "genetic", "global", 0, 1, 3))
    objectives = {"sharpe": 1.0, "max_drawdown": 0.1, "profit_factor": 1.2, "cost_ratio": 0.1}
    trials = [
        TrialRecord(
            number,
            0,
            "final",
            7,
            PARAMETERS.to_json(),
            dict.fromkeys(RESULT_COLUMNS, float(number)),
            objectives,
            9,
            0.1,
            "f" * 64,
        )
        for number in range(3)
    ]
    store.record(run_id, trials)
    store.finish(run_id, trials[0], [0], 1.0)
    ledger.close()


def test_the_best_trials_are_told_with_their_parameters_until_their_run_is_archived(fxgpt):
    fxgpt("setup")
    recorded(datetime(2020, 5, 1, tzinfo=UTC))

    def best_of(*options):
        return [each["trial_number"] for each in fxgpt("trials", "best", *PLACE, *options, "--json").json["trials"]]

    best = fxgpt("trials", "best", *PLACE, "--n", "2", "--json").json["trials"]
    assert [each["trial_number"] for each in best] == [2, 1]
    assert best[0]["parameters"] == json.loads(json.dumps(PARAMETERS.to_json()))
    assert [
        each["trial_number"] for each in fxgpt("trials", "best", *PLACE, "--max-drawdown", "1.5", "--json").json["trials"]
    ] == [1, 0]
    assert [each["trial_number"] for each in fxgpt("trials", "best", *PLACE, "--min-win-rate", "2", "--json").json["trials"]] == [
        2
    ]
    assert "in sample" in fxgpt("trials", "best", *PLACE).out
    assert fxgpt("trials", "best", *PLACE, "--regime", "sideways").code == 3
    early = fxgpt("ledger", "archive", "--before", "2020-05-01", "--json").json
    assert (early["archived"], early["before"]) == ([], "2020-05-01T00:00:00+00:00")
    dry = fxgpt("ledger", "archive", "--dry-run", "--json").json
    assert [(run["id"], run["n_parameters"], run["n_trials_kept"]) for run in dry["archived"]] == [(1, 270, 3)]
    assert best_of() == [2, 1, 0]
    assert "1 runs went to the archive; their trials stay counted" in fxgpt("ledger", "archive").out
    assert "no trial of EURUSD 1h global is like that" in fxgpt("trials", "best", *PLACE).out
    assert "no run that is not running" in fxgpt("ledger", "archive").out
    assert retention.KEPT_MONTHS == 12
