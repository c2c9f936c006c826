"""Freak windows planted into candles are flagged; the same market going on is flagged about as often as was said."""

from functools import cache

import numpy as np
import pytest

from benchmarks.planted_anomalies import FREAKS, area_under_curve, planted
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.sessions import hour_of_week, is_open
from fxgpt_core.market.timeframes import HOUR_US, Timeframe
from fxgpt_core.patterns.anomalies import anomaly_of
from fxgpt_core.training.autoencoder_parameters import AutoencoderParameters
from fxgpt_core.training.autoencoder_training import train_autoencoder

MONDAY_US = 1_515_369_600_000_000
N = 16_000
LEARNED = 8_000
PLACES = 40
# A threshold rests on 1,550 windows of 50 candles, 31 of which share none.
PARAMETERS = AutoencoderParameters(n_steps=500, warm_up_steps=50)


def market(seed):
    """Open hours of a market of one volatility, whose returns, ranges and volume follow the hour of the week."""
    rng = np.random.default_rng(seed)
    times = MONDAY_US + np.arange(2 * N, dtype=np.int64) * HOUR_US
    times = times[is_open(times)][:N]
    season = 1.0 + 0.5 * np.sin(2.0 * np.pi * hour_of_week(times) / 24.0)
    close = np.exp(np.cumsum(0.001 * season * rng.standard_t(6, N)))
    opened = np.concatenate(([1.0], close[:-1]))
    wicks = 0.0005 * season * rng.exponential(1.0, (2, N))
    high, low = np.maximum(opened, close) * np.exp(wicks[0]), np.minimum(opened, close) * np.exp(-wicks[1])
    volume = np.round(1_000.0 * season * rng.lognormal(0.0, 0.3, N))
    return CandleArrays(times, opened, high, low, close, volume, Timeframe.H1)


@cache
def learned():
    """The candles, the model of their first half, and the ratio behind it."""
    candles = market(1)
    model = train_autoencoder(candles.slice(0, LEARNED), PARAMETERS, symbol="EURUSD", seed=5).model
    return candles, model, anomaly_of(model, candles).ratio[LEARNED + model.window :]


def test_the_same_market_going_on_is_flagged_about_as_often_as_the_percentile_says():
    assert 0.02 < (learned()[2] > 1.0).mean() < 0.10


def test_another_market_is_an_anomaly_as_a_whole():
    _, model, ordinary = learned()
    turned = market(2)
    turned = CandleArrays(
        turned.open_time_us, turned.open, turned.high, turned.low, turned.close, turned.volume[::-1].copy(), Timeframe.H1
    )
    assert np.nanmean(anomaly_of(model, turned).ratio > 1.0) > 5.0 * (ordinary > 1.0).mean()


@pytest.mark.parametrize(
    ("freak", "area", "flagged"), [("burst", 0.99, 0.9), ("frozen", 0.99, 0.9), ("spike", 0.9, 0.3), ("staircase", 0.9, 0.3)]
)
def test_a_freak_window_is_flagged_well_above_what_is_usual(freak, area, flagged):
    candles, model, ordinary = learned()
    places = np.linspace(LEARNED + 400, N - 1, PLACES).astype(int).tolist()
    ratio = np.array(
        [anomaly_of(model, planted(candles.slice(place - 400, place + 1), freak, 400, place)).ratio[-1] for place in places]
    )
    assert freak in FREAKS
    assert area_under_curve(ratio, ordinary) > area
    assert (ratio > 1.0).mean() > flagged


def test_the_area_is_the_share_of_pairs_in_which_the_freak_is_higher():
    assert area_under_curve(np.array([1.0, 3.0]), np.array([0.0, 1.0, 2.0, 4.0])) == (1.5 + 3.0) / 8.0
