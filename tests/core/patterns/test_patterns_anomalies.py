"""Anomalies of a window: the network in torch, warm-up, holes, files, flags and runs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from anomaly_examples import HALF, sample, tiny

from fxgpt_core import content_hash
from fxgpt_core.array_file import about_of, array_file, arrays_of
from fxgpt_core.errors import CorruptArtifactError, RefusedError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.networks.autoencoder import Autoencoder
from fxgpt_core.patterns.anomalies import AnomalySeries, anomaly_of
from fxgpt_core.patterns.anomaly_channels import LOOKBACK, channels
from fxgpt_core.patterns.anomaly_file import anomaly_bytes, anomaly_model_of
from fxgpt_core.patterns.anomaly_shares import FlaggedRun, flagged_runs, flagged_shares
from fxgpt_core.validation.folds import Window


def as_torch(model):
    """The network of a model's layers."""
    network = Autoencoder(model.window, 5, model.layers[0].bias.size, model.layers[1].bias.size)
    with torch.no_grad():
        for layer, plain in zip(network.linear_layers, model.layers, strict=True):
            layer.weight.copy_(torch.from_numpy(plain.weight.T.copy()))
            layer.bias.copy_(torch.from_numpy(plain.bias))
    return network.eval()


def test_the_error_is_that_of_the_network_in_torch():
    model, candles = tiny().model, sample()
    inputs = torch.from_numpy(model.usual.inputs(channels(candles), candles.open_time_us))
    first = LOOKBACK + model.window
    windows = inputs[first - model.window + 1 :].unfold(0, model.window, 1).transpose(1, 2).contiguous()
    with torch.inference_mode():
        wanted = ((as_torch(model)(windows) - windows).double() ** 2).mean(dim=(1, 2)).sqrt().numpy()
    series = anomaly_of(model, candles)
    assert len(wanted) == len(candles) - first
    assert series.error[first:] == pytest.approx(wanted, rel=1e-5)
    assert series.ratio[first:] == pytest.approx(wanted / model.threshold, rel=1e-5)


def test_the_first_candle_known_is_the_one_that_all_it_needs_lies_before():
    model, candles = tiny().model, sample()
    known = anomaly_of(model, candles.slice(0, 600)).known
    assert int(np.flatnonzero(known)[0]) == model.candles_needed - 1
    holed = candles.select(np.r_[0:1000, 1100:2000])
    behind = anomaly_of(model, holed)
    assert np.flatnonzero(behind.known[1000:])[0] == model.candles_needed - 1
    assert not behind.flagged[~behind.known].any()


def test_candles_of_another_timeframe_are_refused():
    with pytest.raises(RefusedError, match="the candles are of 4h, the autoencoder learned 1h"):
        anomaly_of(tiny().model, replace(sample().slice(0, 10), timeframe=Timeframe.H4))


def test_a_file_gives_the_same_model_and_the_same_model_the_same_file():
    model, candles = tiny().model, sample().slice(0, 700)
    data = anomaly_bytes(model)
    again = anomaly_model_of(data, content_hash.of_bytes(data), "m")
    assert anomaly_bytes(again) == data
    assert anomaly_of(again, candles).error.tobytes() == anomaly_of(model, candles).error.tobytes()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-8], "is not a whole fxgpt-anomalies-1 model"),
        (lambda data: b"not a file", "is not a whole fxgpt-anomalies-1 model"),
        (lambda data: renamed(data, channels=["return"]), r"it learned \['return'\]"),
        (lambda data: renamed(data, format="another"), "format 'another', expected 'fxgpt-anomalies-1'"),
    ],
)
def test_a_damaged_file_is_refused(damage, message):
    data = damage(anomaly_bytes(tiny().model))
    with pytest.raises(CorruptArtifactError, match=message):
        anomaly_model_of(data, content_hash.of_bytes(data), "m")
    with pytest.raises(CorruptArtifactError, match="its bytes were changed"):
        anomaly_model_of(data, "0" * 64, "m")


def renamed(data, **changed):
    return array_file(arrays_of(data), about_of(data, "fxgpt-anomalies-1") | changed)


def test_runs_and_shares_count_what_is_known():
    ratio = np.array([np.nan, 0.5, 1.2, 1.5, 0.9, 1.1, np.nan, 2.0])
    series = AnomalySeries(ratio * 0.8, ratio, ratio > 1.0)
    assert flagged_runs(series) == [FlaggedRun(2, 3, 3, 1.5), FlaggedRun(5, 5, 5, 1.1), FlaggedRun(7, 7, 7, 2.0)]
    known_at = np.arange(8, dtype=np.int64)
    shares = flagged_shares(series, known_at, {"early": Window(0, 4), "late": Window(4, 8), "none": Window(0, 1)})
    assert [(one.span, one.candles, one.flagged, one.runs, one.highest) for one in shares] == [
        ("early", 3, pytest.approx(2 / 3), 1, 1.5),
        ("late", 3, pytest.approx(2 / 3), 2, 2.0),
    ]


def test_the_threshold_lies_where_the_percentile_of_validation_windows_does():
    trained = tiny()
    errors = anomaly_of(trained.model, sample().slice(0, HALF)).error[trained.data.validation]
    assert errors.tobytes() == trained.errors.tobytes()
    # The 430th smallest of 451, for 0.95 · 452 = 429.4.
    assert (len(errors), int((errors > trained.model.threshold).sum())) == (451, 21)
