"""Recorded candles released at a speed: in order, once, at their times, going on where it stopped, and to paper alone."""

from dataclasses import replace
from pathlib import Path

import pytest
from live_stage import Stage, closed, stage
from sqlalchemy import select, update

from fxgpt_core.errors import BadInputError, NotReadyError, RefusedError
from fxgpt_core.live.candle_feed import ClosedCandle, received
from fxgpt_core.live.freshness import arrival
from fxgpt_core.live.releasing import SOURCE, Pace, release_paced
from fxgpt_core.registry.artifact_tables import deployment_evidence
from fxgpt_core.registry.live_tables import live_candles
from fxgpt_core.registry.tables import deployment_configs
from fxgpt_core.settings import read_settings
from fxgpt_pipelines import live_replay

PLACE = ("EURUSD", "1h")
ALL = 1 << 62
ASKED = {"symbol": "eurusd", "timeframe": "1h", "from": None, "to": None}


class Clock:
    """A clock that only waiting moves, and what had been released at each wait."""

    def __init__(self, made: Stage) -> None:
        self.now, self.made, self.seen = 0.0, made, []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.seen.append((self.now, len(in_feed(self.made))))


@pytest.fixture
def made(tmp_path: Path) -> Stage:
    return stage(tmp_path)


def in_feed(made: Stage) -> list[ClosedCandle]:
    return list(received(made.ledger, *PLACE, ALL).candles)


def candles_of(made: Stage, stop: int) -> list[ClosedCandle]:
    return [replace(closed(made.candles, i), spread=0.0001 * i) for i in range(stop)]


def test_replay_at_a_speed_releases_each_candle_at_its_time_and_spreads_with_them(made: Stage) -> None:
    clock, told = Clock(made), []
    pace = Pace(1800.0, clock, clock.wait)  # an hour in two seconds
    assert release_paced(made.ledger, PLACE, candles_of(made, 4), pace, lambda *done: told.append(done)) == 4
    assert clock.seen == [(2.0, 1), (4.0, 2), (6.0, 3)]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert in_feed(made) == candles_of(made, 4)


def test_replay_that_was_cut_off_goes_on_where_it_stopped(made: Stage) -> None:
    clock = Clock(made)

    def cut(seconds: float) -> None:
        raise KeyboardInterrupt("by a person")

    with pytest.raises(KeyboardInterrupt, match="by a person"):
        release_paced(made.ledger, PLACE, candles_of(made, 3), Pace(60.0, clock, cut))
    assert len(in_feed(made)) == 1
    assert release_paced(made.ledger, PLACE, candles_of(made, 3), Pace(60.0, clock, clock.wait)) == 2
    assert in_feed(made) == candles_of(made, 3)


def test_replay_all_at_once_waits_for_nothing_and_its_source_says_what_it_is(made: Stage) -> None:
    clock = Clock(made)
    assert release_paced(made.ledger, PLACE, candles_of(made, 5), Pace(0.0, clock, clock.wait)) == 5
    assert clock.seen == []
    with made.ledger.reading() as connection:
        assert set(connection.execute(select(live_candles.c.source)).scalars()) == {SOURCE}
    assert arrival(made.ledger, *PLACE, int(made.candles.known_at_us[0])).is_replayed


@pytest.mark.parametrize(("speed", "seconds"), [(0.0, 0.0), (60.0, 540.0), (3600.0, 9.0)])
def test_replay_takes_as_long_as_its_speed_says(speed: float, seconds: float) -> None:
    assert Pace(speed).seconds_of(10, "1h") == seconds


@pytest.mark.parametrize("speed", [-1.0, float("nan"), float("inf")])
def test_replay_at_an_impossible_speed_is_refused(speed: float) -> None:
    with pytest.raises(BadInputError, match="60 is a minute a second"):
        Pace(speed)


@pytest.fixture
def recorded(made: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The provider has six candles; those are left that are not in the feed."""
    last = lambda: max([candle.open_time_us for candle in in_feed(made)], default=-1)  # noqa: E731
    left = lambda *_: [candle for candle in candles_of(made, 6) if candle.open_time_us > last()]  # noqa: E731
    monkeypatch.setattr(live_replay, "held_out", left)
    return made


def replayed(made: Stage, **asked: str) -> dict[str, object]:
    return live_replay.replay(read_settings({"FXGPT_DATA_ROOT": str(made.root)}), made.ledger, ASKED | asked, Pace())


def test_replay_until_a_moment_then_the_rest_then_nothing(recorded: Stage) -> None:
    found = replayed(recorded, to="2024-03-04T02:00")
    assert (found["released"], found["deployment_id"], found["gateway_lives"]) == (2, recorded.deployment.id, False)
    assert str(found["last"]) == "2024-03-04 01:00:00+00:00"
    found = replayed(recorded, **{"from": "2024-03-04"})
    assert (found["released"], str(found["first"])) == (4, "2024-03-04 02:00:00+00:00")
    assert (replayed(recorded)["released"], replayed(recorded)["first"]) == (0, None)
    assert in_feed(recorded) == candles_of(recorded, 6)


def test_replay_that_would_leave_a_hole_is_refused_and_releases_nothing(recorded: Stage) -> None:
    with pytest.raises(BadInputError, match="the next candle opens at 2024-03-04 00:00 UTC"):
        replayed(recorded, **{"from": "2024-03-04T01:00"})
    assert in_feed(recorded) == []


def test_replay_to_a_deployment_that_moves_money_or_to_none_is_refused(recorded: Stage) -> None:
    with recorded.ledger.begin() as connection:
        connection.execute(update(deployment_evidence).values(broker="ctrader"))
    with pytest.raises(RefusedError, match="recorded candles are for paper only"):
        replayed(recorded)
    with recorded.ledger.begin() as connection:
        connection.execute(update(deployment_configs).values(is_active=False))
    with pytest.raises(NotReadyError, match="no deployment of EURUSD 1h is active"):
        replayed(recorded)
    assert in_feed(recorded) == []
