"""The asset of regimes: fitted on the train span of the diffusion model, checked by truncation, reused when unchanged."""

import base64
import dataclasses

import dagster as dg
import numpy as np
import polars as pl
import pytest
from tiny_line import SetUp

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.errors import BrokenLineageError, MissingError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.regimes import hidden_markov
from fxgpt_core.regimes.hidden_markov import fit_regimes
from fxgpt_core.regimes.regime import REGIMES
from fxgpt_core.regimes.regime_model import RegimeModel
from fxgpt_core.regimes.regime_parameters import RegimeParameters
from fxgpt_core.validation.spans import SpanParameters, split_spans
from fxgpt_pipelines import pictures
from fxgpt_pipelines.definitions import build_definitions
from fxgpt_pipelines.reading import spans_of, spans_under


@pytest.fixture
def made(fresh: SetUp) -> SetUp:
    for asset in ("raw_candles", "candles"):
        fresh.runner.materialize(asset)
    return fresh


def stored(at: SetUp):
    return at.lake.latest("regimes", "EURUSD", "1h")


def test_the_model_is_that_of_the_train_span_and_of_nothing_behind_it(made: SetUp) -> None:
    done = made.runner.materialize("regimes")
    candles = candle_arrays(made.lake.latest("candles", "EURUSD", "1h").frame(), Timeframe.H1)
    artifact = stored(made)
    model = RegimeModel.from_json(artifact.bytes().decode())
    expected = fit_regimes(candles.slice(0, len(candles) // 2), RegimeParameters(), 7)
    assert model.sha256 == expected.sha256 == artifact.sha256
    assert done.checks == {"no_look_ahead": True, "named": True}
    assert artifact.summary["learned_until_us"] == candles.known_at_us[len(candles) // 2 - 1] + 1
    assert {edge.role for edge in made.lake.inputs(artifact.id)} == {"candles"}


def test_it_tells_statistics_states_and_transitions_in_and_behind_the_train_span(made: SetUp) -> None:
    done = made.runner.materialize("regimes", {"min_dwell": 3})
    summary, candles = stored(made).summary, candle_arrays(made.lake.latest("candles", "EURUSD", "1h").frame(), Timeframe.H1)
    series = RegimeModel.from_json(stored(made).bytes().decode()).series(candles)
    for span, rows in (("train", slice(0, len(series) // 2)), ("behind", slice(len(series) // 2, None))):
        assert [row["n_candles"] for row in summary["statistics"] if row["span"] == span] == [
            int(np.sum(series.regime[rows] == code)) for code in range(4)
        ]
    assert summary["n_transitions"] == len(series.transitions) == done.metadata["n_transitions"]
    assert summary["transitions"][0]["to"] == REGIMES[series.transitions[-1].after]
    assert summary["transitions"][0]["probability"] == series.transitions[-1].probability
    assert [state["regime"] for state in summary["states"]] == list(REGIMES)
    assert done.metadata["dagster/row_count"] == len(series)
    assert len(done.metadata["statistics"].records) == 8


def test_the_pictures_are_small_images(made: SetUp) -> None:
    metadata = made.runner.materialize("regimes").metadata
    for name in ("price", "latest"):
        image = base64.b64decode(metadata[name].partition("base64,")[2].removesuffix(")"))
        assert image.startswith(b"\x89PNG")
        assert len(image) <= pictures.MAX_BYTES


def test_what_is_there_is_told_again_and_not_fitted(made: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    first = made.runner.materialize("regimes")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("this was fitted again")

    monkeypatch.setattr(hidden_markov, "fit_regimes", never)
    again = made.runner.materialize("regimes")
    assert (first.reused, again.reused) == (False, True)
    assert again.checks == first.checks
    assert again.metadata["price"] == first.metadata["price"]
    with pytest.raises(AssertionError, match="fitted again"):
        made.runner.materialize("regimes", {"seed": 8})


def test_a_smoothed_path_stops_it(made: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = RegimeModel.frame

    def smoothing(model: RegimeModel, candles: pl.DataFrame) -> pl.DataFrame:
        return honest(model, candles).with_columns(pl.col("ranging").reverse().ewm_mean(span=9).reverse())

    monkeypatch.setattr(RegimeModel, "frame", smoothing)
    with pytest.raises(BrokenLineageError, match="when the future is cut off: ranging;"):
        made.runner.materialize("regimes")
    with pytest.raises(MissingError, match="no regimes"):
        stored(made)


def test_a_fit_without_an_end_and_a_name_without_a_state_are_warned_of(made: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hidden_markov, "MOST_ITERATIONS", 2)
    assert made.runner.materialize("regimes").checks == {"no_look_ahead": True, "named": False}
    monkeypatch.undo()
    monkeypatch.setattr(hidden_markov, "named", lambda volatility, trend: (0, 1, 2, 2))
    assert made.runner.materialize("regimes", {"seed": 9}).checks == {"no_look_ahead": True, "named": False}


def test_the_spans_are_those_of_the_diffusion_model(line) -> None:
    model = line.at.lake.latest("diffusion_model", "EURUSD", "1h")
    candles = candle_arrays(line.at.lake.latest("candles", "EURUSD", "1h").frame(), Timeframe.H1)
    shares = {"train_share": 0.5, "calibration_share": 0.15}
    assert spans_under(shares, candles) == spans_of(model)
    assert spans_under(shares, candles) == split_spans(candles.known_at_us, SpanParameters(embargo_candles=120))


def test_the_spans_of_a_timeframe_are_taken_unless_others_are_configured(made: SetUp) -> None:
    made.runner.materialize("regimes", {"trend_span": 60, "n_restarts": 1})
    parameters = RegimeModel.from_json(stored(made).bytes().decode()).parameters
    assert parameters == dataclasses.replace(RegimeParameters(), trend_span=60, n_restarts=1)


def test_the_job_up_to_the_gates_makes_regimes() -> None:
    job = build_definitions().resolve_job_def("candles_to_gates")
    assert dg.AssetKey("regimes") in job.asset_layer.executable_asset_keys
