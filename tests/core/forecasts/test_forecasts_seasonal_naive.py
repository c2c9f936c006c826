"""Seasonal naive: weeks counted by hand, differences by numpy, nothing across a hole."""

from dataclasses import replace

import numpy as np
import pytest
from forecast_examples import candles_of_returns, real_candles, real_features, without

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import LEVELS
from fxgpt_core.forecasts.seasonal_naive import fit_seasonal_naive, week
from fxgpt_core.forecasts.volatility import HOURS_A_WEEK, Volatility
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe

FLAT = Volatility(np.ones(HOURS_A_WEEK))


def test_a_week_has_so_many_candles() -> None:
    assert [week(each) for each in (Timeframe.M1, Timeframe.H1, Timeframe.H4, Timeframe.D1)] == [7200, 120, 30, 5]


def test_the_median_is_last_weeks_price_and_the_quantiles_are_past_weekly_moves() -> None:
    candles = real_candles()
    found = fit_seasonal_naive("EURUSD", candles.slice(0, 1200), FLAT)
    logs = np.log(candles.close)
    moves = np.quantile(logs[120:1200] - logs[:1080], LEVELS)
    values = found.forecast(real_features(), candles, np.array([1500]), seed=0).values[0]
    for s, step in ((0, 1), (3, 4), (23, 24), (24, 48), (27, 120)):
        np.testing.assert_allclose(values[s], logs[1500 + step - 120] - logs[1500] + moves, rtol=1e-12, atol=1e-15)


def test_a_price_that_repeats_every_week_is_known_exactly() -> None:
    pattern = np.random.default_rng(1).normal(0.0, 1e-3, 120)
    candles = candles_of_returns(np.tile(pattern - pattern.mean(), 12))
    found = fit_seasonal_naive("EURUSD", candles.slice(0, 600), FLAT)
    forecasts = found.forecast(real_features(), candles, np.array([700]), seed=0)
    ahead = np.log(candles.close[700 + forecasts.steps] / candles.close[700])
    np.testing.assert_allclose(forecasts.values[0], np.tile(ahead[:, None], (1, 21)), atol=1e-12)


def test_daily_steps_beyond_a_week_go_back_as_many_weeks_as_they_need() -> None:
    opens = expected_open_times(1_577_923_200_000_000, 1_577_923_200_000_000 + 600 * DAY_US, Timeframe.D1)
    price = np.exp(np.cumsum(np.random.default_rng(2).normal(0.0, 5e-3, len(opens))))
    daily = CandleArrays(opens, price, price, price, price, np.ones(len(opens)), Timeframe.D1)
    found = fit_seasonal_naive("EURUSD", daily.slice(0, 300), FLAT)
    assert found.differences.shape == (5, 21)
    logs = np.log(price)
    values = found.forecast(real_features(), daily, np.array([350]), seed=0).values[0]
    for step, weeks in ((1, 1), (5, 1), (6, 2), (10, 2), (11, 3), (24, 5)):
        moves = np.quantile(logs[5 * weeks : 300] - logs[: 300 - 5 * weeks], LEVELS)
        np.testing.assert_allclose(values[step - 1], logs[350 + step - 5 * weeks] - logs[350] + moves, rtol=1e-12, atol=1e-15)


def test_what_happened_in_a_hole_is_no_weekly_move() -> None:
    whole = candles_of_returns(np.random.default_rng(3).normal(0.0, 1e-3, 1200))
    jumped = replace(whole, close=np.where(np.arange(1200) < 600, whole.close, whole.close * 1.5))
    holed = [without(candles, 600, 700) for candles in (whole, jumped)]
    first, second = (fit_seasonal_naive("EURUSD", candles, FLAT).differences for candles in holed)
    np.testing.assert_allclose(first, second, atol=1e-12)


def test_an_origin_with_less_than_a_week_behind_it_is_refused() -> None:
    found = fit_seasonal_naive("EURUSD", real_candles().slice(0, 1200), FLAT)
    found.forecast(real_features(), real_candles(), np.array([120]), seed=0)
    with pytest.raises(BadInputError, match="origin 119 has less than 120 candles"):
        found.forecast(real_features(), real_candles(), np.array([119, 300]), seed=0)
    holed = without(candles_of_returns(np.random.default_rng(3).normal(0.0, 1e-3, 1200)), 600, 700)
    with pytest.raises(BadInputError, match="origin 719 has less than 120 candles"):
        found.forecast(real_features(), holed, np.array([719]), seed=0)


def test_a_span_without_a_week_is_refused() -> None:
    with pytest.raises(BadInputError, match="120 candles have no stretch longer than 120"):
        fit_seasonal_naive("EURUSD", real_candles().slice(0, 120), FLAT)
