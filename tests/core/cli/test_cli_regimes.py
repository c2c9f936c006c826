"""fxgpt regimes: the regime now and what regimes were like, as the stored model says; and what is missing, by name."""

import json

import numpy as np
import pytest

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.regimes.hidden_markov import fit_regimes
from fxgpt_core.regimes.regime import REGIMES
from fxgpt_core.regimes.regime_parameters import RegimeParameters
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.settings import read_settings

PLACE = ("--symbol", "eurusd", "--timeframe", "1H")


@pytest.fixture(scope="module")
def frame():
    return SampleProvider().candles("EURUSD", Timeframe.H1).tail(2000)


@pytest.fixture(scope="module")
def model(frame):
    return fit_regimes(candle_arrays(frame, Timeframe.H1).slice(0, 1000), RegimeParameters(n_restarts=1), 7)


@pytest.fixture
def kept(keep, frame, model):
    keep("candles", frame)
    settings = read_settings()
    ledger = Ledger(settings.ledger_url)
    lake = Lake(settings.lake_root, ledger, CodeIdentity("c" * 40, None, "l" * 64))
    with lake.making("regimes", "EURUSD", "1h", {}, code_sha256="k" * 64, run_id="test") as making:
        making.write_json(json.loads(model.to_json()), {})
    ledger.close()


@pytest.fixture
def series(frame, model):
    return model.series(candle_arrays(frame, Timeframe.H1))


def test_detect_tells_the_last_regime_of_the_series(fxgpt, kept, stored, series):
    before = stored()
    told = fxgpt("regimes", "detect", *PLACE, "--json")
    assert (told.code, told.err) == (0, "")
    answer = told.json
    assert answer["regime"] == REGIMES[series.regime[-1]]
    assert answer["probability"] == series.probability[-1, series.regime[-1]]
    assert list(answer["probabilities"].values()) == series.probability[-1].tolist()
    assert answer["candles_since"] == len(series) - series.run_starts[-1]
    for_people = fxgpt("regimes", "detect", *PLACE).out
    assert f"EURUSD 1h at {answer['known_at'][:10]}" in for_people
    assert f"{answer['regime']}, probability {answer['probability']:.3f}" in for_people
    assert stored() == before


def test_show_tells_statistics_by_span_and_the_latest_transitions(fxgpt, kept, series):
    answer = fxgpt("regimes", "show", *PLACE, "--last", 3, "--json").json
    rows = answer["statistics"]
    assert [(row["span"], row["regime"]) for row in rows] == [(span, name) for span in ("train", "behind") for name in REGIMES]
    assert [row["n_candles"] for row in rows[4:]] == [int(np.sum(series.regime[1000:] == code)) for code in range(4)]
    assert [row["probability"] for row in answer["transitions"]] == [t.probability for t in series.transitions[:-4:-1]]
    assert answer["n_transitions"] == len(series.transitions)
    assert [sum(share or 0.0 for share in list(row.values())[1:]) for row in answer["went_to"]] == pytest.approx([1.0] * 4)
    assert answer["fitted_on"]["n_candles"] == 1000
    told = fxgpt("regimes", "show", *PLACE).out
    assert "fitted on 1000 candles to" in told
    assert "converged" in told
    assert fxgpt("regimes", "show", *PLACE, "--last", 0, "--json").json["transitions"] == []


def test_without_a_model_it_is_said_what_to_make(fxgpt, keep, frame):
    keep("candles", frame)
    missing = fxgpt("regimes", "detect", *PLACE)
    assert missing.code == 4
    assert "materialize regimes for EURUSD 1h" in missing.err


def test_candles_that_are_not_those_it_was_fitted_on_are_refused(fxgpt, kept, keep, frame):
    keep("candles", frame.slice(7))
    refused = fxgpt("regimes", "show", *PLACE)
    assert refused.code == 5
    assert "materialize regimes again" in refused.err


def test_help_has_an_example(fxgpt):
    for verb in ("detect", "show"):
        assert f"Example: fxgpt regimes {verb}" in fxgpt("regimes", verb, "--help").out
