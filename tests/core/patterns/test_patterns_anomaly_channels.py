"""The channels of a candle, against their formulas written with numpy, and what is usual at an hour."""

import numpy as np
import pytest
from anomaly_examples import sample

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.sessions import hour_of_week
from fxgpt_core.market.timeframes import HOUR_US, Timeframe
from fxgpt_core.patterns.anomaly_channels import CHANNELS, CLIP, LOOKBACK, channels, fit_usual

MONDAY_US = 1_515_369_600_000_000


def test_the_channels_are_their_formulas():
    candles, i = sample(), 700
    before = slice(i - LOOKBACK, i)
    moves = np.abs(np.diff(np.log(candles.close), prepend=np.nan))
    unit = moves[before].mean()
    opened, high, low, close, volume = (getattr(candles, n) for n in ("open", "high", "low", "close", "volume"))
    wanted = {
        "return": np.arcsinh(np.log(close[i] / close[i - 1]) / unit),
        "gap": np.arcsinh(np.log(opened[i] / close[i - 1]) / unit),
        "range": np.log(np.log(high[i] / low[i]) / unit + 0.05),
        "place": 2.0 * (close[i] - low[i]) / (high[i] - low[i]) - 1.0,
        "volume": np.log1p(volume[i]) - np.log1p(volume[before]).mean(),
    }
    assert tuple(wanted) == CHANNELS
    assert channels(candles)[i] == pytest.approx(list(wanted.values()), rel=1e-9, abs=1e-12)


def test_the_channels_are_free_of_the_price_and_volume_scale():
    candles = sample().slice(0, 600)
    dearer = CandleArrays(
        candles.open_time_us, *(100.0 * part for part in (candles.open, candles.high, candles.low, candles.close)),
        candles.volume, candles.timeframe,
    )  # fmt: skip
    known = slice(LOOKBACK + 1, None)
    assert channels(dearer)[known] == pytest.approx(channels(candles)[known], abs=1e-6)


def test_a_stretch_warms_up_and_so_does_one_behind_a_hole():
    candles = sample()
    holed = candles.select(np.r_[0:1000, 1100:2000])
    known = np.isfinite(channels(holed)).all(axis=1)
    assert known.tolist() == [LOOKBACK + 1 <= i < 1000 or i >= 1000 + LOOKBACK + 1 for i in range(1900)]


def test_flat_candles_have_values_and_a_standing_market_too():
    n = LOOKBACK + 20
    ones = np.ones(n)
    still = CandleArrays(MONDAY_US + np.arange(n) * HOUR_US, ones, ones, ones, ones, 0.0 * ones, Timeframe.H1)
    # A Monday's candles run into the weekend's; here the clock does not matter.
    assert np.isfinite(channels(still)[LOOKBACK + 1 :]).all()
    assert channels(still)[-1].tolist() == pytest.approx([0.0, 0.0, np.log(0.05), 0.0, 0.0])


def test_what_is_usual_is_the_hours_mean_drawn_towards_that_of_all():
    hours = np.arange(0, 5 * 120) % 120
    times = MONDAY_US - 2 * HOUR_US + (np.arange(600) // 120 * 168 + hours) * HOUR_US
    values = np.tile(np.arange(5.0), (600, 1))
    values[:, 0] = np.where(hours == 30, 13.0, 0.0)
    usual, hour = fit_usual(values, times), hour_of_week(times)
    at = int(hour[30])
    overall = 13.0 / 120.0
    assert np.bincount(hour, minlength=168)[at] == 5
    assert usual.centre[at, 0] == pytest.approx((5 * 13.0 + 8 * overall) / 13.0)
    # A channel that never varied says nothing, whatever comes.
    assert np.isinf(usual.deviation[:, 1:]).all()
    later = usual.inputs(values + 70.0, times)
    assert (later[:, 1:] == 0.0).all()
    assert later[:, 0].max() == CLIP
