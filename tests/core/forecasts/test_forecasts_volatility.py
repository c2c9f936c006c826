"""Volatility against pandas, a planted season and the future cut off."""

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from forecast_examples import candles_of_returns, real_candles, without

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.horizons import longest_step, steps_of
from fxgpt_core.forecasts.volatility import (
    FLOOR_OF_SLOW,
    HOURS_A_WEEK,
    SMALLEST,
    WARM_UP,
    Volatility,
    calendar_ahead,
    cumulative_scale,
    fit_volatility,
    log_returns,
    token_sums,
)
from fxgpt_core.market.sessions import expected_open_times, hour_of_week
from fxgpt_core.market.symbols import symbol
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe

FLAT = Volatility(np.ones(HOURS_A_WEEK))


def test_log_returns_start_with_zero_and_add_up_to_the_whole_move() -> None:
    candles = real_candles()
    returns = log_returns(candles)
    assert returns[0] == 0.0
    assert returns.sum() == pytest.approx(np.log(candles.close[-1] / candles.close[0]))


def test_what_happened_in_a_hole_is_no_return_and_moves_neither_season_nor_volatility() -> None:
    whole = candles_of_returns(np.random.default_rng(1).normal(0.0, 1e-3, 3000))
    jumped = replace(whole, close=np.where(np.arange(3000) < 1500, whole.close, whole.close * 1.1))
    holed = [without(candles, 1500, 1620) for candles in (whole, jumped)]
    assert [float(log_returns(candles)[1500]) for candles in holed] == [0.0, 0.0]
    assert log_returns(holed[0])[1499] == log_returns(whole)[1499]
    assert log_returns(without(whole, 1500, 1548))[1500] != 0.0  # a holiday is no hole
    np.testing.assert_allclose(fit_volatility(holed[1]).season, fit_volatility(holed[0]).season, rtol=1e-9)
    np.testing.assert_allclose(FLAT.at_close(holed[1]), FLAT.at_close(holed[0]), rtol=1e-9)


def test_without_a_season_it_is_pandas_exponential_average_of_squares() -> None:
    candles = candles_of_returns(np.random.default_rng(1).normal(0.0, 1e-3, 600))
    squares = log_returns(candles) ** 2
    seeded = pd.Series(np.concatenate(([squares[1 : WARM_UP + 1].mean()], squares[WARM_UP + 1 :])))
    expected = np.sqrt(seeded.ewm(alpha=1.0 - FLAT.decay, adjust=False).mean().to_numpy()) + SMALLEST
    sigma = FLAT.at_close(candles)
    assert np.isnan(sigma[:WARM_UP]).all()
    np.testing.assert_allclose(sigma[WARM_UP:], expected, rtol=1e-12)


def test_a_dead_market_keeps_a_floor_so_that_the_next_move_is_no_hundred_sigma_event() -> None:
    returns = np.concatenate([np.random.default_rng(2).normal(0.0, 1e-3, 300), np.zeros(300)])
    sigma = FLAT.at_close(candles_of_returns(returns))
    slow = 1e-3 * np.sqrt(0.998**300)
    assert sigma[-1] == pytest.approx(FLOOR_OF_SLOW * slow, rel=0.15)


def test_a_market_that_never_moved_has_a_positive_volatility() -> None:
    assert (FLAT.at_close(candles_of_returns(np.zeros(100)))[WARM_UP:] > 0.0).all()


def test_a_planted_season_is_found_again() -> None:
    rng = np.random.default_rng(3)
    candles = candles_of_returns(np.zeros(12_000))
    hours = hour_of_week(candles.open_time_us)
    planted = 1.0 + 0.6 * np.sin(2.0 * np.pi * np.arange(HOURS_A_WEEK) / 24.0)
    noisy = candles_of_returns(1e-3 * planted[hours] * rng.standard_normal(len(hours)))
    season = fit_volatility(noisy).season
    relative = planted / np.sqrt(np.mean(planted[hours] ** 2))
    assert np.corrcoef(season[:120], relative[:120])[0, 1] > 0.97
    assert np.abs(season[:120] / relative[:120] - 1.0).mean() < 0.12


def test_the_season_has_mean_square_one_over_the_candles_it_was_fitted_on() -> None:
    candles = real_candles()
    season = fit_volatility(candles).season
    assert np.mean(season[hour_of_week(candles.open_time_us[1:])] ** 2) == pytest.approx(1.0)
    assert (season > 0.0).all()


def test_dividing_by_scale_leaves_unit_variance_on_real_candles() -> None:
    candles = real_candles()
    volatility = fit_volatility(candles)
    origins = np.arange(WARM_UP, len(candles) - 1)
    ahead = volatility.ahead(candles, volatility.at_close(candles), origins)[:, 0]
    standardised = log_returns(candles)[origins + 1] / ahead
    assert standardised.std() == pytest.approx(1.0, abs=0.1)


def test_volatility_is_bit_equal_whether_later_candles_exist_or_not() -> None:
    candles = real_candles()
    volatility = fit_volatility(candles)
    whole = volatility.at_close(candles)
    for cut in (60, 777, 1500):
        part = candles.slice(0, cut)
        assert whole[:cut].tobytes() == volatility.at_close(part).tobytes()
        last = np.array([cut - 1])
        ahead = volatility.ahead(candles, whole, last)
        assert ahead.tobytes() == volatility.ahead(part, volatility.at_close(part), last).tobytes()


def test_the_next_candles_follow_the_fx_calendar_over_the_weekend() -> None:
    candles = real_candles()
    opens = candles.open_time_us
    gaps = np.flatnonzero(np.diff(opens) > 24 * HOUR_US)
    friday = gaps[np.diff(opens)[gaps] == 49 * HOUR_US][:1]
    calendar, first = calendar_ahead(candles, friday)
    assert calendar[first[0] :][:24].tolist() == opens[friday[0] + 1 : friday[0] + 25].tolist()


def test_no_candle_is_expected_in_the_daily_break_of_gold() -> None:
    pause = timedelta(minutes=symbol("XAUUSD").daily_break_minutes)
    start = int(real_candles().open_time_us[0])
    opens = expected_open_times(start, start + 60 * DAY_US, Timeframe.H1, pause)
    price = 2000.0 * np.exp(np.cumsum(np.random.default_rng(1).normal(size=len(opens)) * 1e-3))
    gold = CandleArrays(opens, price, price, price, price, np.ones(len(opens)), Timeframe.H1)
    origins = np.arange(WARM_UP, len(gold) - 24)
    actual = opens[origins[:, None] + np.arange(1, 25)]
    volatility = fit_volatility(gold, daily_break_minutes=60)
    calendar, first = calendar_ahead(gold, origins, volatility.daily_break_minutes)
    assert np.array_equal(calendar[first[:, None] + np.arange(24)], actual)
    seasons = volatility.season[hour_of_week(actual.reshape(-1))].reshape(actual.shape)
    ahead = volatility.ahead(gold, np.ones(len(gold)), origins)[:, :24]
    np.testing.assert_allclose(ahead, seasons, rtol=1e-9)
    assert not np.allclose(fit_volatility(gold).ahead(gold, np.ones(len(gold)), origins)[:, :24], seasons, rtol=1e-3)


@pytest.mark.parametrize("timeframe", list(Timeframe))
def test_a_token_of_many_candles_has_the_variance_of_all_of_them(timeframe: Timeframe) -> None:
    start = int(real_candles().open_time_us[0])
    n = WARM_UP + 2 + longest_step(timeframe)
    opens = expected_open_times(start, start + 2 * n * timeframe.us + 20 * DAY_US, timeframe)[:n]
    price = 1.1 * np.exp(np.cumsum(np.random.default_rng(1).normal(size=n) * 1e-3))
    candles = CandleArrays(opens, price, price, price, price, np.ones(n), timeframe)
    volatility = Volatility(np.random.default_rng(2).uniform(0.5, 2.0, 168))
    origin = WARM_UP + 1
    squares = volatility.season[hour_of_week(opens[origin + 1 :])] ** 2
    expected = [math.sqrt(part.sum()) for part in np.split(squares, steps_of(timeframe)[:-1])]
    found = volatility.ahead(candles, np.full(n, 3.0), np.array([origin]))[0]
    np.testing.assert_allclose(found, 3.0 * np.array(expected), rtol=1e-9)


def test_no_origin_too_few_candles_and_a_price_that_never_moves_are_refused() -> None:
    with pytest.raises(BadInputError, match=r"the close is 1\.0 in all 59 candles"):
        fit_volatility(candles_of_returns(np.zeros(59)))
    with pytest.raises(BadInputError, match="no origin found"):
        calendar_ahead(real_candles(), np.empty(0, dtype=np.int64))
    with pytest.raises(BadInputError, match="50 candles found; volatility needs more than 50"):
        fit_volatility(candles_of_returns(np.zeros(50)))


def test_variances_of_candles_add_up_to_that_of_the_path() -> None:
    np.testing.assert_allclose(cumulative_scale(np.array([[3.0, 4.0, 12.0]])), [[3.0, 5.0, 13.0]])


def test_sums_of_tokens_start_at_their_own_row_and_never_read_behind_the_end() -> None:
    values, steps = np.arange(1.0, 9.0), np.array([1, 2, 5], dtype=np.int32)
    assert token_sums(values, np.array([0, 3]), steps).tolist() == [[1.0, 2.0, 12.0], [4.0, 5.0, 21.0]]
    with pytest.raises(IndexError, match="end before the last token"):
        token_sums(values, np.array([0, 4]), steps)
