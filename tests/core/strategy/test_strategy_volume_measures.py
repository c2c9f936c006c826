"""On-balance volume, VWAP, spikes and liquidity: against TA-Lib, pandas and plain loops, and of what each row depends on."""

import dataclasses
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.sessions import fx_clock_us
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe
from fxgpt_core.strategy.volume_measures import (
    FEWEST_DAYS,
    LIQUIDITY_SPAN,
    USUAL_DAYS,
    VolumeFilterParameters,
    past_candles,
    usual_volume,
    volume_measures,
)

# Monday, 6 February 2023, 17:00 in New York.
START_US = int(datetime(2023, 2, 6, 22, tzinfo=UTC).timestamp()) * 1_000_000
DEFAULT = VolumeFilterParameters()
NAMES = ("obv", "vwap_distance", "spike_ratio", "liquidity", "direction")


def hours(n, seed=7, volume=None):
    """Hourly candles of the open market with a daily cycle of volume, and a hole of 30 candles in the middle."""
    rng = np.random.default_rng(seed)
    every = START_US + np.arange(2 * n + 200) * HOUR_US
    weekday = (fx_clock_us(every) // DAY_US + 3) % 7
    times = every[(weekday < 5) & ~((every > every[n // 2]) & (every < every[n // 2 + 30]))][:n]
    close = 1.1 * np.exp(np.cumsum(rng.normal(0, 0.001, n)))
    opened = np.concatenate([[1.1], close[:-1]])
    high, low = np.maximum(opened, close) * 1.0003, np.minimum(opened, close) * 0.9997
    cycle = 1500.0 + 1200.0 * np.sin(np.arange(n) * 2 * np.pi / 24)
    traded = np.round(cycle * rng.lognormal(0.0, 0.4, n)) if volume is None else volume
    return CandleArrays(times, opened, high, low, close, traded, Timeframe.H1)


def test_obv_is_the_change_of_ta_libs_over_the_volume_of_the_window():
    candles = hours(400)
    cumulative = talib.OBV(candles.close, candles.volume)
    found = volume_measures(candles, DEFAULT).obv
    for row in range(20, 400):
        window = candles.volume[row - 19 : row + 1].sum()
        assert found[row] == pytest.approx((cumulative[row] - cumulative[row - 20]) / window, abs=1e-12)
    assert np.isnan(found[:20]).all()


def test_vwap_is_that_of_pandas():
    candles = hours(400)
    frame = pd.DataFrame({"volume": candles.volume, "paid": (candles.high + candles.low + candles.close) / 3 * candles.volume})
    sums = frame.rolling(50).sum()
    expected = candles.close / (sums["paid"] / sums["volume"]) - 1.0
    np.testing.assert_allclose(volume_measures(candles, DEFAULT).vwap_distance, expected, rtol=0, atol=1e-12)


def test_the_usual_volume_is_the_mean_at_the_same_time_of_the_days_before():
    candles = hours(900)
    clock, found = fx_clock_us(candles.open_time_us), usual_volume(candles)
    for row in range(900):
        same = [
            candles.volume[earlier]
            for earlier in range(row)
            if (clock[row] - clock[earlier]) % DAY_US == 0 and clock[row] - clock[earlier] <= USUAL_DAYS * DAY_US
        ]
        expected = np.mean(same) if len(same) >= FEWEST_DAYS else np.nan
        assert found[row] == pytest.approx(expected, nan_ok=True)
    assert 0 < np.isnan(found).sum() < 400


def test_the_clock_change_of_new_york_does_not_move_the_usual_volume():
    candles = hours(900)
    clock = fx_clock_us(candles.open_time_us)
    assert len(set((candles.open_time_us - clock).tolist())) == 2
    volume = clock % DAY_US / HOUR_US + 1.0
    found = usual_volume(dataclasses.replace(candles, volume=volume))
    known = ~np.isnan(found)
    assert known.sum() > 500
    np.testing.assert_array_equal(found[known], volume[known])


def test_spikes_and_liquidity_are_ratios_to_the_usual_volume():
    candles = hours(700)
    usual, found = usual_volume(candles), volume_measures(candles, DEFAULT)
    np.testing.assert_allclose(found.spike_ratio, candles.volume / usual)
    window = pd.DataFrame({"volume": candles.volume, "usual": usual}).rolling(LIQUIDITY_SPAN).sum()
    np.testing.assert_allclose(found.liquidity, window["volume"] / window["usual"])


def test_a_feed_without_volume_gives_nothing():
    found = volume_measures(hours(900, volume=np.zeros(900)), DEFAULT)
    for name in ("obv", "vwap_distance", "spike_ratio", "liquidity"):
        assert np.isnan(getattr(found, name)).all()
    assert (np.abs(found.direction[1:]) == 1.0).all()


@pytest.mark.parametrize(("name", "value", "moved"), [("obv_period", 50, "obv"), ("vwap_period", 20, "vwap_distance")])
def test_each_window_moves_its_measure_and_no_other(name, value, moved):
    candles = hours(900)
    one, other = volume_measures(candles, DEFAULT), volume_measures(candles, dataclasses.replace(DEFAULT, **{name: value}))
    for measure in NAMES:
        same = np.array_equal(getattr(one, measure), getattr(other, measure), equal_nan=True)
        assert same == (measure != moved)


WHOLE = hours(1700)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 1699), st.integers(10, 50), st.integers(20, 100))
def test_a_row_is_the_same_to_the_last_bit_without_later_rows_and_from_a_bounded_past(row, obv_period, vwap_period):
    parameters = VolumeFilterParameters(obv_period=obv_period, vwap_period=vwap_period)
    whole = volume_measures(WHOLE, parameters)
    before = volume_measures(WHOLE.slice(0, row + 1), parameters)
    bounded = volume_measures(WHOLE.slice(max(0, row - past_candles(Timeframe.H1, parameters)), row + 1), parameters)
    for name in NAMES:
        expected = getattr(whole, name)[row : row + 1].tobytes()
        assert getattr(before, name)[row:].tobytes() == expected
        assert getattr(bounded, name)[-1:].tobytes() == expected


def test_the_past_that_is_asked_for_is_less_than_the_history_of_the_property():
    assert past_candles(Timeframe.H1, DEFAULT) == 28 * 24 + 3 < len(WHOLE) // 2
    assert past_candles(Timeframe.D1, VolumeFilterParameters(vwap_period=100)) == 100
