"""The autoencoder of a partition: trained on the training span only, told with what it flags where, registered, and made once."""

import pytest
from tiny_line import set_up

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.patterns.anomalies import anomaly_of
from fxgpt_core.patterns.anomaly_file import anomaly_model_of
from fxgpt_core.registry.tracking import upgrade_store
from fxgpt_core.training.autoencoder_parameters import preset
from fxgpt_core.training.autoencoder_training import train_autoencoder
from fxgpt_core.validation.spans import SpanParameters, split_spans
from fxgpt_pipelines.autoencoding import parameters_of

ASSET = "pattern_autoencoder"
TINY = {"preset": "tiny", "window": 30, "percentile": 90.0}


@pytest.fixture(scope="module")
def at(tmp_path_factory):
    with set_up(tmp_path_factory.mktemp("anomalies")) as made:
        upgrade_store(made.settings.mlflow_url)
        for asset in ("raw_candles", "candles"):
            made.runner.materialize(asset)
        yield made


@pytest.fixture(scope="module")
def made(at):
    return at.runner.materialize(ASSET, TINY)


def latest(at):
    return at.lake.latest(ASSET, "EURUSD", "1h")


def candles_of(at):
    return candle_arrays(at.lake.latest("candles", "EURUSD", "1h").frame(), Timeframe.H1)


def test_it_is_what_the_training_span_alone_gives(at, made):
    stored, candles = latest(at), candles_of(at)
    spans = split_spans(candles.known_at_us, SpanParameters(0.5, 0.15, 120))
    span = candles.slice(0, spans.train.slice(candles.known_at_us).stop)
    assert stored.summary["spans"]["train"] == [spans.train.start_us, spans.train.stop_us]
    again = train_autoencoder(span, parameters_of(stored.settings, len(span)), symbol="EURUSD", seed=17).model
    model = anomaly_model_of(stored.bytes(), stored.sha256, "m")
    assert (model.window, model.threshold) == (30, again.threshold)
    assert all(one.weight.tobytes() == other.weight.tobytes() for one, other in zip(model.layers, again.layers, strict=True))


def test_it_is_told_with_its_training_its_errors_the_candles_it_flags_and_how_many(at, made):
    assert {"training", "errors", "anomalies", "flagged", "numbers"} <= set(made.metadata)
    assert made.checks == {"no_look_ahead": True, "rare": made.checks["rare"]}
    rows = {record.data["span"]: record.data for record in made.metadata["flagged"].records}
    assert list(rows)[:4] == ["train", "validation", "calibration", "test"]
    stored, candles = latest(at), candles_of(at)
    series = anomaly_of(anomaly_model_of(stored.bytes(), stored.sha256, "m"), candles)
    test = slice(*(candles.known_at_us.searchsorted(stored.summary["spans"]["test"]).tolist()))
    assert rows["test"]["flagged"] == pytest.approx(series.flagged[test].mean(), rel=1e-5)
    assert rows["validation"]["flagged"] == pytest.approx(0.1, abs=0.01)


def test_it_is_a_version_of_its_own_in_mlflow(at, made):
    stored = latest(at)
    assert (stored.model_name, stored.model_version) == ("fxgpt-anomalies-EURUSD-1h", "1")
    assert made.metadata["model_version"] == "fxgpt-anomalies-EURUSD-1h version 1"
    assert {edge.role for edge in at.lake.inputs(stored.id)} == {"candles"}


def test_unchanged_it_is_not_trained_again_and_no_snapshot_is_left(at, made):
    before = latest(at)
    again = at.runner.materialize(ASSET, TINY)
    assert again.reused
    assert latest(at).id == before.id
    assert list((at.settings.data_root / "training").iterdir()) == []
    other = at.runner.materialize(ASSET, TINY | {"percentile": 80.0})
    assert not other.reused
    assert latest(at).summary["threshold"] < before.summary["threshold"]


def test_epochs_are_steps_through_the_windows_to_train_on():
    config = {"preset": "small", "window": 50, "percentile": 95.0, "epochs": 2.0}
    assert parameters_of(config, 4_000).n_steps == round(2.0 * 3_200 / 128)
    assert parameters_of(config | {"epochs": 0.0}, 4_000) == preset("small")
    with pytest.raises(BadInputError, match=r"epochs -1\.0 found"):
        parameters_of(config | {"epochs": -1.0}, 4_000)
