"""The random walk against scipy and against itself from a stored forecast."""

import numpy as np
import pytest
from forecast_examples import candles_of_returns, real_candles, real_features
from scipy.stats import norm

from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import LEVELS, realised
from fxgpt_core.forecasts.random_walk import RandomWalk, random_walk_like
from fxgpt_core.forecasts.volatility import HOURS_A_WEEK, WARM_UP, Volatility, fit_volatility

ORIGINS = np.arange(300, 1900, dtype=np.int64)


def test_its_quantiles_are_scipys_normal_quantiles_of_its_scale() -> None:
    walk = RandomWalk("EURUSD", fit_volatility(real_candles()))
    forecasts = walk.forecast(real_features(), real_candles(), ORIGINS, seed=0)
    expected = norm.ppf(LEVELS[None, None, :], scale=forecasts.scale[:, :, None])
    np.testing.assert_allclose(forecasts.values, expected, rtol=1e-12, atol=1e-15)


def test_without_season_the_scale_grows_with_the_root_of_time() -> None:
    candles = candles_of_returns(np.random.default_rng(0).normal(0.0, 1e-3, 200))
    walk = RandomWalk("EURUSD", Volatility(np.ones(HOURS_A_WEEK)))
    scale = walk.forecast(real_features(), candles, np.array([150]), seed=0).scale[0]
    np.testing.assert_allclose(scale / scale[0], np.sqrt([*range(1, 25), 48, 72, 96, 120]))


def test_of_a_true_random_walk_its_intervals_cover_what_they_say() -> None:
    candles = candles_of_returns(np.random.default_rng(4).normal(0.0, 1e-3, 6000))
    walk = RandomWalk("EURUSD", Volatility(np.ones(HOURS_A_WEEK), decay=0.995))
    forecasts = walk.forecast(real_features(), candles, np.arange(400, 5976, dtype=np.int64), seed=0)
    outcome = realised(candles.close, candles.known_at_us, forecasts)
    for low, high in ((0.25, 0.75), (0.1, 0.9), (0.025, 0.975)):
        covered = (outcome >= forecasts.level(low)) & (outcome <= forecasts.level(high))
        assert covered[:, 0].mean() == pytest.approx(high - low, abs=0.025)


def test_the_walk_of_a_stored_forecast_is_the_walk_itself() -> None:
    walk = RandomWalk("EURUSD", fit_volatility(real_candles()))
    forecasts = walk.forecast(real_features(), real_candles(), ORIGINS, seed=0)
    again = random_walk_like(forecasts)
    assert again.values.tobytes() == forecasts.values.tobytes()
    assert again.known_at_us is forecasts.known_at_us


def test_an_origin_without_known_volatility_is_refused() -> None:
    walk = RandomWalk("EURUSD", fit_volatility(real_candles()))
    with pytest.raises(BadInputError, match=f"origin {WARM_UP - 1} has no known volatility"):
        walk.forecast(real_features(), real_candles(), np.array([WARM_UP - 1]), seed=0)


def test_the_walk_without_season_knows_no_hour_but_keeps_the_scale_of_all() -> None:
    volatility = fit_volatility(real_candles())
    plain = RandomWalk("EURUSD", volatility, seasonal=False).forecast(real_features(), real_candles(), ORIGINS, seed=0)
    flat = RandomWalk("EURUSD", Volatility(np.ones(HOURS_A_WEEK))).forecast(real_features(), real_candles(), ORIGINS, seed=0)
    seasonal = RandomWalk("EURUSD", volatility).forecast(real_features(), real_candles(), ORIGINS, seed=0)
    assert plain.values.tobytes() == flat.values.tobytes()
    assert plain.scale.tobytes() == seasonal.scale.tobytes()
