"""Exponential smoothing against statsmodels, and across a hole."""

import numpy as np
import pandas as pd
import pytest
from forecast_examples import candles_of_returns, real_features, without
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.exponential_smoothing import FEWEST_CANDLES, ExponentialSmoothing, fit_exponential_smoothing
from fxgpt_core.forecasts.volatility import HOURS_A_WEEK, Volatility

FLAT = Volatility(np.ones(HOURS_A_WEEK))


def noisy_walk(n: int = 1500) -> CandleArrays:
    """A random walk seen through noise, which smoothing is best for."""
    rng = np.random.default_rng(5)
    logs = np.cumsum(rng.normal(0.0, 1e-3, n)) + rng.normal(0.0, 1e-3, n)
    return candles_of_returns(np.diff(logs, prepend=0.0))


def test_levels_and_intervals_are_those_of_statsmodels() -> None:
    candles = noisy_walk()
    found = fit_exponential_smoothing("EURUSD", candles, FLAT)
    theirs = ETSModel(pd.Series(np.log(candles.close)), error="add").fit(disp=False)
    assert 0.4 < found.smoothing < 0.8
    assert found.smoothing == pytest.approx(float(theirs.params.iloc[0]), rel=1e-6)
    np.testing.assert_allclose(found.level_at_close(candles)[200:], theirs.level.to_numpy()[200:], rtol=1e-9)
    forecasts = found.forecast(real_features(), candles, np.array([1499]), seed=0)
    frame = theirs.get_prediction(start=1500, end=1619, method="exact").summary_frame(alpha=0.05)
    bounds = frame[["pi_lower", "pi_upper"]].to_numpy()[forecasts.steps - 1]
    own = np.log(candles.close[1499]) + forecasts.values[0][:, [0, -1]]
    np.testing.assert_allclose(own, bounds, atol=1e-6)


def test_behind_a_hole_the_level_is_the_price() -> None:
    candles = without(noisy_walk(), 700, 800)
    levels = ExponentialSmoothing("EURUSD", FLAT, 0.1, 1e-3).level_at_close(candles)
    assert levels[[0, 700]].tolist() == np.log(candles.close[[0, 700]]).tolist()
    assert levels[701] == pytest.approx(0.9 * np.log(candles.close[700]) + 0.1 * np.log(candles.close[701]))


def test_a_short_span_is_refused() -> None:
    with pytest.raises(BadInputError, match=f"99 candles found; smoothing needs {FEWEST_CANDLES}"):
        fit_exponential_smoothing("EURUSD", noisy_walk(99), FLAT)
