"""The feed takes sound candles in order, once, and asks for a decision on each; one series never waits for another."""

from dataclasses import replace
from pathlib import Path

import pytest
from live_stage import PARAMETERS, Stage, closed, redeploy, stage

from fxgpt_core import content_hash
from fxgpt_core.errors import BadInputError, CandleSchemaError
from fxgpt_core.live.candle_feed import ClosedCandle, received, release, undecided

PLACE = ("EURUSD", "1h")
ALL = 1 << 62


@pytest.fixture
def made(tmp_path: Path) -> Stage:
    return stage(tmp_path)


def test_feed_takes_a_candle_once(made: Stage) -> None:
    candles = [closed(made.candles, i) for i in range(3)]
    assert release(made.ledger, *PLACE, candles, "test") == 3
    assert release(made.ledger, *PLACE, candles, "test") == 0
    assert list(received(made.ledger, *PLACE, ALL).candles) == candles


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"high": 0.5}, "OHLC"),
        ({"close": float("nan")}, "finite"),
        ({"low": -1.0}, "above zero"),
        ({"open_time_us": 1}, "grid"),
    ],
)
def test_feed_refuses_a_candle_that_is_not_sound_and_stores_none_of_the_others(made: Stage, wrong, message: str) -> None:
    candles = [closed(made.candles, i) for i in range(3)]
    candles[1] = replace(candles[1], **wrong)
    with pytest.raises(CandleSchemaError, match=message):
        release(made.ledger, *PLACE, candles if "open_time_us" not in wrong else candles[1:2], "test")
    assert received(made.ledger, *PLACE, ALL).candles == ()


def test_feed_refuses_other_prices_for_a_candle_it_has_and_one_out_of_order(made: Stage) -> None:
    release(made.ledger, *PLACE, [closed(made.candles, 0), closed(made.candles, 2)], "test")
    changed = replace(closed(made.candles, 2), volume=1e9)
    with pytest.raises(BadInputError, match="other prices before"):
        release(made.ledger, *PLACE, [changed], "test")
    with pytest.raises(BadInputError, match="in the order of their open times"):
        release(made.ledger, *PLACE, [closed(made.candles, 1)], "test")


def test_feed_asks_for_decisions_of_every_series_also_when_one_has_more_than_the_limit(made: Stage) -> None:
    redeploy(made, PARAMETERS, timeframe="4h")
    made.release(0, 30)
    at = int(made.candles.open_time_us[28])
    four_hours = ClosedCandle(at - at % 14_400_000_000 + 14_400_000_000 * 2, 1.1, 1.1, 1.1, 1.1, 1.0)
    shifts = [four_hours.open_time_us + hour * 3_600_000_000 for hour in range(4)]
    (on_grid,) = [time for time in shifts if _fx_hour(time) % 4 == 0]
    release(made.ledger, "EURUSD", "4h", [replace(four_hours, open_time_us=on_grid)], "test")
    waiting = undecided(made.ledger, 5)
    assert [item.timeframe for item in waiting].count("1h") == 5
    assert [item.timeframe for item in waiting].count("4h") == 1
    assert len(undecided(made.ledger, 100)) == 31


def _fx_hour(time_us: int) -> int:
    import numpy as np

    from fxgpt_core.market.sessions import fx_clock_us

    return int(fx_clock_us(np.array([time_us]))[0] // 3_600_000_000 % 24)


def test_feed_keeps_a_spread_that_is_told_and_hashes_a_candle_without_one_as_before(made: Stage) -> None:
    plain = closed(made.candles, 0)
    told = [plain, replace(closed(made.candles, 1), spread=0.00013)]
    release(made.ledger, *PLACE, told, "test")
    assert list(received(made.ledger, *PLACE, ALL).candles) == told
    six = {name: value for name, value in vars(plain).items() if name != "spread"}
    assert plain.sha256 == content_hash.of_json(six)
    assert replace(plain, spread=0.0001).sha256 != plain.sha256
    with pytest.raises(CandleSchemaError, match="crossed quote"):
        release(made.ledger, *PLACE, [replace(closed(made.candles, 2), spread=-0.1)], "test")
