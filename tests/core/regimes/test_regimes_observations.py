"""What the model sees, against numbers worked out by numpy from the definition."""

import dataclasses

import numpy as np
import pytest
from regime_examples import H1, candles_of, sample

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.regimes.observations import observations
from fxgpt_core.regimes.regime_parameters import RegimeParameters, spans_for

SMALL = RegimeParameters(volatility_span=2, trend_span=4)


def test_they_are_return_volatility_and_trend_as_defined():
    steps = np.array([0.0, 1e-3, -2e-3, 3e-3, 1e-3, 2e-3])
    found = observations(candles_of(steps), SMALL)
    assert np.isnan(found[:4]).all()
    # Over r = 1, −2, 3, 1 thousandths: Σr = 3, Σr² = 15; the last two: 9 + 1. Then −2, 3, 1, 2: Σr = 4, Σr² = 18; 1 + 4.
    assert found[4] == pytest.approx([1 / np.sqrt(15 / 4), np.log(1e-3 * np.sqrt(10 / 2)), 3 / np.sqrt(15)], rel=1e-9)
    assert found[5] == pytest.approx([2 / np.sqrt(18 / 4), np.log(1e-3 * np.sqrt(5 / 2)), 4 / np.sqrt(18)], rel=1e-9)


def test_they_do_not_depend_on_the_scale_of_prices():
    candles = sample().slice(0, 600)
    yen = dataclasses.replace(candles, close=candles.close * 128.0)
    assert np.allclose(
        observations(candles, RegimeParameters()), observations(yen, RegimeParameters()), rtol=1e-7, equal_nan=True
    )


def test_a_trend_of_a_random_walk_is_about_standard_normal_and_of_a_drift_its_t_statistic():
    rng = np.random.default_rng(5)
    walk = rng.standard_normal(40_000)
    still = observations(candles_of(1e-3 * walk), RegimeParameters())[120:, 2]
    drifting = observations(candles_of(1e-3 * (walk + 0.2)), RegimeParameters())[120:, 2]
    assert (abs(still.mean()), still.std()) == (pytest.approx(0.0, abs=0.15), pytest.approx(1.0, abs=0.1))
    assert drifting.mean() == pytest.approx(0.2 * np.sqrt(120), rel=0.1)


def test_a_dead_market_has_finite_observations():
    assert np.isfinite(observations(candles_of(np.zeros(50)), SMALL)[4:]).all()


def test_rows_behind_a_hole_warm_up_again():
    candles = sample().slice(0, 1000)
    later = np.where(np.arange(1000) >= 500, 14 * 24 * H1.us, 0)
    found = observations(dataclasses.replace(candles, open_time_us=candles.open_time_us + later), RegimeParameters())
    known = ~np.isnan(found[:, 0])
    assert known.tolist() == [120 <= row < 500 or row >= 620 for row in range(1000)]


def test_each_span_moves_its_observation():
    candles = sample().slice(0, 600)
    default = observations(candles, RegimeParameters())[400:]
    assert (observations(candles, RegimeParameters(volatility_span=30))[400:, 1] != default[:, 1]).all()
    assert (observations(candles, RegimeParameters(trend_span=200))[400:, 2] != default[:, 2]).all()


@pytest.mark.parametrize(("timeframe", "spans"), [(Timeframe.M15, (96, 480)), (H1, (24, 120)), (Timeframe.D1, (24, 120))])
def test_spans_cover_a_day_and_at_least_24_candles(timeframe, spans):
    assert spans_for(timeframe) == spans


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_states": 3},
        {"n_states": 9},
        {"volatility_span": 120},
        {"volatility_span": 1},
        {"min_dwell": 0},
        {"prior_weight": -0.1},
        {"prior_weight": float("nan")},
        {"n_restarts": 0},
    ],
)
def test_parameters_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(BadInputError, match=next(iter(wrong))):
        RegimeParameters(**wrong)
