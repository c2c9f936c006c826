"""The closes of several symbols by FX day, and from when on each may be used."""

import numpy as np
import polars as pl
import pytest

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import HOUR_US, Timeframe
from fxgpt_core.portfolio.universe import Universe, universe_of

# Thursday 2024-01-04 22:00 UTC is 17:00 New York: the FX day of Friday begins.
FRIDAY_US = 1_704_405_600_000_000


def _candles(hours, closes):
    close = np.array(closes, dtype=np.float64)
    times = FRIDAY_US + np.array(hours, dtype=np.int64) * HOUR_US
    return CandleArrays(times, close, close, close, close, np.ones(len(close)), Timeframe.H1)


def test_a_day_has_the_close_of_its_last_candle_and_keeps_it_where_the_next_day_has_none():
    universe = universe_of({"EURUSD": _candles([-2, -1, 0, 23], [1.0, 1.1, 1.2, 1.3]), "USDJPY": _candles([5], [140.0])})
    assert universe.names == ("EURUSD", "USDJPY")
    assert np.diff(universe.day).tolist() == [1]
    np.testing.assert_array_equal(universe.close, [[1.1, np.nan], [1.3, 140.0]])
    assert universe.returns[1, 0] == 1.3 / 1.1 - 1.0
    assert np.isnan(universe.returns[[0, 1], [0, 1]]).all()


def test_a_symbol_without_candles_on_a_day_keeps_its_last_close():
    universe = universe_of({"A": _candles([-1, 1, 73], [1.0, 2.0, 3.0]), "B": _candles([-1, 73], [5.0, 6.0])})
    np.testing.assert_array_equal(universe.close, [[1.0, 5.0], [2.0, 5.0], [3.0, 6.0]])


def test_a_day_may_be_used_when_it_has_ended_and_not_before():
    universe = universe_of({"EURUSD": _candles([-1, 0, 23], [1.0, 1.1, 1.2])})
    known_at = FRIDAY_US + np.array([-1, 0, 1, 23, 24]) * HOUR_US
    assert universe.complete_days(known_at).tolist() == [0, 1, 1, 1, 2]


def test_the_past_of_a_universe_does_not_change_when_candles_follow():
    whole, part = (universe_of({"A": _candles(range(n), np.arange(1.0, n + 1))}) for n in (96, 50))
    known = part.complete_days(np.array([FRIDAY_US + 50 * HOUR_US]))[0]
    np.testing.assert_array_equal(whole.close[:known], part.close[:known])


def test_no_symbol_no_candle_and_an_unknown_symbol_are_refused():
    with pytest.raises(BadInputError, match="0 symbols"):
        universe_of({})
    with pytest.raises(BadInputError, match="without a candle: B"):
        universe_of({"A": _candles([0], [1.0]), "B": _candles([], [])})
    with pytest.raises(BadInputError, match="GBPUSD is not among the symbols A"):
        universe_of({"A": _candles([0], [1.0])}).column("GBPUSD")


def test_a_universe_is_the_same_after_a_frame():
    made = universe_of({"EURUSD": _candles([-2, -1, 0, 23], [1.0, 1.1, 1.2, 1.3]), "USDJPY": _candles([5], [140.0])})
    frame = made.to_frame()
    assert [str(day) for day in frame["day"]] == ["2024-01-04", "2024-01-05"]
    assert frame["USDJPY"].to_list() == [None, 140.0]
    read = Universe.from_frame(frame.with_columns(weight_EURUSD=pl.lit(0.5)))
    assert (read.names, read.day.tolist()) == (made.names, made.day.tolist())
    assert read.close.tobytes() == made.close.tobytes()


def test_a_frame_that_is_no_universe_is_refused():
    with pytest.raises(BadInputError, match="the columns day are no universe"):
        Universe.from_frame(pl.DataFrame({"day": [1]}))
