"""How volatilities relate to the one in use: against pandas, from any row on, and with the future cut off."""

import numpy as np
import pandas as pd
import pytest
from forecast_examples import FIRST_OPEN_US, candles_of_returns, real_candles

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.forecasts.relative_volatility import (
    COLUMNS,
    HOURLY_DECAY,
    LEADS,
    RANGE_DECAYS,
    RETURN_DECAYS,
    known_volatility,
)
from fxgpt_core.forecasts.volatility import HOURS_A_WEEK, WARM_UP, Volatility, fit_volatility, log_returns
from fxgpt_core.market.sessions import expected_open_times, hour_of_week
from fxgpt_core.market.timeframes import DAY_US, Timeframe

VOLATILITY = fit_volatility(real_candles())


def averaged(values: np.ndarray, decay: float) -> np.ndarray:
    """pandas' exponential average, from the mean of the first values behind the first on; NaN before."""
    start = values[1 : WARM_UP + 1].mean()
    after = pd.Series(np.concatenate([[start], values[WARM_UP + 1 :]])).ewm(alpha=1.0 - decay, adjust=False).mean()
    return np.concatenate([np.full(WARM_UP, np.nan), after.to_numpy()])


@pytest.mark.parametrize("name", COLUMNS[: len(RETURN_DECAYS) + len(RANGE_DECAYS)])
def test_each_average_is_its_formula_written_out(name: str) -> None:
    candles = real_candles()
    season = VOLATILITY.season[hour_of_week(candles.open_time_us)]
    kind, decay = name.split("_")
    squares = {
        "volatility": (log_returns(candles) / season) ** 2,
        "range": (np.log(candles.high / candles.low) / season) ** 2 / (4.0 * np.log(2.0)),
    }[kind]
    expected = np.log(np.sqrt(averaged(squares, float(decay))) / VOLATILITY.at_close(candles))
    found = known_volatility(candles, VOLATILITY).relative[:, COLUMNS.index(name)]
    assert np.isnan(found[:WARM_UP]).all()
    np.testing.assert_allclose(found[WARM_UP:], expected[WARM_UP:], atol=2e-3)


@pytest.mark.parametrize("lead", LEADS)
def test_the_same_hour_is_an_average_over_the_days_before_written_out(lead: int) -> None:
    candles, at = real_candles(), 700
    sizes = np.minimum(np.abs(VOLATILITY.standardised(candles)), 6.0)
    of_day = hour_of_week(candles.open_time_us) % 24
    average = np.sqrt(2.0 / np.pi)
    for row in range(WARM_UP + 1, at + 1):
        if of_day[row] == (of_day[at] + lead) % 24:
            average += (1.0 - HOURLY_DECAY) * (sizes[row] - average)
    found = known_volatility(candles, VOLATILITY, at).relative[0, COLUMNS.index(f"same_hour_{lead}")]
    assert found == pytest.approx(np.log(average / np.sqrt(2.0 / np.pi)), rel=1e-9)


def test_shorter_candles_know_the_hour_they_will_lie_in_and_forget_it_as_slowly() -> None:
    rng, n = np.random.default_rng(0), 6000
    opens = expected_open_times(FIRST_OPEN_US, FIRST_OPEN_US + 60 * DAY_US, Timeframe.M5)[:n]
    busy = hour_of_week(opens) % 24 == 15
    close = np.exp(np.cumsum(rng.standard_normal(n) * 1e-4 * np.where(busy, 3.0, 1.0)))
    candles = CandleArrays(opens, close, close, close, close, np.ones(n), Timeframe.M5)
    relative = known_volatility(candles, Volatility(np.ones(HOURS_A_WEEK))).relative[2000:]
    next_open, soon = opens[2000:] + Timeframe.M5.us, relative[:, COLUMNS.index("same_hour_1")]
    in_busy = hour_of_week(next_open) % 24 == 15
    assert soon[in_busy].min() > soon[~in_busy].max()


def test_of_an_even_walk_all_returns_are_alike_and_ranges_of_closes_alone_are_smaller() -> None:
    candles = candles_of_returns(np.random.default_rng(0).normal(0.0, 1e-3, 3000))
    found = known_volatility(candles, Volatility(np.ones(HOURS_A_WEEK))).relative[500:].mean(axis=0)
    averages, hours = np.split(found, [len(RETURN_DECAYS) + len(RANGE_DECAYS)])
    assert np.abs(averages[3 : len(RETURN_DECAYS)]).max() < 0.05
    assert (averages[len(RETURN_DECAYS) :] < -0.2).all()
    assert np.abs(hours).max() < 0.1
    assert len(hours) == len(LEADS)


@pytest.mark.parametrize("first", [1, WARM_UP - 1, WARM_UP, WARM_UP + 1, 700])
def test_from_a_row_on_it_is_bit_equal_to_the_whole(first: int) -> None:
    whole, part = known_volatility(real_candles(), VOLATILITY), known_volatility(real_candles(), VOLATILITY, first)
    assert part.relative.tobytes() == whole.relative[first:].tobytes()
    assert part.sigma.tobytes() == whole.sigma[first:].tobytes() == VOLATILITY.at_close(real_candles())[first:].tobytes()


def test_later_candles_change_nothing_and_too_few_tell_nothing() -> None:
    whole = known_volatility(real_candles(), VOLATILITY).relative
    for cut in (WARM_UP + 1, 300, 1500):
        assert known_volatility(real_candles().slice(0, cut), VOLATILITY).relative.tobytes() == whole[:cut].tobytes()
    assert np.isnan(known_volatility(real_candles().slice(0, WARM_UP), VOLATILITY).relative).all()
