"""Components from asset to decision: which a search uses, what live decisions say of them, and what each is worth."""

import dataclasses
import json

import numpy as np
import pytest

from fxgpt_core.cli.main import run
from fxgpt_core.cli.stored import stored_problem
from fxgpt_core.errors import BadInputError, MissingError, ParameterError, RefusedError
from fxgpt_core.optimization.made_components import PARTS, Known, Used, components_of, parts_of, read_parts
from fxgpt_core.regimes.regime_model import RegimeModel
from fxgpt_core.strategy.parameters import StrategyParameters

SERIES = ("EURUSD", "1h")
MADE = ("patterns", "regimes", "anomalies", "context")


@pytest.fixture(scope="module")
def proposal(line):
    return line.at.lake.latest("optimized_parameters", *SERIES)


@pytest.fixture(scope="module")
def ablation(line):
    return line.at.runner.materialize("ablation", {"account_currency": "USD"})


def test_a_search_uses_patterns_and_every_part_that_was_made_and_says_so(line, proposal):
    assert proposal.json()["components"] == {"parts": list(MADE), "policy_mode": "hybrid"}
    roles = {edge.role for edge in line.at.lake.inputs(proposal.id)}
    assert roles >= {"regimes", "pattern_autoencoder", "context_series", "forecasts"}


def test_a_part_that_is_unknown_or_not_made_is_refused_by_name(line):
    with pytest.raises(BadInputError, match=f"the components moon are unknown; known: {', '.join(PARTS)}"):
        line.at.runner.materialize("ablation", {"components": ["patterns", "moon"]})
    with pytest.raises(BadInputError, match="known: rl_only, hybrid, advisory"):
        line.at.runner.materialize("ablation", {"policy_mode": "both"})
    with pytest.raises(MissingError, match="materialize rl_agent"):
        line.at.runner.materialize("ablation", {"components": ["policy"]})
    assert parts_of(line.at.lake, *SERIES, ["regimes", "patterns"]) == ("patterns", "regimes")


def test_the_stored_problem_has_the_regimes_of_the_stored_model(line):
    found = stored_problem(line.at.settings, *SERIES).problem
    model = RegimeModel.from_json(line.at.lake.latest("regimes", *SERIES).bytes().decode())
    assert found.components.regime.tobytes() == model.series(found.candles).regime.tobytes()
    assert np.isfinite(found.components.anomaly[-100:]).all()
    assert found.components.patterns
    bare = stored_problem(line.at.settings, *SERIES, without=("regimes", "anomalies")).problem
    assert (bare.components.regime, bare.components.anomaly) == (None, None)
    assert bare.sha256 != found.sha256


def test_what_learned_from_the_unseen_span_is_refused(line):
    stored = {asset: line.at.lake.latest(asset, *SERIES) for asset in ("regimes", "forecasts")}
    candles = stored_problem(line.at.settings, *SERIES).problem.candles
    learned = stored["regimes"].summary["learned_until_us"]
    known = {"EURUSD": Known(candles)}
    components_of("EURUSD", known, stored, Used(("regimes",)), learned)
    with pytest.raises(RefusedError, match=r"regimes of EURUSD has learned .* materialize regimes again"):
        components_of("EURUSD", known, stored, Used(("regimes",)), learned - 1)


def test_a_parameter_that_its_asset_was_not_made_with_is_refused_where_it_would_change_nothing(line):
    found = stored_problem(line.at.settings, *SERIES)
    assert set(found.problem.components.fitted) == {
        *("sssd_diffusion_steps", "sssd_noise_schedule", "sssd_sampling_method", "sssd_guidance_scale"),
        *("sssd_temperature", "sssd_min_samples", "sssd_use_ensemble"),
    }
    hotter = StrategyParameters.default().replace(sssd_temperature=1.3)
    with pytest.raises(ParameterError, match=r"sssd_temperature is 1.3, but what is in use was made with 1.0"):
        found.problem.evaluate(hotter, found.unseen)


def test_context_is_carried_on_for_a_while_and_then_unknown(line):
    import polars as pl

    candles = stored_problem(line.at.settings, *SERIES).problem.candles
    times = pl.Series(candles.known_at_us[:100]).cast(pl.Datetime("us", "UTC"))
    frame = pl.DataFrame({"known_at": times, "vix_close": pl.Series(np.linspace(10.0, 30.0, 100))})
    found = components_of("EURUSD", {"EURUSD": Known(candles, frame)}, _forecasts(line), Used(("context",)), 0).context
    assert found.vix[:100].tolist() == frame["vix_close"].to_list()
    hours = (candles.known_at_us - candles.known_at_us[99]) / 3_600_000_000
    assert (found.vix[(hours >= 0) & (hours <= 36)] == 30.0).all()
    assert np.isnan(found.vix[hours > 36]).all()


def _forecasts(line):
    return {"forecasts": line.at.lake.latest("forecasts", *SERIES)}


def test_the_ablation_tells_every_part_with_and_without_and_is_reused(line, ablation):
    stored = line.at.lake.latest("ablation", *SERIES).json()
    plays = {(row["component"], row["how"]) for row in stored["plays"]}
    there = ("patterns", "regime", "anomaly", "volume")
    assert plays == {("all components", "together"), ("forecast", "alone")} | {
        (name, how) for name in there for how in ("without", "alone")
    }
    assert stored["mode"] == "fx"
    assert {"gains", "plays", "played"} <= set(ablation.metadata)
    assert line.at.runner.materialize("ablation", {"account_currency": "USD"}).reused


def test_the_ablation_is_of_the_parameters_and_the_days_that_are_asked_for(line, ablation):
    usual = line.at.lake.latest("ablation", *SERIES).json()
    asked = {"account_currency": "USD", "parameters": {"filter_volume_enabled": False}, "vault_share": 0.5}
    line.at.runner.materialize("ablation", asked)
    stored = line.at.lake.latest("ablation", *SERIES).json()
    assert "volume" not in {row["component"] for row in stored["plays"]}
    start, *ends = usual["span"][0], stored["span"][1], usual["span"][1]
    assert (ends[0] - start) / (ends[1] - start) == pytest.approx(0.5 / 0.8)
    told = {row.data["name"]: row.data["value"] for row in ablation.metadata["played"].records}
    assert told["vault"] == f"left out: {usual['vault']}, which no search sees"
    assert told["span"].split(" .. ")[1] == usual["vault"].split(" .. ")[0]
    assert "sets by regime are not played" in told["parameter set"]


def test_a_backtest_leaves_out_what_it_is_told_to(line, monkeypatch, capsys):
    monkeypatch.setenv("FXGPT_DATA_ROOT", str(line.at.settings.data_root))

    def played(*options):
        assert run(["backtest", "--symbol", "EURUSD", "--timeframe", "1h", "--json", *options]) == 0
        return json.loads(capsys.readouterr().out)

    whole, bare = played(), played("--without", "patterns")
    assert whole["metrics"]["total_trades"] > bare["metrics"]["total_trades"]
    assert run(["backtest", "--symbol", "EURUSD", "--timeframe", "1h", "--without", "moon"]) == 3
    assert "the components moon are unknown" in capsys.readouterr().err


def test_an_older_proposal_without_components_uses_none():
    assert Used.of_proposal({"parameters": {}}) == Used()
    used = Used(("patterns",))
    assert Used.of_proposal({"components": used.to_json()}) == used
    assert dataclasses.replace(used, parts=()).to_json()["parts"] == []


def test_a_policy_reads_the_context_of_its_own_symbol_whether_or_not_the_filters_do(line):
    agent = dataclasses.replace(line.at.lake.latest("regimes", *SERIES), summary={"symbols": ["GBPUSD", "EURUSD"]})
    asked = []

    def read(asset, symbol="EURUSD", role=None):
        asked.append((asset, symbol))
        return agent

    stored = read_parts(("policy",), "EURUSD", read)
    assert set(stored) == {"rl_agent", "context_series", "candles_GBPUSD", "context_series_GBPUSD"}
    assert ("context_series", "EURUSD") in asked
