"""When a candle or a model is too old to trade on: numbers by hand on both sides of each limit."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from live_stage import closed, stage

from fxgpt_core.errors import MissingError
from fxgpt_core.live.candle_feed import release
from fxgpt_core.live.freshness import Arrival, FreshnessLimits, arrival, stale_candle, stale_model
from fxgpt_core.market.timeframes import Timeframe

CLOSED = datetime(2024, 3, 4, 12, tzinfo=UTC)
LIMITS = FreshnessLimits()
PLACE = ("EURUSD", "1h")


def came(seconds: float, source: str = "ctrader") -> Arrival:
    return Arrival(source, CLOSED, CLOSED + timedelta(seconds=seconds))


def test_freshness_limit_of_a_candle_is_half_a_minute_or_a_quarter_of_a_shorter_candle():
    assert LIMITS.of_candle(Timeframe.H1) == timedelta(seconds=30)
    assert FreshnessLimits(candle=timedelta(minutes=10)).of_candle(Timeframe.M5) == timedelta(seconds=75)


@pytest.mark.parametrize(
    ("seconds", "told"), [(30.0, None), (30.1, "30.1 s later; at most 30 s"), (-2.0, None), (-2.5, "2.5 s before")]
)
def test_freshness_of_a_live_candle_is_measured_from_its_close_to_when_it_came_in(seconds: float, told: str | None):
    found = stale_candle(came(seconds), PLACE, LIMITS)
    assert (found is None) == (told is None)
    assert told is None or told in found.message


def test_freshness_limit_moves_what_is_stale():
    assert stale_candle(came(31.0), PLACE, LIMITS) is not None
    assert stale_candle(came(31.0), PLACE, FreshnessLimits(candle=timedelta(seconds=32))) is None


@pytest.mark.parametrize(
    ("source", "stale"), [("replay", False), ("replay of 2020", False), ("replayed", True), ("my replay", True)]
)
def test_freshness_of_a_replay_is_told_by_the_first_word_of_its_source_and_any_other_is_live(source: str, stale: bool):
    late = came(1e8, source)
    assert (stale_candle(late, PLACE, LIMITS) is not None) == stale
    assert (stale_model(late, CLOSED, CLOSED + timedelta(days=400), LIMITS) is not None) == stale


@pytest.mark.parametrize(("days", "limit", "stale"), [(45.0, 45, False), (45.1, 45, True), (45.1, 60, False)])
def test_freshness_of_a_model_is_its_age_since_it_was_registered(days: float, limit: int, stale: bool):
    limits = FreshnessLimits(model=timedelta(days=limit))
    found = stale_model(came(1.0), CLOSED - timedelta(days=days), CLOSED, limits)
    assert (found is not None) == stale
    assert found is None or "45.1 days old; at most 45 are allowed" in found.message


def test_freshness_knows_when_and_from_where_a_candle_came_and_names_one_that_never_did(tmp_path: Path):
    made = stage(tmp_path, n=3)
    release(made.ledger, *PLACE, [closed(made.candles, 0)], "a broker")
    known_at_us = int(made.candles.known_at_us[0])
    found = arrival(made.ledger, *PLACE, known_at_us)
    assert (found.source, found.known_at.timestamp()) == ("a broker", known_at_us / 1e6)
    assert abs(found.received_at - made.ledger.now()) < timedelta(minutes=1)
    with pytest.raises(MissingError, match="release it first"):
        arrival(made.ledger, *PLACE, known_at_us + 1)
