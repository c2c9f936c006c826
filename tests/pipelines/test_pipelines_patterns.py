"""The asset of patterns: stored, checked for look-ahead, shown, told again where nothing changed, and stopped by a leak."""

import base64
from dataclasses import replace

import numpy as np
import pytest
from tiny_line import SetUp

from fxgpt_core.errors import BrokenLineageError, MissingError
from fxgpt_core.patterns import events, signals
from fxgpt_core.patterns.names import FATES, PATTERN_NAMES

QUICK = {"draws": 200}


@pytest.fixture
def made(fresh: SetUp) -> SetUp:
    for asset in ("raw_candles", "candles"):
        fresh.runner.materialize(asset)
    return fresh


def never(*_: object, **__: object) -> None:
    raise AssertionError("this was computed again")


def test_patterns_are_stored_with_their_study_and_shown(made: SetUp) -> None:
    done = made.runner.materialize("patterns", QUICK)
    artifact = made.lake.latest("patterns", "EURUSD", "1h")
    frame, candles = artifact.frame(), made.lake.latest("candles", "EURUSD", "1h")
    assert done.checks == {"no_look_ahead": True}
    assert [edge.parent.id for edge in made.lake.inputs(artifact.id)] == [candles.id]
    assert set(frame["kind"]) <= set(PATTERN_NAMES)
    assert set(frame["fate"]) <= set(FATES)
    assert frame["first_at"].is_sorted()
    counts = {row["kind"]: row["patterns"] for row in artifact.summary["kinds"]}
    assert sum(counts.values()) == len(frame)
    assert artifact.summary["candles"] == len(candles.frame())
    assert 0 < artifact.summary["long"] < artifact.summary["candles"]
    study = artifact.summary["study"]
    assert {row["horizon"] for row in study} == {1, 4, 24}
    assert all(0.0 < row["p_value"] <= row["p_bh"] <= row["p_holm"] <= 1.0 for row in study)
    # The train span is the first half: no kind can have been judged on more than it has there.
    half = frame.filter(frame["confirmed_row"] < len(candles.frame()) // 2)
    assert all(row["patterns"] <= (half["kind"] == row["kind"]).sum() for row in study)
    assert done.metadata["event_study_verdict"].startswith(f"of {len(study)} kinds and horizons ")
    picture = done.metadata["last_candles"]
    assert base64.b64decode(picture[picture.index("base64,") + 7 : -1]).startswith(b"\x89PNG")


def test_what_is_unchanged_is_told_again(made: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    first = made.runner.materialize("patterns", QUICK)
    monkeypatch.setattr(events, "events", never)
    again = made.runner.materialize("patterns", QUICK)
    assert (first.reused, again.reused) == (False, True)
    for name in ("artifact", "event_study", "last_candles"):
        assert again.metadata[name] == first.metadata[name]
    with pytest.raises(AssertionError, match="computed again"):
        made.runner.materialize("patterns", QUICK | {"seed": 8})


def test_a_detector_that_sees_the_future_stops_them(made: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = signals.patterns_of

    def leaking(*given: object) -> signals.PatternSignals:
        found = honest(*given)
        return replace(found, side=np.roll(found.side, -5))

    monkeypatch.setattr(signals, "patterns_of", leaking)
    with pytest.raises(BrokenLineageError, match="patterns that change when the future is cut off: side;"):
        made.runner.materialize("patterns", QUICK)
    with pytest.raises(MissingError, match="no patterns"):
        made.lake.latest("patterns", "EURUSD", "1h")
