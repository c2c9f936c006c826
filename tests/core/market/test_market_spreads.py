"""The usual spread at a moment of the FX week, by hand and against the quotes it was measured on."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.spread_by_hour import ROWS, SHIPPED, main, measured, multipliers
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.sessions import expected_open_times, hour_of_week
from fxgpt_core.market.spreads import (
    DAY_MULTIPLIERS,
    LIQUID_HOURS,
    WEEK_CLOSE_MULTIPLIER,
    WEEK_MULTIPLIERS,
    known_spreads,
    session_spreads,
)
from fxgpt_core.market.symbols import SYMBOLS, symbol
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, MINUTE_US, Timeframe

EURUSD, USDJPY = symbol("EURUSD"), symbol("USDJPY")


def us(*stamp: int) -> int:
    return int(datetime(*stamp, tzinfo=UTC).timestamp()) * 1_000_000


# 17:00 New York is 22:00 UTC in January and 21:00 UTC in July.
@pytest.mark.parametrize("roll", [us(2021, 1, 12, 22), us(2021, 7, 13, 21)])
def test_the_spread_is_four_times_the_typical_at_the_roll_all_year_and_typical_in_london(roll: int) -> None:
    times = np.array([roll, roll + 12 * HOUR_US])
    assert session_spreads(EURUSD, times) == pytest.approx([4.00 * 0.8e-4, 0.8e-4])
    assert session_spreads(USDJPY, times) == pytest.approx([4.00 * 0.009, 0.009])


def test_between_full_hours_the_spread_lies_on_a_straight_line() -> None:
    # Tuesday 17:15 New York, and a quarter to 17:00 before it.
    times = np.array([us(2021, 1, 12, 22, 15), us(2021, 1, 12, 21, 45)])
    expected = [4.00 + (2.48 - 4.00) / 4, 1.07 + (2.43 - 1.07) * 3 / 4]
    assert session_spreads(EURUSD, times) / 0.8e-4 == pytest.approx(expected)


def test_the_week_opens_and_closes_wide() -> None:
    sunday, friday = us(2021, 1, 10, 22), us(2021, 1, 15, 22)
    times = np.array([sunday, sunday + HOUR_US, sunday + 2 * HOUR_US, friday - HOUR_US, friday - 1, friday, friday + DAY_US])
    assert session_spreads(EURUSD, times) / 0.8e-4 == pytest.approx([6.20, 3.41, 1.24, 1.07, 6.20, 6.20, 6.20], rel=1e-6)


def test_a_daily_candle_opens_at_the_widest_hour_of_its_day() -> None:
    days = expected_open_times(us(2021, 1, 10, 22), us(2021, 1, 15, 21), Timeframe.D1)
    assert session_spreads(EURUSD, days) / 0.8e-4 == pytest.approx([6.20, 4.0, 4.0, 4.0, 4.0])


def test_a_table_of_liquid_hours_is_one_and_nothing_is_cheaper_than_that() -> None:
    assert np.median([DAY_MULTIPLIERS[hour] for hour in LIQUID_HOURS]) == 1.0
    assert WEEK_MULTIPLIERS.min() == 1.0
    assert WEEK_MULTIPLIERS.max() == WEEK_CLOSE_MULTIPLIER
    assert WEEK_MULTIPLIERS.shape == (7, 25)


@given(st.integers(us(2000, 1, 1), us(2030, 1, 1)), st.sampled_from(sorted(SYMBOLS)))
def test_the_spread_moves_with_its_symbol_s_typical_one_within_the_table(time: int, name: str) -> None:
    one = symbol(name)
    multiplier = session_spreads(one, np.array([time]))[0] / (one.typical_spread_pips * one.pip)
    assert 1.0 - 1e-12 <= multiplier <= WEEK_CLOSE_MULTIPLIER + 1e-12


def test_no_times_have_no_spreads() -> None:
    assert session_spreads(EURUSD, np.empty(0, dtype=np.int64)).tolist() == []


def test_a_known_spread_stands_and_a_missing_one_falls_back() -> None:
    fallback = np.array([3.0, 4.0, 5.0])
    assert known_spreads(np.array([1.0, np.nan, 0.0]), fallback).tolist() == [1.0, 4.0, 0.0]
    assert known_spreads(None, fallback).tolist() == [3.0, 4.0, 5.0]
    column = pl.Series([None, 2.0, None], dtype=pl.Float64)
    assert known_spreads(column.to_numpy(), fallback).tolist() == [3.0, 2.0, 5.0]


@pytest.mark.parametrize("bad", [-1e-5, np.inf])
def test_a_crossed_or_infinite_spread_is_refused(bad: float) -> None:
    with pytest.raises(BadInputError, match="1 of them negative or infinite"):
        known_spreads(np.array([0.1, bad]), np.ones(2))


def test_spreads_of_another_length_are_refused() -> None:
    with pytest.raises(BadInputError, match="1 spreads found for 2 candles"):
        known_spreads(np.ones(1), np.ones(2))


def keep_quotes(folder: Path, name: str, rows: pl.DataFrame) -> None:
    rows.write_parquet(folder / f"{name}_h1.parquet")


def quotes(first: np.ndarray, last: np.ndarray, times: np.ndarray) -> pl.DataFrame:
    sides = {"bid_open": 1.0, "ask_open": 1.0 + first, "bid_close": 1.0, "ask_close": 1.0 + last}
    return pl.DataFrame({"ts": pl.Series(times).cast(pl.Datetime("us", "UTC")), **sides})


def test_the_measurement_finds_the_multipliers_that_quotes_were_made_of(tmp_path: Path) -> None:
    times = expected_open_times(us(2021, 2, 1), us(2021, 5, 1), Timeframe.H1)
    begins = session_spreads(EURUSD, times)
    ends = session_spreads(EURUSD, times + HOUR_US - 1)
    keep_quotes(tmp_path, "EURUSD", quotes(begins, ends, times))
    assert multipliers(measured(tmp_path)) == pytest.approx(SHIPPED, rel=1e-6)
    # A tenth of the hours with absurd quotes, and as many crossed ones, move no median.
    wild = np.random.default_rng(5).random(len(times))
    broken = np.where(wild < 0.1, 0.5, np.where(wild < 0.2, -0.5, begins))
    keep_quotes(tmp_path, "EURUSD", quotes(broken, ends, times))
    assert multipliers(measured(tmp_path)) == pytest.approx(SHIPPED, rel=0.02)


def test_the_measurement_takes_first_and_last_quote_of_an_hour_of_minutes(tmp_path: Path) -> None:
    minutes = expected_open_times(us(2021, 2, 1), us(2021, 3, 1), Timeframe.M1)
    inside = minutes % HOUR_US // MINUTE_US
    hour = hour_of_week(minutes)
    # Ends of hours are twice as wide as their beginnings, what lies between is wider still.
    first = np.where(inside == 0, 1e-4, 9e-4) * np.where(hour % 24 == 0, 3.0, 1.0)
    last = np.where(inside == 59, 2e-4, 9e-4)
    keep_quotes(tmp_path, "EURUSD", quotes(first, last, minutes))
    found = dict(zip(ROWS, multipliers(measured(tmp_path)), strict=True))
    assert [found[row] for row in ("hour 0 begins", "hour 12 begins", "hour 23 ends", "week ends")] == pytest.approx([3, 1, 2, 2])
    assert measured(tmp_path)[0].liquid_pips == pytest.approx(1.0)


def test_the_measurement_prints_the_table_and_refuses_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 3
    assert "0 parquet files" in capsys.readouterr().err
    times = expected_open_times(us(2021, 2, 1), us(2021, 5, 1), Timeframe.H1)
    keep_quotes(tmp_path, "EURUSD", quotes(np.full(len(times), 1.2e-4), np.full(len(times), 1.2e-4), times))
    assert main([str(tmp_path)]) == 0
    assert "EURUSD: 1.2 pips in liquid hours, 1.50 times the typical 0.8" in capsys.readouterr().out
    assert main([str(tmp_path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed["multipliers"]) == list(ROWS)
    assert printed["multipliers"]["hour 0 begins"] == pytest.approx(1.0)


def test_the_measurement_refuses_candles_without_quotes_or_spread(tmp_path: Path) -> None:
    times = expected_open_times(us(2021, 2, 1), us(2021, 5, 1), Timeframe.H1)
    nothing = np.zeros(len(times))
    keep_quotes(tmp_path, "EURUSD", quotes(nothing, nothing, times))
    with pytest.raises(BadInputError, match="no median spread above 0"):
        measured(tmp_path)
    keep_quotes(tmp_path, "EURUSD", quotes(nothing, nothing, times).drop("ask_open"))
    with pytest.raises(BadInputError, match="lacks ask_open"):
        measured(tmp_path)


@pytest.mark.shared_data
def test_the_shipped_table_is_what_quotes_of_four_symbols_and_seven_years_say(shared_data: Path) -> None:
    found = measured(shared_data / "fx" / "oanda_h1")
    assert sum(len(one.ratios) for one in found) == 28
    assert multipliers(found) == pytest.approx(SHIPPED, abs=0.005)
    for one in found:
        assert one.liquid_pips < 2.0 * symbol(one.symbol).typical_spread_pips


@pytest.mark.shared_data
def test_another_broker_widens_alike_at_the_roll_and_as_the_week_opens(shared_data: Path) -> None:
    # Minutes of one month of two symbols, 2012 and 2013: not what the table was measured on.
    found = dict(zip(ROWS, multipliers(measured(shared_data / "fx" / "fxcm_m1")), strict=True))
    ours = dict(zip(ROWS, SHIPPED, strict=True))
    for row in ("hour 0 begins", "hour 1 begins", "hour 2 begins", "week's hour 0 begins", "week's hour 1 begins"):
        assert found[row] == pytest.approx(ours[row], rel=0.4)
    assert found["week ends"] > ours["week ends"]
