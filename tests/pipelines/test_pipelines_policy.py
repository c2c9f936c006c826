"""The asset of the policy: of two symbols, learned before the test span, judged behind it, made once, shown to a person."""

from statistics import NormalDist

import numpy as np
import polars as pl
import pytest
from tiny_line import N_CANDLES, set_up

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.conformal.calibration import fit
from fxgpt_core.conformal.outcomes import outcomes_of
from fxgpt_core.errors import BadInputError, MissingError, RefusedError
from fxgpt_core.forecasts.forecast import LEVELS, Forecasts
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.portfolio.policy import policy_weights
from fxgpt_core.portfolio.policy_file import about_policy, policy_of_bytes
from fxgpt_core.validation.spans import SpanParameters, split_spans
from fxgpt_pipelines import policy_market, policy_training
from fxgpt_pipelines.reading import spans_of, spans_to_json

SHORT = {"timesteps": 256}
STEPS = np.arange(1, 25, dtype=np.int32)
HASHES = {"model_sha256": "m" * 64, "sampling_sha256": "s" * 64}


def candles_of(symbol):
    """The sample, and beside it what it would be as pounds: its prices upside down."""
    frame = SampleProvider().candles("EURUSD", Timeframe.H1).tail(N_CANDLES)
    prices = {name: 1.5 / pl.col(of) for name, of in (("open", "open"), ("high", "low"), ("low", "high"), ("close", "close"))}
    return frame if symbol == "EURUSD" else frame.with_columns(**prices)


def leaning(symbol, candles, origins):
    """Gaussian bands whose median leans up or down, by chance, far enough to pay the costs."""
    scale = np.tile(float(np.std(np.diff(np.log(candles.close)))) * np.sqrt(STEPS.astype(float)), (len(origins), 1))
    quantiles = np.array([NormalDist().inv_cdf(level) for level in LEVELS.tolist()])
    lean = 0.8 * np.random.default_rng(3).choice([-1.0, 0.0, 1.0], size=len(origins))
    values = scale[:, :, None] * (quantiles[None, None, :] + lean[:, None, None])
    return Forecasts(symbol, "1h", candles.known_at_us[origins], candles.close[origins], STEPS, LEVELS, values, scale)


def keep(lake, symbol):
    """What a policy rests on, with a stand-in for a model, in the lake."""
    frame = candles_of(symbol)
    candles = candle_arrays(frame, Timeframe.H1)
    spans = split_spans(candles.known_at_us, SpanParameters(0.3, 0.4))
    forecasts = leaning(symbol, candles, np.arange(spans.calibration.slice(candles.known_at_us).start, len(candles)))
    calibrating = forecasts.select(spans.calibration.mask(forecasts.known_at_us))
    calibration = fit(calibrating, outcomes_of(candles.close, candles.known_at_us, calibrating), **HASHES)
    times = pl.from_epoch(pl.Series("known_at", candles.known_at_us), "us").dt.replace_time_zone("UTC")
    context = pl.DataFrame({"known_at": times, "vix_close": 15.0 + np.arange(len(candles)) / 100})
    for asset, write in {
        "candles": lambda making: making.write_frame(frame, {}),
        "diffusion_model": lambda making: making.write_bytes(b"a stand-in", "safetensors", {"spans": spans_to_json(spans)}),
        "forecasts": lambda making: making.write_frame(forecasts.to_frame(), HASHES),
        "calibration_quantiles": lambda making: making.write_bytes(calibration.to_json().encode(), "json", {}),
        "context_series": lambda making: making.write_frame(context, {}),
    }.items():
        with lake.making(asset, symbol, "1h", {}, code_sha256="k" * 64, run_id="test") as making:
            write(making)


@pytest.fixture(scope="module")
def at(tmp_path_factory):
    with set_up(tmp_path_factory.mktemp("policy")) as made:
        for symbol in ("EURUSD", "GBPUSD"):
            keep(made.lake, symbol)
        yield made


@pytest.fixture(scope="module")
def made(at):
    return at.runner.materialize("rl_agent", SHORT)


def stored(at):
    return at.lake.latest("rl_agent", "EURUSD", "1h")


def test_it_rests_on_candles_forecasts_and_context_of_both_symbols(at, made):
    edges = at.lake.inputs(stored(at).id)
    assert {(edge.parent.symbol, edge.role) for edge in edges} == {
        (symbol, asset) for symbol in ("EURUSD", "GBPUSD") for asset in (*policy_market.INPUTS, "context_series")
    }
    assert not made.reused
    assert at.runner.materialize("rl_agent", SHORT).reused


def test_the_stored_policy_weighs_both_symbols_and_tells_how_it_was_made(at, made):
    artifact = stored(at)
    policy = policy_of_bytes(artifact.bytes(), artifact.sha256, "p")
    about = about_policy(artifact.bytes())
    assert policy.symbols == ("EURUSD", "GBPUSD")
    assert about["trained"] == {"seed": 7, "days_lived": 256}
    assert about["parameters"]["mini_batch_size"] == 64
    sources = {
        symbol: {asset: at.lake.latest(asset, symbol, "1h") for asset in (*policy_market.INPUTS, "context_series")}
        for symbol in policy.symbols
    }
    test = policy_market.market(sources, policy_market.TEST)
    again = policy_weights(policy, test.states, test.accounts.universe.day)[test.rows.first : test.rows.stop - 1]
    assert np.array(artifact.summary["test_weights"]).tolist() == again.tolist()


def test_training_sees_nothing_behind_the_calibration_span_and_the_test_is_the_test_span(at):
    sources = {
        symbol: {asset: at.lake.latest(asset, symbol, "1h") for asset in policy_market.INPUTS} for symbol in ("EURUSD", "GBPUSD")
    }
    spans = spans_of(sources["EURUSD"]["diffusion_model"])
    learning, test = (policy_market.market(sources, span) for span in (policy_market.CALIBRATION, policy_market.TEST))
    for each in learning.accounts.traded:
        assert each.candles.known_at_us[-1] < spans.calibration.stop_us
        ruled = learning.accounts.universe.complete_days(each.candles.known_at_us) - 1 >= learning.rows.first
        assert each.candles.known_at_us[ruled][0] > spans.calibration.start_us
    # An FX day ends at 21:00 or 22:00 UTC of its date.
    ends_us = int(test.accounts.universe.day[test.rows.first]) * 86_400_000_000 + 21 * 3_600_000_000
    assert ends_us > spans.test.start_us
    assert learning.entries > 20


def test_it_is_judged_before_the_vault_of_the_symbol_whose_vault_begins_first(at, made):
    sources = {
        symbol: {asset: at.lake.latest(asset, symbol, "1h") for asset in policy_market.INPUTS} for symbol in ("EURUSD", "GBPUSD")
    }
    found, whole = (policy_market.market(sources, policy_market.TEST, share) for share in (0.2, 0.0))
    known = sources["EURUSD"]["forecasts"].frame()["known_at"].unique().sort().to_physical().to_numpy()
    known = known[known >= spans_of(sources["EURUSD"]["diffusion_model"]).test.start_us]
    vault_us = known[-1] - 0.2 * (known[-1] - known[0])
    # Of the last day that is judged the end, 21:00 or 22:00 UTC, lies before the vault, and that of the next does not.
    last, after = (int(found.accounts.universe.day[row]) * 86_400 * 10**6 for row in (found.played.stop - 1, found.played.stop))
    assert last + 21 * 3_600 * 10**6 <= vault_us < after + 22 * 3_600 * 10**6
    assert (whole.played, found.rows, found.played.first) == (whole.rows, whole.rows, whole.rows.first)
    summary = stored(at).summary
    days = found.played.stop - found.played.first - 1
    assert {row["days"] for row in summary["judged"]} == {days}
    assert (summary["days_tested"], summary["days_in_vault"]) == (days, found.rows.stop - found.played.stop)
    assert (summary["entries_tested"], len(summary["test_days"])) == (found.entries, found.rows.stop - found.rows.first - 1)
    assert found.entries < whole.entries


def test_a_person_sees_how_it_learned_what_it_weighs_and_what_that_earned(made):
    assert {"learning", "weights", "unseen_days", "numbers", "best_static_weights"} <= set(made.metadata)
    names = [row.data["name"] for row in made.metadata["unseen_days"].records]
    assert names == ["policy", "best static", "equal"]
    assert set(made.checks) == {"beats_static_weights"}
    earned = {row.data["name"]: row.data["total_return"] for row in made.metadata["unseen_days"].records}
    assert made.checks["beats_static_weights"] == (earned["policy"] > earned["best static"])


def test_the_symbols_can_be_named_and_must_be_there(at):
    alone = at.runner.materialize("rl_agent", SHORT | {"symbols": ["EURUSD"], "seed": 8})
    assert {row.data["name"]: row.data["value"] for row in alone.metadata["numbers"].records}["symbols"] == "['EURUSD']"
    with pytest.raises(BadInputError, match="EURUSD must be one of them"):
        at.runner.materialize("rl_agent", SHORT | {"symbols": ["GBPUSD"]})
    with pytest.raises(MissingError, match="USDJPY 1h has no candles yet"):
        at.runner.materialize("rl_agent", SHORT | {"symbols": ["EURUSD", "USDJPY"]})


def test_decisions_that_hardly_ever_enter_are_refused_with_what_is_needed(at, monkeypatch):
    monkeypatch.setattr(policy_training, "FEWEST_ENTRIES", 10**6)
    with pytest.raises(RefusedError, match="1000000 are needed for weights to mean anything; give more candles"):
        at.runner.materialize("rl_agent", SHORT | {"seed": 9})
