"""Nights and what they cost: weeks counted by hand, an oracle day by day, an example in money."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.swaps import SwapRates, nights, swap_per_unit, swap_rates
from fxgpt_core.market.symbols import Symbol, symbol
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe

EURUSD, USDCAD, GOLD = symbol("EURUSD"), symbol("USDCAD"), symbol("XAUUSD")
NEW_YORK = ZoneInfo("America/New_York")


def us(*stamp: int) -> int:
    return int(datetime(*stamp, tzinfo=UTC).timestamp()) * 1_000_000


def charges(times: np.ndarray, of: Symbol) -> dict[str, int]:
    """The candles at which nights are charged, by weekday and time of New York."""
    charged = nights(times, of)
    stamps = [datetime.fromtimestamp(time / 1e6, NEW_YORK) for time in times.tolist()]
    return {f"{stamp:%d %a %H:%M}": night for stamp, night in zip(stamps, charged.tolist(), strict=True) if night}


def nights_by_hand(first_us: int, last_us: int, triple: int) -> int:
    """The oracle: every 17:00 New York of the calendar in (first, last], Monday to Friday one night, the triple day three."""
    day, found = datetime.fromtimestamp(first_us / 1e6, NEW_YORK).date(), 0
    while (roll := datetime(day.year, day.month, day.day, 17, tzinfo=NEW_YORK)).timestamp() * 1e6 <= last_us:
        if roll.timestamp() * 1e6 > first_us and day.weekday() < 5:
            found += 3 if day.weekday() == triple else 1
        day += timedelta(days=1)
    return found


def test_a_week_pays_on_four_evenings_and_as_the_next_week_opens() -> None:
    week = expected_open_times(us(2021, 1, 10, 22), us(2021, 1, 17, 22), Timeframe.H1)
    evenings = {"11 Mon 17:00": 1, "12 Tue 17:00": 1, "13 Wed 17:00": 3, "14 Thu 17:00": 1, "17 Sun 17:00": 1}
    assert charges(week, EURUSD) == evenings
    assert charges(week, USDCAD) == evenings | {"13 Wed 17:00": 1, "14 Thu 17:00": 3}


def test_gold_pays_on_wednesday_when_it_trades_again_an_hour_later() -> None:
    week = expected_open_times(us(2021, 1, 10, 23), us(2021, 1, 17, 23), Timeframe.H1, timedelta(hours=1))
    found = charges(week, GOLD)
    assert found == {"11 Mon 18:00": 1, "12 Tue 18:00": 1, "13 Wed 18:00": 3, "14 Thu 18:00": 1, "17 Sun 18:00": 1}


def test_through_a_change_of_the_clock_the_roll_stays_at_17_new_york() -> None:
    # Summer time began on Sunday, 14 March 2021: the roll moved from 22:00 to 21:00 UTC.
    times = expected_open_times(us(2021, 3, 11), us(2021, 3, 16), Timeframe.H1)
    charged = times[nights(times, EURUSD) > 0].tolist()
    assert charged == [us(2021, 3, 11, 22), us(2021, 3, 14, 21), us(2021, 3, 15, 21)]


def test_nights_of_a_closed_christmas_are_charged_as_the_market_opens_again() -> None:
    # 25 December 2019 was a Wednesday: Tuesday's night and Wednesday's three, in one sum.
    times = np.array([us(2019, 12, 24, 18), us(2019, 12, 25, 22), us(2019, 12, 25, 23)])
    assert nights(times, EURUSD).tolist() == [0, 4, 0]


@pytest.mark.parametrize("timeframe", [Timeframe.M15, Timeframe.H1, Timeframe.H4, Timeframe.D1])
@pytest.mark.parametrize("of", [EURUSD, USDCAD])
def test_every_timeframe_pays_seven_nights_a_week(timeframe: Timeframe, of: Symbol) -> None:
    # Eight weeks of 2021, from Sunday 17:00 to Sunday 17:00, with a change of the clock.
    times = expected_open_times(us(2021, 2, 14, 22), us(2021, 4, 11, 21), timeframe)
    charged = nights(times, of)
    assert charged.dtype == np.int64
    assert charged.sum() == 8 * 7


def test_a_candle_that_a_feed_sends_on_a_saturday_pays_friday_s_night_and_the_next_week_does_not_again() -> None:
    times = np.array([us(2021, 1, 15, 21), us(2021, 1, 16, 12), us(2021, 1, 17, 12), us(2021, 1, 17, 22)])
    assert nights(times, EURUSD).tolist() == [0, 1, 0, 0]


@given(
    st.lists(st.integers(us(2015, 1, 1), us(2015, 1, 1) + 800 * DAY_US), min_size=1, max_size=6, unique=True),
    st.sampled_from([(EURUSD, 2), (USDCAD, 3)]),
)
def test_nights_are_the_rolls_of_the_calendar_between_any_two_candles(stamps: list[int], of: tuple[Symbol, int]) -> None:
    times = np.array(sorted(stamps))
    expected = [0] + [nights_by_hand(int(a), int(b), of[1]) for a, b in pairwise(times)]
    assert nights(times, of[0]).tolist() == expected


@given(st.sets(st.integers(0, 3000), min_size=1, max_size=60))
def test_leaving_candles_out_neither_adds_nor_loses_a_night(kept: set[int]) -> None:
    times = us(2021, 1, 4) + np.arange(3001, dtype=np.int64) * HOUR_US
    some = times[sorted(kept | {0, 3000})]
    assert nights(some, EURUSD).sum() == nights(times, EURUSD).sum()


def test_no_candle_and_one_candle_pay_nothing() -> None:
    assert nights(np.empty(0, dtype=np.int64), EURUSD).tolist() == []
    assert nights(np.array([us(2021, 1, 13, 22)]), EURUSD).tolist() == [0]


def test_times_that_do_not_ascend_are_refused() -> None:
    with pytest.raises(BadInputError, match="do not ascend"):
        nights(np.array([us(2021, 1, 14), us(2021, 1, 13)]), EURUSD)


def test_a_long_position_in_the_currency_of_lower_rates_pays() -> None:
    # 100,000 EURUSD at 1.10 over Wednesday 17:00: 110,000 USD × 4 % × 3 / 365 = 36.16 USD; short earns 2 % on it: 18.08 USD.
    rates = swap_rates(base_rate=0.02, quote_rate=0.05, markup=0.01)
    assert (rates.long, rates.short) == (pytest.approx(0.04), pytest.approx(-0.02))
    times = np.array([us(2021, 1, 13, 21), us(2021, 1, 13, 22), us(2021, 1, 13, 23)])
    long, short = swap_per_unit(times, np.array([1.10, 1.25, 1.30]), EURUSD, rates)
    assert 100_000 * long == pytest.approx([0.0, 36.164384, 0.0], abs=1e-6)
    assert 100_000 * short == pytest.approx([0.0, -18.082192, 0.0], abs=1e-6)


def test_what_is_charged_at_an_open_does_not_depend_on_closes_from_there_on() -> None:
    times = expected_open_times(us(2021, 1, 10, 22), us(2021, 1, 17, 22), Timeframe.H4)
    close = 1.1 + 0.01 * np.random.default_rng(1).random(len(times))
    whole = swap_per_unit(times, close, EURUSD, SwapRates(0.03, -0.01))
    later = np.where(np.arange(len(times)) < 20, close, 2.0 * close)
    for one, other in zip(whole, swap_per_unit(times, later, EURUSD, SwapRates(0.03, -0.01)), strict=True):
        assert one[:21].tolist() == other[:21].tolist()
        assert one[21:].tolist() != other[21:].tolist()


@given(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2), st.floats(0.0, 0.05))
def test_both_sides_together_pay_the_markup_twice_and_exchange_their_roles_with_the_rates(
    base: float, quote: float, markup: float
) -> None:
    rates, mirrored = swap_rates(base, quote, markup), swap_rates(quote, base, markup)
    assert rates.long + rates.short == pytest.approx(2.0 * markup, abs=1e-12)
    assert (rates.long, rates.short) == pytest.approx((mirrored.short, mirrored.long), abs=1e-12)


def test_a_year_of_nights_costs_the_yearly_rate() -> None:
    first = date(2021, 1, 3)
    times = expected_open_times(us(2021, 1, 3, 22), us(2022, 1, 2, 22), Timeframe.D1)
    long, _ = swap_per_unit(times, np.full(len(times), 100.0), EURUSD, SwapRates(0.05, 0.0))
    assert long.sum() == pytest.approx(5.0 * (date(2022, 1, 2) - first).days / 365)


@pytest.mark.parametrize("bad", [0.5, -2.5, float("nan"), float("inf")])
def test_a_rate_in_percent_or_no_number_is_refused_by_side(bad: float) -> None:
    with pytest.raises(BadInputError, match="swap rate of a long position"):
        SwapRates(long=bad, short=0.0)
    with pytest.raises(BadInputError, match="swap rate of a short position"):
        SwapRates(long=0.0, short=bad)


@pytest.mark.parametrize("bad", [-0.001, float("nan")])
def test_a_negative_markup_is_refused(bad: float) -> None:
    with pytest.raises(BadInputError, match="markup of"):
        swap_rates(0.01, 0.02, bad)


@pytest.mark.parametrize("closes", [[1.1], [1.1, 0.0], [1.1, float("nan")], [float("inf"), 1.1]])
def test_closes_that_are_no_prices_of_the_candles_are_refused(closes: list[float]) -> None:
    with pytest.raises(BadInputError, match="closes found for 2 candles of EURUSD"):
        swap_per_unit(np.array([us(2021, 1, 13), us(2021, 1, 14)]), np.array(closes), EURUSD, SwapRates(0.0, 0.0))
