"""What the grid and the ranges let pass, and a person would see at once."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from fxgpt_core.candles.plausibility import check_plausible, notes
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.candles.quality import quality
from fxgpt_core.candles.schema import check_candles
from fxgpt_core.errors import CandleSchemaError
from fxgpt_core.market.timeframes import Timeframe

NOW = datetime(2024, 6, 1, tzinfo=UTC)
MONDAY = datetime(2024, 1, 8, 22, tzinfo=UTC)


def series(step: timedelta, n: int = 50, start: datetime = MONDAY, price: float = 1.1) -> pl.DataFrame:
    stamps = [start + step * index for index in range(n)]
    return pl.DataFrame({"open_time": stamps, **dict.fromkeys(("open", "high", "low", "close"), price), "volume": 1.0})


@pytest.mark.parametrize(("named", "looks"), [(Timeframe.M5, "1h"), (Timeframe.M30, "1h")])
def test_candles_of_a_longer_timeframe_are_refused_by_the_one_they_look_like(named: Timeframe, looks: str) -> None:
    hourly = check_candles(series(timedelta(hours=1)), named)
    with pytest.raises(CandleSchemaError, match=rf"a\.csv: the usual step .* is 60 minutes, not {named}; it looks like {looks}"):
        check_plausible(hourly, named, NOW, "a.csv")


@pytest.mark.parametrize(("price", "spread", "told"), [(1.1, 14.0, "1272.73%"), (1.1, 1.4, "127.27%"), (110.0, 0.9, "0.82%")])
def test_a_spread_in_points_or_pips_is_refused(price: float, spread: float, told: str) -> None:
    frame = series(timedelta(hours=1), price=price)
    # A few wide ones, as at 17:00 New York and on news, are none of this.
    wide = frame.with_columns(spread=pl.when(pl.int_range(pl.len()) % 5 == 0).then(price * 0.01).otherwise(price * 0.0001))
    check_plausible(wide, Timeframe.H1, NOW, "a.csv")
    with pytest.raises(CandleSchemaError, match=rf"a\.csv: the usual spread is {told} of the price, .*must be in price units"):
        check_plausible(frame.with_columns(spread=pl.lit(spread)), Timeframe.H1, NOW, "a.csv")


def test_a_step_that_is_no_timeframe_is_refused_naming_those_there_are() -> None:
    odd = series(timedelta(hours=2))
    with pytest.raises(CandleSchemaError, match="120 minutes, not 1h; allowed are 1m, 5m, 15m, 30m, 1h, 4h, 1d"):
        check_plausible(odd, Timeframe.H1, NOW, "a.csv")


@pytest.mark.parametrize("timeframe", list(Timeframe))
@pytest.mark.parametrize("n", [1, 2, 3, 50])
def test_candles_of_the_timeframe_named_are_let_through(timeframe: Timeframe, n: int) -> None:
    frame = series(timeframe.duration, n)
    check_plausible(frame, timeframe, NOW, "a.csv")
    assert len(frame) == n


def test_gaps_of_weekends_and_holidays_do_not_hide_the_timeframe() -> None:
    sample = SampleProvider().candles("EURUSD", Timeframe.H1)
    check_plausible(sample, Timeframe.H1, NOW, "a.csv")
    friday_and_monday = series(timedelta(days=3), 2)
    check_plausible(friday_and_monday, Timeframe.D1, NOW, "a.csv")
    assert len(notes(sample, quality(sample, Timeframe.H1))) == 1


def test_stamps_of_the_future_are_refused_by_the_clock_that_is_given() -> None:
    frame = series(timedelta(hours=1), 4)
    now = MONDAY + timedelta(hours=1, minutes=30)
    with pytest.raises(CandleSchemaError, match=r"2 of 4 candles open after now, 2024-01-08 23:30 UTC .*time zone UTC.*clock"):
        check_plausible(frame, Timeframe.H1, now, "a.csv")
    check_plausible(frame, Timeframe.H1, now + timedelta(hours=2), "a.csv")


def test_candles_in_the_weekend_and_prices_far_apart_are_noted() -> None:
    saturday = series(timedelta(hours=1), 4, datetime(2024, 1, 6, 10, tzinfo=UTC))
    (note,) = notes(saturday, quality(saturday, Timeframe.H1))
    assert note.startswith("4 of 4 candles lie in the weekend")
    assert note.endswith("is the time zone UTC?")
    apart = pl.concat([series(timedelta(hours=1), 4), series(timedelta(hours=1), 4, MONDAY + timedelta(hours=4), 1e9)])
    (note,) = notes(apart, quality(apart, Timeframe.H1))
    assert note.startswith("prices reach from 1.1 to 1e+09: is a decimal point lost")
