"""How volatilities relate to the one in use: against pandas, from any row on, and with the future cut off."""

import numpy as np
import pandas as pd
import pytest
from forecast_examples import candles_of_returns, real_candles

from fxgpt_core.forecasts.relative_volatility import COLUMNS, RANGE_DECAYS, RETURN_DECAYS, relative_volatility
from fxgpt_core.forecasts.volatility import HOURS_A_WEEK, WARM_UP, Volatility, fit_volatility, log_returns
from fxgpt_core.market.sessions import hour_of_week

VOLATILITY = fit_volatility(real_candles())


def averaged(values: np.ndarray, decay: float) -> np.ndarray:
    """pandas' exponential average, from the mean of the first values behind the first on; NaN before."""
    start = values[1 : WARM_UP + 1].mean()
    after = pd.Series(np.concatenate([[start], values[WARM_UP + 1 :]])).ewm(alpha=1.0 - decay, adjust=False).mean()
    return np.concatenate([np.full(WARM_UP, np.nan), after.to_numpy()])


@pytest.mark.parametrize("name", COLUMNS)
def test_each_column_is_its_formula_written_out(name: str) -> None:
    candles = real_candles()
    season = VOLATILITY.season[hour_of_week(candles.open_time_us)]
    kind, decay = name.split("_")
    squares = {
        "volatility": (log_returns(candles) / season) ** 2,
        "range": (np.log(candles.high / candles.low) / season) ** 2 / (4.0 * np.log(2.0)),
    }[kind]
    expected = np.log(np.sqrt(averaged(squares, float(decay))) / VOLATILITY.at_close(candles))
    found = relative_volatility(candles, VOLATILITY)[:, COLUMNS.index(name)]
    assert np.isnan(found[:WARM_UP]).all()
    np.testing.assert_allclose(found[WARM_UP:], expected[WARM_UP:], atol=2e-3)


def test_of_an_even_walk_all_returns_are_alike_and_ranges_of_closes_alone_are_smaller() -> None:
    candles = candles_of_returns(np.random.default_rng(0).normal(0.0, 1e-3, 3000))
    found = relative_volatility(candles, Volatility(np.ones(HOURS_A_WEEK)))[500:].mean(axis=0)
    assert np.abs(found[3 : len(RETURN_DECAYS)]).max() < 0.05
    assert (found[len(RETURN_DECAYS) :] < -0.2).all()
    assert len(found) == len(RETURN_DECAYS) + len(RANGE_DECAYS)


@pytest.mark.parametrize("first", [1, WARM_UP - 1, WARM_UP, WARM_UP + 1, 700])
def test_from_a_row_on_it_is_bit_equal_to_the_whole(first: int) -> None:
    whole = relative_volatility(real_candles(), VOLATILITY)
    assert relative_volatility(real_candles(), VOLATILITY, first).tobytes() == whole[first:].tobytes()


def test_later_candles_change_nothing_and_too_few_tell_nothing() -> None:
    whole = relative_volatility(real_candles(), VOLATILITY)
    for cut in (WARM_UP + 1, 300, 1500):
        assert relative_volatility(real_candles().slice(0, cut), VOLATILITY).tobytes() == whole[:cut].tobytes()
    assert np.isnan(relative_volatility(real_candles().slice(0, WARM_UP), VOLATILITY)).all()
