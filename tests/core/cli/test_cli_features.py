"""fxgpt features check: clean features pass, a planted leak and a warm-up too short end in code 5 with the column named."""

import numpy as np
import pytest

from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.features import matrix
from fxgpt_core.features.returns import return_features
from fxgpt_core.market.timeframes import Timeframe

PLACE = ("--symbol", "EURUSD", "--timeframe", "1h")


@pytest.fixture
def candles(keep):
    """A lake that holds 2,000 candles of the sample."""
    return keep("candles", SampleProvider().candles("EURUSD", Timeframe.H1).head(2000))


@pytest.fixture
def leak(monkeypatch):
    def of_tomorrow(candles):
        honest = return_features(candles)
        return honest | {"return_1": np.roll(honest["return_1"], -1)}

    honest_groups = [group for group in matrix.GROUPS if group is not return_features]
    assert len(honest_groups) == len(matrix.GROUPS) - 1
    monkeypatch.setattr(matrix, "GROUPS", (*honest_groups, of_tomorrow))


def test_the_features_of_stored_candles_pass_both_checks(fxgpt, candles):
    answer = fxgpt("features", "check", *PLACE, "--json")
    assert answer.code == 0
    assert answer.json["candles"] == candles.id
    assert (answer.json["rows"], answer.json["differences"]) == (2000, [])
    assert len(answer.json["cuts"]) == 20
    assert [rung["candles"] for rung in answer.json["drift"]] == [25, 50, 100, 200, 400, 800]
    drifts = {rung["candles"]: rung["drift"] for rung in answer.json["drift"]}
    assert drifts[50] is None  # infinite: sma_100 is not there yet
    assert drifts[800] < drifts[400] < drifts[200] < 0.01 < drifts[100]


def test_a_planted_leak_is_named_and_ends_in_code_five(fxgpt, candles, leak):
    answer = fxgpt("features", "check", "--look-ahead", *PLACE, "--cuts", "3", "--json")
    assert answer.code == 5
    assert [found["feature"] for found in answer.json["differences"]] == ["return_1"]
    assert answer.json["look_ahead_clean"] is False
    assert "drift" not in answer.json
    told = fxgpt("features", "check", *PLACE)
    assert told.code == 5
    assert "FAILED look_ahead_clean" in told.out


def test_a_warm_up_too_short_ends_in_code_five(fxgpt, candles, monkeypatch):
    monkeypatch.setattr(matrix, "WARM_UP", 60)
    answer = fxgpt("features", "check", "--warm-up", *PLACE, "--json")
    assert answer.code == 5
    assert answer.json["warm_up_enough"] is False
    assert "differences" not in answer.json


def test_without_candles_it_says_what_to_make(fxgpt):
    assert fxgpt("setup").code == 0
    answer = fxgpt("features", "check", *PLACE)
    assert answer.code == 4
    assert "materialize candles for EURUSD 1h first" in answer.err
