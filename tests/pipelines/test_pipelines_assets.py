"""The assets up to the gate board: what they record, what they reuse, and what stops them."""

import json
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import polars as pl
import pytest
from tiny_line import CONFIG, HELD_OUT, LINE, N_CANDLES

from fxgpt_core.candles.schema import PRICES
from fxgpt_core.errors import BrokenLineageError, CandleSchemaError, MissingError
from fxgpt_core.features import matrix
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.modes import Mode
from fxgpt_core.market.timeframes import HOUR_US, Timeframe
from fxgpt_core.optimization.study import SearchProgress
from fxgpt_core.registry.gate_evidence import LUCK_TESTS
from fxgpt_core.registry.model_versions import registered_version
from fxgpt_core.registry.trials import TrialStore
from fxgpt_pipelines import searching
from fxgpt_pipelines.checks.gates import GATE_CHECKS, GATES, VAULT_CHECK
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.definitions import build_definitions
from fxgpt_pipelines.training import trained


def test_every_asset_reports_the_hash_of_the_bytes_it_stored_as_its_data_version(line):
    for asset in LINE:
        artifact = line.at.lake.latest(asset, "EURUSD", "1h")
        event = line.at.instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event.asset_materialization.tags["dagster/data_version"] == f"sha256:{artifact.sha256}"
        assert line.made[asset].metadata["artifact"] == artifact.id
        assert artifact.code_sha256 == code_version(asset)
        assert artifact.run_id == line.made[asset].run_id
        assert line.made[asset].reused is False


def test_the_held_out_candles_are_in_no_artifact(line):
    stored = line.at.lake.latest("candles", "EURUSD", "1h").frame()
    assert len(stored) == N_CANDLES - HELD_OUT


def test_every_artifact_knows_what_it_was_made_of(line):
    lake = line.at.lake
    roles = {asset: {edge.role for edge in lake.inputs(lake.latest(asset, "EURUSD", "1h").id)} for asset in LINE}
    assert roles["raw_candles"] == set()
    assert roles["candles"] == {"raw_candles"}
    assert roles["features"] == {"candles"}
    assert roles["diffusion_model"] == {"candles", "features"}
    assert roles["forecasts"] == {"candles", "features", "diffusion_model"}
    assert roles["calibration_quantiles"] == {"candles", "diffusion_model", "forecasts"}
    assert roles["regimes"] == roles["pattern_autoencoder"] == {"candles"}
    components = {"regimes", "pattern_autoencoder", "context_series"}
    assert roles["optimized_parameters"] == {"candles", "diffusion_model", "forecasts", "calibration_quantiles"} | components
    assert {"optimized_parameters", "walk_forward_validation"} <= roles["robustness"]


def test_forecasts_lie_behind_the_training_span_only(line):
    model = line.at.lake.latest("diffusion_model", "EURUSD", "1h")
    forecasts = line.at.lake.latest("forecasts", "EURUSD", "1h").frame()
    assert forecasts["known_at"].to_physical().min() >= model.summary["spans"]["calibration"][0]
    assert model.summary["spans"]["train"][1] < model.summary["spans"]["calibration"][0]


def test_the_model_is_a_version_in_mlflow_that_carries_the_artifacts_hash(line):
    model = line.at.lake.latest("diffusion_model", "EURUSD", "1h")
    version = registered_version(line.at.settings.mlflow_url, model.model_name, model.model_version)
    assert version.tags["artifact_sha256"] == model.sha256
    assert version.folder is not None
    assert (version.folder / "model.safetensors").read_bytes() == model.bytes()
    described = json.loads((version.folder / "model.json").read_text())
    assert (described["symbol"], described["seed"]) == ("EURUSD", model.seed)
    assert described["training"]["n_steps"] == model.summary["parameters"]["n_steps"]


def test_pictures_are_small_enough_to_be_stored_with_every_event(line):
    pictures = [
        value
        for made in line.made.values()
        for value in made.metadata.values()
        if isinstance(value, str) and "data:image/png" in value
    ]
    assert len(pictures) >= 5
    assert max(len(picture) for picture in pictures) <= 50_000


def test_training_sees_nothing_behind_its_span(line, tmp_path):
    """The whole path from stored candles: everything behind the training span replaced, and the model is the same file."""
    model, candles = (line.at.lake.latest(asset, "EURUSD", "1h") for asset in ("diffusion_model", "candles"))
    stop_us = model.summary["spans"]["train"][1]
    known_us = pl.col("open_time").cast(pl.Int64) + HOUR_US

    def file_of(since_us, change):
        changed = [pl.when(known_us >= since_us).then(pl.col(name) * change).otherwise(pl.col(name)) for name in PRICES]
        frame = candles.frame().with_columns(changed)
        read = {
            "candles": SimpleNamespace(symbol="EURUSD", timeframe="1h", frame=lambda: frame),
            "features": SimpleNamespace(frame=lambda: matrix.features(frame, Timeframe.H1)),
        }
        origin = SimpleNamespace(asset="diffusion_model", symbol="EURUSD", timeframe="1h", settings={}, code_sha256="")
        making = SimpleNamespace(
            read=read.__getitem__, write_bytes=lambda data, suffix, summary: data, origin=origin, read_so_far={}
        )
        return trained(making, model.settings, lambda _: None, tmp_path)

    assert file_of(stop_us, 1.5) == file_of(stop_us, 1.0) == model.bytes()
    assert file_of(stop_us - HOUR_US, 1.5) != model.bytes()


def test_the_first_trial_of_a_resumed_search_has_no_estimate_and_is_told_all_the_same():
    trial = SimpleNamespace(objectives={"sharpe": 1.234})
    told = []
    for remaining in (None, 7.2):
        searching._tell(SearchProgress(10, 20, 0, "search", trial, 1.0, remaining), told.append)
    assert told == ["trial 10/20  search  sharpe 1.23", "trial 10/20  search  sharpe 1.23  about 7 s left"]


def test_training_and_search_tell_how_far_they_are(line):
    assert any("loss" in told and "left" in told for told in line.at.lines)
    assert any(told.startswith("trial ") for told in line.at.lines)


def test_the_gate_board_is_one_check_a_gate_and_is_what_deployment_reads(line):
    from fxgpt_core.registry.gate_results import board_of

    parameter_set = line.at.lake.latest("optimized_parameters", "EURUSD", "1h")
    board = {gate.gate: gate.passed for gate in board_of(line.at.ledger, parameter_set.id)}
    assert board.pop("vault_ratio") is False
    assert set(board) == set(GATES)
    assert line.made["robustness"].checks == board


def test_a_failed_gate_blocks_its_run_and_the_cheapest_one_to_fix_is_named(line):
    made = line.made["robustness"]
    assert not all(made.checks.values())
    assert line.at.instance.get_run_by_id(made.run_id).status is dg.DagsterRunStatus.FAILURE
    assert made.metadata["cheapest_to_fix"].startswith("cheapest to fix: ")
    assert all(spec.blocking for spec in (*GATE_CHECKS, VAULT_CHECK))


def test_how_much_hangs_on_exact_numbers_is_stored_shown_and_reported(line):
    told, stored = line.made["robustness"].metadata, line.at.lake.latest("robustness", "EURUSD", "1h").json()
    shown = {record.data["measure"]: record.data["value"] for record in told["robustness"].records}
    assert set(stored["robustness"]) >= {"consistency", "plateau", "importance", "distance", "late_entries"}
    assert shown["distance from the defaults"] == pytest.approx(stored["robustness"]["distance"]["mean"], rel=1e-5)
    assert {"profit_at_dearer_costs", "moved_from_the_defaults"} <= set(told)
    assert "plateau, one parameter moved" in Path(told["report"]).read_text()


def test_the_vault_is_opened_by_nobody_but_a_person_with_a_reason_and_then_is_on_the_board(line):
    from fxgpt_core.errors import RefusedError
    from fxgpt_core.registry.gate_results import board_of
    from fxgpt_core.registry.vault import Vault

    jobs = [build_definitions().resolve_job_def(name) for name in ("candles_to_gates", "expanding_validation")]
    assert not any("vault" in {key.path[-1] for key in job.asset_layer.executable_asset_keys} for job in jobs)
    with pytest.raises(dg.DagsterInvalidConfigError, match="reason"):
        line.at.runner.materialize("vault")
    with pytest.raises(RefusedError, match="the vault stays closed"):
        line.at.runner.materialize("vault", {"reason": "a test"})
    made = line.at.runner.materialize("vault", {"reason": "a test", "despite_failed_gates": True})
    (opening,) = Vault(line.at.ledger).openings("EURUSD", "1h")
    assert (opening.look, opening.request.reason) == (1, "a test")
    parameter_set = line.at.lake.latest("optimized_parameters", "EURUSD", "1h")
    assert board_of(line.at.ledger, parameter_set.id)[-1] == opening.gate
    assert made.checks == {"vault_ratio": opening.gate.passed}


def test_the_gate_board_tells_every_stress_as_a_table_and_draws_the_equity_under_it(line):
    told, stored = line.made["robustness"].metadata, line.at.lake.latest("robustness", "EURUSD", "1h").json()
    assert told["stress_verdict"].startswith("the proposed set: survived ")
    for table, rows in (("stress", stored["stress"]["proposed"]), ("stress_of_the_folds_choices", stored["stress"]["folds"])):
        shown = [record.data for record in told[table].records]
        assert [row["stress"] for row in shown] == [", ".join(filter(None, (row["name"], row["place"]))) for row in rows]
        # The sample ends in 2018, before the latest five crises, and its test span begins after the others.
        crises = [row for row, kept in zip(shown, rows, strict=True) if kept["kind"] == "crisis"]
        assert {row["survived"] for row in crises} == {"not judged"}
        assert all("candles begin" in row["note"] for row in crises)
    assert "data:image/png" in told["equity_at_dearer_costs"]
    assert "equity_in_crises" not in told
    kept = {row["name"]: row["numbers"]["kept_pct"] for row in stored["stress"]["proposed"] if row["numbers"]}
    assert {"costs_x1.5", "costs_x2", "costs_x3"} <= set(kept)
    assert stored["evidence"]["stress"]["n_shocks"] == len([name for name in kept if not name.startswith("costs")])


def test_a_search_too_short_to_judge_for_luck_fails_its_gates_and_says_so_everywhere(line):
    """Two folds of a week are eleven days of test windows."""
    stored = line.at.lake.latest("robustness", "EURUSD", "1h").json()
    gates = {gate["gate"]: gate["passed"] for gate in stored["gates"]}
    assert [gates[name] for name in LUCK_TESTS] == [False] * 5
    assert stored["luck"]["not_judged"] == stored["evidence"]["not_judged"]
    assert "days of test windows, and" in stored["luck"]["not_judged"]
    assert stored["luck"]["trials_ever"] == line.at.lake.latest("optimized_parameters", "EURUSD", "1h").summary["n_trials"]
    assert {"luck", "luck_rests_on", "other_histories"} <= set(line.made["robustness"].metadata)
    page = Path(line.made["robustness"].metadata["report"]).read_text()
    assert "Would the same entries do as well at other times?" in page
    assert "not tested for luck" not in page


def test_a_search_and_its_gate_board_leave_a_report_of_what_was_not_searched(line):
    proposal = line.at.lake.latest("optimized_parameters", "EURUSD", "1h").json()
    paths = {asset: Path(line.made[asset].metadata["report"]) for asset in ("optimized_parameters", "robustness")}
    assert {path.parent for path in paths.values()} == {line.at.settings.data_root / "reports" / "EURUSD" / "1h"}
    for asset, path in paths.items():
        artifact, page = line.at.lake.latest(asset, "EURUSD", "1h"), path.read_text()
        assert path.name == f"{asset}-{artifact.sha256[:16]}.html"
        assert artifact.id in page
        assert artifact.created_at.astimezone(UTC).isoformat(timespec="seconds") in page
        assert all(fold["params_sha256"][:12] in page for fold in proposal["folds"])
    assert "No gate has judged this run yet." in paths["optimized_parameters"].read_text()
    assert all(gate in paths["robustness"].read_text() for gate in (*GATES, "vault_ratio"))
    last = line.at.lake.latest("robustness", "EURUSD", "1h").json()["gates"][-1]
    assert (last["gate"], last["passed"], last["value"]) == ("vault_ratio", False, 0.0)


def test_a_report_that_is_gone_is_written_again_as_it_was_and_one_that_is_there_stays(line):
    path = Path(line.made["optimized_parameters"].metadata["report"])
    before = path.read_bytes()
    for planted, expected in ((None, before), (b"mine", b"mine")):
        path.unlink() if planted is None else path.write_bytes(planted)
        again = line.at.runner.materialize("optimized_parameters", CONFIG["optimized_parameters"])
        assert (again.reused, again.metadata["report"]) == (True, str(path))
        assert path.read_bytes() == expected
    path.write_bytes(before)


def test_an_unchanged_recipe_is_not_made_again_and_says_so(line):
    before = line.at.lake.latest("features", "EURUSD", "1h")
    made = line.at.runner.materialize("features")
    assert made.reused is True
    assert made.metadata["made"] == "unchanged, reused"
    assert line.at.lake.latest("features", "EURUSD", "1h").id == before.id


def test_other_settings_make_another_artifact(fresh):
    first = fresh.runner.materialize("raw_candles", CONFIG["raw_candles"])
    second = fresh.runner.materialize("raw_candles", {"hold_out_candles": HELD_OUT + 1})
    again = fresh.runner.materialize("raw_candles", CONFIG["raw_candles"])
    assert second.metadata["artifact"] != first.metadata["artifact"]
    assert (second.reused, again.reused) == (False, True)
    assert fresh.lake.latest("raw_candles", "EURUSD", "1h").id == first.metadata["artifact"]


def test_an_asset_whose_input_was_never_made_says_what_to_materialize(fresh):
    with pytest.raises(MissingError, match="materialize raw_candles for EURUSD 1h first"):
        fresh.runner.materialize("candles")


def _evaluations(instance, asset, check):
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
    return [record.event.dagster_event.event_specific_data.passed for record in records if record.event]


def test_candles_that_break_the_schema_fail_the_blocking_check_and_are_not_stored(fresh):
    fresh.runner.materialize("raw_candles", CONFIG["raw_candles"])
    raw = fresh.lake.latest("raw_candles", "EURUSD", "1h")
    broken = pl.concat([raw.frame(), raw.frame().tail(1)])
    with fresh.lake.making(
        "raw_candles", "EURUSD", "1h", {"planted": "a repeated candle"}, code_sha256="x", run_id="x"
    ) as making:
        making.write_frame(broken, raw.summary)
    with pytest.raises(CandleSchemaError, match="stamp that was there before"):
        fresh.runner.materialize("candles")
    assert _evaluations(fresh.instance, "candles", "schema") == [False]
    with pytest.raises(MissingError, match="no candles"):
        fresh.lake.latest("candles", "EURUSD", "1h")


def test_a_feature_that_sees_the_future_fails_the_blocking_check_and_is_not_stored(fresh, monkeypatch):
    for asset in ("raw_candles", "candles"):
        fresh.runner.materialize(asset, CONFIG.get(asset))
    honest = matrix.features

    def leaking(candles, timeframe):
        return honest(candles, timeframe).with_columns(pl.col("return_1").shift(-1))

    monkeypatch.setattr(matrix, "features", leaking)
    with pytest.raises(BrokenLineageError, match="return_1"):
        fresh.runner.materialize("features")
    assert _evaluations(fresh.instance, "features", "no_look_ahead") == [False]
    with pytest.raises(MissingError, match="no features"):
        fresh.lake.latest("features", "EURUSD", "1h")


def test_a_search_with_an_accounts_currency_is_played_and_judged_by_the_rules_of_fx(line):
    """The account is in pounds: another symbol's candles convert, and are an input of their own role."""
    lake, flat = line.at.lake, line.at.lake.latest("optimized_parameters", "EURUSD", "1h")
    config = CONFIG["optimized_parameters"] | {"account_currency": "GBP"}
    with pytest.raises(MissingError, match="GBPUSD 1h"):
        line.at.runner.materialize("optimized_parameters", config)
    pounds = lake.latest("candles", "EURUSD", "1h").frame().with_columns(*(pl.col(name) * 1.1 for name in PRICES))
    with lake.making("candles", "GBPUSD", "1h", {}, code_sha256="0" * 64, run_id="a run") as making:
        cross = making.write_frame(pounds, {})
    try:
        line.at.runner.materialize("optimized_parameters", config)
        found = lake.latest("optimized_parameters", "EURUSD", "1h")
        roles = {edge.role: edge.parent.id for edge in lake.inputs(found.id)}
        assert roles["converting_candles"] == cross.id != roles["candles"]
        proposal = found.json()
        assert Charges.from_json(proposal["charges"]) == Charges(account_currency="GBP")
        assert flat.json()["charges"] is None
        made = line.at.runner.materialize("robustness")
        assert set(made.checks) == set(GATES)
        with lake.making("robustness", "EURUSD", "1h", {}, code_sha256="0" * 64, run_id="a run") as making:
            case = searching.judged(making, proposal, TrialStore(line.at.ledger))
        assert case.outcome.out_of_sample.result.mode is Mode.FX
        assert case.problem.paid.conversion == pytest.approx(1.0 / pounds["close"].to_numpy())
    finally:
        for asset in ("optimized_parameters", "robustness"):
            line.at.runner.materialize(asset, CONFIG.get(asset, {}))
    assert lake.latest("optimized_parameters", "EURUSD", "1h").id == flat.id


def test_what_robustness_leaves_behind_tells_of_the_vault_once_that_was_opened(line):
    from dataclasses import asdict

    from fxgpt_core.registry.vault import Vault

    line.at.runner.materialize("vault", {"reason": "a test", "despite_failed_gates": True})
    (opening,) = Vault(line.at.ledger).openings("EURUSD", "1h")
    told = line.at.runner.materialize("robustness").metadata
    gates = line.at.lake.latest("robustness", "EURUSD", "1h").json()["gates"]
    assert gates[-1] == asdict(opening.gate)
    assert [gate["gate"] for gate in gates] == [*GATES, "vault_ratio"]
    assert (opening.gate.remedy in Path(told["report"]).read_text()) is not opening.gate.passed
    assert line.at.runner.materialize("robustness").reused
