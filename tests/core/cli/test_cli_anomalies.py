"""fxgpt anomalies: what is flagged of the stored candles, by the stored autoencoder and no other."""

import numpy as np
import pytest
from problem_stored import PLACE, keep

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.patterns.anomalies import anomaly_of
from fxgpt_core.patterns.anomaly_file import anomaly_bytes
from fxgpt_core.training.autoencoder_parameters import preset
from fxgpt_core.training.autoencoder_training import train_autoencoder
from fxgpt_core.validation.spans import SpanParameters, split_spans

FRAME = SampleProvider().candles("EURUSD", Timeframe.H1).head(2_400)
CANDLES = candle_arrays(FRAME, Timeframe.H1)


@pytest.fixture(scope="module")
def model():
    return train_autoencoder(CANDLES.slice(0, 1_200), preset("tiny"), symbol="EURUSD", seed=1).model


@pytest.fixture
def kept(fxgpt, model):
    assert fxgpt("setup").code == 0
    spans = split_spans(CANDLES.known_at_us, SpanParameters())
    windows = {name: [getattr(spans, name).start_us, getattr(spans, name).stop_us] for name in ("train", "calibration", "test")}
    return keep(
        {
            "candles": lambda making: making.write_frame(FRAME, {}),
            "pattern_autoencoder": lambda making: making.write_bytes(anomaly_bytes(model), "safetensors", {"spans": windows}),
        }
    )


def test_it_tells_how_many_candles_are_flagged_where_and_whether_the_latest_is(fxgpt, kept, model):
    answer = fxgpt("anomalies", *PLACE, "--runs", 3, "--json")
    assert answer.code == 0
    found, series = answer.json, anomaly_of(model, CANDLES)
    assert (found["candles"], found["known"], found["flagged"]) == (2_400, int(series.known.sum()), int(series.flagged.sum()))
    assert found["threshold"] == model.threshold
    assert found["latest"] == {
        "open_time": FRAME["open_time"][-1].isoformat(),
        "ratio": series.ratio[-1],
        "flagged": bool(series.flagged[-1]),
    }
    assert [row["span"] for row in found["shares"]] == ["train", "calibration", "test"]
    runs = found["latest_runs"]
    assert len(runs) == min(3, found["runs"])
    last = np.flatnonzero(series.flagged)[-1]
    assert runs[0]["last"] == FRAME["open_time"][int(last)].isoformat()
    assert found["artifacts"]["pattern_autoencoder"] == kept["pattern_autoencoder"].id


def test_people_read_tables_and_a_verdict(fxgpt, kept):
    answer = fxgpt("anomalies", *PLACE)
    assert answer.code == 0
    assert "threshold" in answer.out
    assert "calibration" in answer.out
    assert "of the threshold" in answer.out.splitlines()[-1]


def test_without_an_autoencoder_it_says_what_to_materialize(fxgpt):
    assert fxgpt("setup").code == 0
    answer = fxgpt("anomalies", *PLACE, "--json")
    assert answer.code == 4
    assert "materialize pattern_autoencoder for EURUSD 1h first" in answer.json["error"]


def test_changed_bytes_are_broken_lineage(fxgpt, kept):
    kept["pattern_autoencoder"].path.write_bytes(b"changed")
    assert fxgpt("anomalies", *PLACE).code == 6
