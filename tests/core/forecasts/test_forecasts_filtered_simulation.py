"""Filtered historical simulation: its residuals against pandas, its shape against a planted one."""

import numpy as np
import pandas as pd
import pytest
from forecast_examples import candles_of_returns, real_features

from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.filtered_simulation import FEWEST_RESIDUALS, fit_filtered_simulation
from fxgpt_core.forecasts.forecast import LEVELS, realised
from fxgpt_core.forecasts.volatility import DECAY, HOURS_A_WEEK, WARM_UP, Volatility

FLAT = Volatility(np.ones(HOURS_A_WEEK))


def skewed(n: int) -> np.ndarray:
    """Returns whose falls are larger and rarer than their rises, mean 0."""
    return 1e-3 * (1.5 - np.random.default_rng(8).gamma(1.5, size=n))


def test_one_step_is_the_volatility_of_now_times_the_residuals_of_the_past() -> None:
    returns = skewed(4000)
    candles = candles_of_returns(returns)
    found = fit_filtered_simulation("EURUSD", candles.slice(0, 3000), FLAT)
    squares = returns**2
    seeded = pd.Series(np.concatenate(([squares[1 : WARM_UP + 1].mean()], squares[WARM_UP + 1 :])))
    sigma = np.sqrt(seeded.ewm(alpha=1.0 - DECAY, adjust=False).mean().to_numpy())  # from the close of WARM_UP on
    residuals = returns[WARM_UP + 1 : 3000] / sigma[: 3000 - WARM_UP - 1]
    expected = sigma[3500 - WARM_UP] * np.quantile(residuals - residuals.mean(), LEVELS)
    values = found.forecast(real_features(), candles, np.array([3500]), seed=1).values[0, 0]
    np.testing.assert_allclose(values, expected, atol=0.01 * sigma[3500 - WARM_UP])


def test_a_planted_skew_is_in_its_bands() -> None:
    candles = candles_of_returns(skewed(9000))
    found = fit_filtered_simulation("EURUSD", candles.slice(0, 5000), FLAT)
    forecasts = found.forecast(real_features(), candles, np.arange(5000, 8800, dtype=np.int64), seed=1)
    outcome = realised(candles.close, candles.known_at_us, forecasts)
    for step, tolerance in ((0, 0.02), (3, 0.04)):
        for level in (0.05, 0.5, 0.95):
            assert (outcome < forecasts.level(level))[:, step].mean() == pytest.approx(level, abs=tolerance)
    tails = forecasts.level(0.05)[:, 0] + forecasts.level(0.95)[:, 0]
    assert (tails < -0.5 * forecasts.scale[:, 0]).all()  # the lower tail reaches further


def test_a_volatility_that_is_too_small_is_made_good_by_the_spread_of_the_residuals() -> None:
    candles = candles_of_returns(np.random.default_rng(9).normal(0.0, 1e-3, 3000))
    found = fit_filtered_simulation("EURUSD", candles, Volatility(np.full(HOURS_A_WEEK, 1.0)))
    assert found.spread == pytest.approx(1.0, abs=0.05)
    assert np.mean(found.simulation.shocks**2) == pytest.approx(1.0)
    assert (found.simulation.omega, found.simulation.alpha + found.simulation.beta) == (0.0, 1.0)


def test_a_short_span_is_refused() -> None:
    candles = candles_of_returns(skewed(WARM_UP + FEWEST_RESIDUALS))
    with pytest.raises(BadInputError, match=f"499 residuals found; filtered simulation needs {FEWEST_RESIDUALS}"):
        fit_filtered_simulation("EURUSD", candles, FLAT)
