"""Forecasts by the quantile head: distilled on the training span, of one sampler, and by the same head when live."""

import numpy as np
import pytest
from tiny_line import CONFIG, LINE, set_up

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.diffusion.quantile_head_forecaster import QuantileHeadForecaster
from fxgpt_core.errors import BadInputError, RefusedError
from fxgpt_core.live.candle_feed import release, undecided
from fxgpt_core.live.shadow import live_decisions
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.registry.deployments import Deployments
from fxgpt_core.registry.tracking import upgrade_store
from fxgpt_core.training.quantile_head_file import head_of_bytes
from fxgpt_pipelines.forecasting import forecaster_of
from fxgpt_pipelines.live_decision import deployed
from fxgpt_pipelines.live_recording import decide_and_record, ids_of
from fxgpt_pipelines.reading import calibration_of, forecasts_of
from fxgpt_pipelines.replay import Series, held_out

SERIES = ("EURUSD", "1h")
HEAD = {"n_paths": 16, "n_steps": 1, "n_origins": 24}
BY_HEAD = CONFIG | {"quantile_head": HEAD, "forecasts": {**CONFIG["forecasts"], "method": "quantile_head"}}
BEFORE_FORECASTS = LINE.index("forecasts")


@pytest.fixture(scope="module")
def at(tmp_path_factory):
    """A line of its own whose forecasts are a head's, deployed, and all held-out candles decided as the live job would."""
    with set_up(tmp_path_factory.mktemp("head")) as made:
        upgrade_store(made.settings.mlflow_url)
        for asset in (*LINE[:BEFORE_FORECASTS], "quantile_head", *LINE[BEFORE_FORECASTS:], "deployment"):
            made.runner.materialize(asset, BY_HEAD.get(asset))
        (active,) = Deployments(made.ledger).active(*SERIES)
        release(made.ledger, *SERIES, held_out(made.settings, made.ledger, Series(*SERIES, active.id)), "replay of a test")
        for item in undecided(made.ledger):
            decide_and_record(made.lake, item.deployment_id, item.known_at_us, "a run")
        yield made


def latest(at, asset):
    return at.lake.latest(asset, *SERIES)


def test_the_head_rests_on_the_model_and_the_forecasts_on_the_head(at):
    roles = {asset: {edge.role for edge in at.lake.inputs(latest(at, asset).id)} for asset in ("quantile_head", "forecasts")}
    assert roles["quantile_head"] == {"candles", "features", "diffusion_model"}
    assert roles["forecasts"] == {"candles", "features", "diffusion_model", "quantile_head"}
    head, forecasts = latest(at, "quantile_head"), latest(at, "forecasts")
    read = head_of_bytes(head.bytes(), head.sha256, latest(at, "diffusion_model").sha256, "h")
    assert forecasts.summary["method"] == "quantile_head"
    assert forecasts.summary["sampling_sha256"] == head.summary["sampling_sha256"] == read.sha256


def test_the_stored_forecasts_are_the_heads_and_their_calibration_is_none_of_the_paths(at):
    forecasts, head, model = (latest(at, asset) for asset in ("forecasts", "quantile_head", "diffusion_model"))
    calibration = calibration_of(latest(at, "calibration_quantiles"), forecasts)
    by_paths = forecaster_of(CONFIG["forecasts"], model)
    with pytest.raises(RefusedError, match="the calibration belongs to sampling"):
        calibration.require(model.sha256, by_paths.sampling_sha256)
    calibration.require(model.sha256, forecaster_of(forecasts.settings, model, head).sampling_sha256)


def test_live_candles_are_forecast_by_the_head_that_was_approved(at):
    (active,) = Deployments(at.ledger).active(*SERIES)
    ready = deployed(at.lake, ids_of(active))
    assert isinstance(ready.forecaster, QuantileHeadForecaster)
    assert ready.inputs["quantile_head"]["sha256"] == latest(at, "quantile_head").sha256
    candles = latest(at, "candles").frame()

    arrays, stored = candle_arrays(candles, Timeframe.H1), forecasts_of(latest(at, "forecasts"))
    again = ready.forecaster.forecast(ready.features, arrays, np.array([len(arrays) - 1]), seed=0)
    assert again.values.tobytes() == stored.select(np.array([len(stored) - 1])).values.tobytes()
    assert len(live_decisions(at.ledger, active.id)) > 0


def test_another_sampler_than_the_heads_is_refused_and_so_is_an_unknown_method(at):
    head, model = latest(at, "quantile_head"), latest(at, "diffusion_model")
    assert isinstance(forecaster_of({"n_paths": 64, "n_steps": 1}, model, head), QuantileHeadForecaster)
    with pytest.raises(BadInputError, match=r"the quantile head stands for SamplingParameters.*guidance=1.0.*guidance=2.0"):
        forecaster_of({"n_steps": 1, "guidance": 2.0}, model, head)
    with pytest.raises(BadInputError, match="method 'magic' found; choose one of paths, quantile_head"):
        at.runner.materialize("forecasts", {"method": "magic"})


def test_a_head_is_told_with_what_it_is_worth_and_made_once(at):
    again = at.runner.materialize("quantile_head", HEAD)
    assert again.reused
    rows = {record.data["name"] if "name" in record.data else next(iter(record.data.values())) for record in
            again.metadata["numbers"].records}  # fmt: skip
    assert {"shrink", "error", "error_of_walk", "crps_of_model"} <= rows
