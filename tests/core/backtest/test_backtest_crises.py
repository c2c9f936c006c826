"""The crises: dates and currencies, and, on real candles, the moves that everybody remembers."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from fxgpt_core.backtest.crises import CRISES
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.files import read_candle_file
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.symbols import SYMBOLS, symbol
from fxgpt_core.market.timeframes import Timeframe

BY_NAME = {crisis.name: crisis for crisis in CRISES}
EVENTS = {
    "snb_floor": "2015-01-15 09:30",
    "brexit_night": "2016-06-23 21:00",
    "sterling_flash": "2016-10-06 23:07",
    "yen_flash": "2019-01-02 22:36",
    "covid": "2020-03-20 14:00",
    "fed_hikes": "2022-03-16 18:00",
    "ecb_hikes": "2022-07-21 12:15",
    "mini_budget": "2022-09-23 09:00",
}


@pytest.mark.parametrize("name", EVENTS)
def test_a_window_holds_its_event(name):
    event_us = int(datetime.fromisoformat(EVENTS[name]).replace(tzinfo=UTC).timestamp()) * 1_000_000
    assert BY_NAME[name].window.mask(np.array([event_us])).all()


def test_every_crisis_is_told_once_in_order_with_currencies_that_are_traded():
    assert set(BY_NAME) == set(EVENTS)
    starts = [crisis.window.start_us for crisis in CRISES]
    assert starts == sorted(starts)
    traded = {currency for one in SYMBOLS.values() for currency in (one.base, one.quote)}
    assert {currency for crisis in CRISES for currency in crisis.currencies} <= traded


@pytest.mark.parametrize(
    ("name", "pair", "concern"),
    [
        ("snb_floor", "EURCHF", "itself"),
        ("snb_floor", "EURUSD", "elsewhere"),
        ("brexit_night", "EURGBP", "itself"),
        ("yen_flash", "AUDUSD", "itself"),
        ("yen_flash", "GBPUSD", "elsewhere"),
        ("covid", "XAUUSD", "itself"),
        ("fed_hikes", "EURGBP", "elsewhere"),
    ],
)
def test_a_crisis_says_whether_it_was_about_a_symbol(name, pair, concern):
    assert BY_NAME[name].concern(symbol(pair)) == concern


def test_coverage_is_the_share_of_open_hours_that_have_a_candle():
    crisis = BY_NAME["yen_flash"]
    times = expected_open_times(crisis.window.start_us - 10**12, crisis.window.stop_us + 10**12, Timeframe.H1)
    assert crisis.coverage(times, Timeframe.H1) == 1.0
    assert crisis.coverage(times[::2], Timeframe.H1) == 0.5
    assert crisis.coverage(times[:0], Timeframe.H1) == 0.0


@pytest.fixture(scope="module")
def oanda(shared_data: Path) -> dict[str, CandleArrays]:
    return {pair: read(shared_data, "oanda_h1", pair) for pair in ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD")}


def read(folder: Path, provider: str, pair: str) -> CandleArrays:
    return candle_arrays(read_candle_file(folder / "fx" / provider / f"{pair}_h1.parquet"), Timeframe.H1)


def fall(candles: CandleArrays, name: str) -> float:
    """How far the lowest low of a crisis lay below the highest high before it in the window, in percent."""
    rows = BY_NAME[name].window.slice(candles.known_at_us)
    highest = np.maximum.accumulate(candles.high[rows])[:-1]
    return float((candles.low[rows][1:] / highest - 1.0).min()) * 100.0


@pytest.mark.shared_data
@pytest.mark.parametrize("name", [name for name in EVENTS if name not in {"snb_floor", "ecb_hikes", "mini_budget"}])
def test_every_crisis_with_data_has_its_candles(oanda, name):
    crisis = BY_NAME[name]
    covered = [crisis.coverage(candles.open_time_us, candles.timeframe) for candles in oanda.values()]
    assert min(covered) > (0.35 if name == "fed_hikes" else 0.98)


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["snb_floor", "ecb_hikes", "mini_budget"])
def test_where_there_is_no_data_there_is_no_coverage(oanda, name):
    assert {BY_NAME[name].coverage(candles.open_time_us, candles.timeframe) for candles in oanda.values()} == {0.0}


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("pair", "name", "percent"),
    [
        ("GBPUSD", "brexit_night", 8.0),
        ("GBPUSD", "sterling_flash", 7.0),
        ("USDJPY", "yen_flash", 3.5),
        ("AUDUSD", "yen_flash", 3.5),
        ("AUDUSD", "covid", 15.0),
        ("USDJPY", "covid", 9.0),
    ],
)
def test_the_moves_everybody_remembers_are_there(oanda, pair, name, percent):
    assert fall(oanda[pair], name) < -percent


@pytest.mark.shared_data
def test_the_yen_and_the_australian_dollar_moved_in_the_hour_of_the_flash(oanda):
    hour_us = int(datetime(2019, 1, 2, 22, tzinfo=UTC).timestamp()) * 1_000_000
    for pair in ("USDJPY", "AUDUSD"):
        candles = oanda[pair]
        row = int(np.searchsorted(candles.open_time_us, hour_us))
        assert candles.low[row] / candles.close[row - 1] - 1.0 < -0.036


@pytest.mark.shared_data
def test_the_week_of_the_franc_is_there_in_other_currencies_and_says_so(shared_data):
    crisis = BY_NAME["snb_floor"]
    candles = read(shared_data, "mt5_h1_2015_2022", "GBPUSD")
    assert crisis.coverage(candles.open_time_us, candles.timeframe) > 0.98
    assert crisis.concern(symbol("GBPUSD")) == "elsewhere"
