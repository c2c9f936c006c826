"""fxgpt patterns list | study: what is in the stored candles, as a table and as JSON, and what is refused."""

import pytest

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.patterns.events import events
from fxgpt_core.patterns.parameters import PatternParameters

PLACE = ("--symbol", "EURUSD", "--timeframe", "1h")


@pytest.fixture
def frame(keep):
    """2,000 candles of the sample, kept in the lake."""
    frame = SampleProvider().candles("EURUSD", Timeframe.H1).head(2000)
    keep("candles", frame)
    return frame


def test_list_shows_the_last_patterns_of_a_span(fxgpt, frame):
    answer = fxgpt("patterns", "list", *PLACE, "--from", "2017-06-01", "--to", "2017-07-01", "--limit", "7", "--json")
    assert answer.code == 0
    table = events(candle_arrays(frame, Timeframe.H1), PatternParameters())
    known = [
        row
        for row in table.to_dicts()
        if "2017-06-01" <= str(row["confirmed_at"] or row["completed_at"] or row["first_at"]) < "2017-07-01"
    ]
    assert (answer.json["found"], answer.json["shown"]) == (len(known), 7)
    moments = [row["confirmed_at"] or row["completed_at"] or row["first_at"] for row in answer.json["patterns"]]
    assert moments == sorted(moments, reverse=True)
    told = fxgpt("patterns", "list", *PLACE, "--from", "2017-06-01", "--to", "2017-07-01", "--limit", "7")
    assert f"7 of {len(known)} patterns" in told.out
    assert len(told.out.splitlines()) == 7 + 3


def test_list_shows_one_kind_only_with_its_fate(fxgpt, frame):
    answer = fxgpt("patterns", "list", *PLACE, "--kind", "double_top", "--limit", "100", "--json")
    assert {row["kind"] for row in answer.json["patterns"]} == {"double_top"}
    assert {"confirmed", "expired"} <= {row["fate"] for row in answer.json["patterns"]}
    assert all(len(row["point_rows"]) == len(row["point_prices"]) == 3 for row in answer.json["patterns"])
    nothing = fxgpt("patterns", "list", *PLACE, "--from", "2030-01-01")
    assert "no pattern of EURUSD 1h was known there" in nothing.out


def test_study_compares_with_random_entries_and_says_how_many_are_better(fxgpt, frame):
    answer = fxgpt("patterns", "study", *PLACE, "--draws", "200", "--json")
    assert answer.code == 0
    rows = answer.json["study"]
    assert rows
    assert [row["p_value"] for row in rows] == sorted(row["p_value"] for row in rows)
    assert answer.json["better"] == sum(row["p_holm"] < 0.05 for row in rows)
    told = fxgpt("patterns", "study", *PLACE, "--draws", "200")
    assert f"{answer.json['better']} of {len(rows)} kinds and horizons beat random entries at 5%" in told.out
    other = fxgpt("patterns", "study", *PLACE, "--draws", "200", "--seed", "8", "--json")
    assert other.json["study"] != rows


def test_a_kind_or_moment_that_is_none_is_refused(fxgpt, frame):
    answer = fxgpt("patterns", "list", *PLACE, "--kind", "triple_top")
    assert answer.code == 3
    assert "no kind of pattern 'triple_top'; known: double_bottom" in answer.err
    assert fxgpt("patterns", "list", *PLACE, "--from", "yesterday").code == 3


def test_without_candles_it_says_what_to_make(fxgpt):
    assert fxgpt("setup").code == 0
    for verb in ("list", "study"):
        answer = fxgpt("patterns", verb, *PLACE)
        assert answer.code == 4
        assert "materialize candles for EURUSD 1h first" in answer.err
