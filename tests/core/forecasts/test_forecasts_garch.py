"""GARCH-t against arch itself, on a planted process, and on what it cannot be fitted to."""

import numpy as np
import pytest
from arch import arch_model
from forecast_examples import candles_of_returns, real_features

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import realised
from fxgpt_core.forecasts.garch import FEWEST_RETURNS, Garch, fit_garch
from fxgpt_core.forecasts.paired import BETTER, paired_difference
from fxgpt_core.forecasts.random_walk import random_walk_like
from fxgpt_core.forecasts.scores import crps
from fxgpt_core.forecasts.volatility import HOURS_A_WEEK, Volatility

FLAT = Volatility(np.ones(HOURS_A_WEEK))
N_TRAIN = 5000


def planted(n: int = 9000, seed: int = 6) -> CandleArrays:
    """Candles whose returns are a GARCH(1,1)-t: omega 2e-8, alpha 0.1, beta 0.88, 5 degrees."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(5.0, n) * np.sqrt(3.0 / 5.0)
    returns, h = np.empty(n), 1e-6
    for i in range(n):
        returns[i] = np.sqrt(h) * shocks[i]
        h = 2e-8 + 0.1 * returns[i] ** 2 + 0.88 * h
    return candles_of_returns(returns)


@pytest.fixture(scope="module")
def candles() -> CandleArrays:
    return planted()


@pytest.fixture(scope="module")
def garch(candles: CandleArrays) -> Garch:
    return fit_garch("EURUSD", candles.slice(0, N_TRAIN), FLAT)


def test_its_parameters_are_archs_and_near_the_planted_ones(candles: CandleArrays, garch: Garch) -> None:
    returns = np.diff(np.log(candles.close[:N_TRAIN]))
    unit = returns.std()
    found = arch_model(returns / unit, mean="Zero", dist="t", rescale=False).fit(disp="off").params
    rule = garch.simulation
    np.testing.assert_allclose(
        [rule.omega / unit**2, rule.alpha, rule.beta], found[["omega", "alpha[1]", "beta[1]"]].to_numpy(), rtol=1e-4
    )
    assert rule.alpha == pytest.approx(0.1, abs=0.03)
    assert rule.beta == pytest.approx(0.88, abs=0.04)
    assert rule.shocks[-1] > 8.0  # five degrees; of a normal it would be 4.2


def test_its_variance_is_archs_conditional_variance_of_candles_behind_the_training_span(
    candles: CandleArrays, garch: Garch
) -> None:
    rule = garch.simulation
    returns = np.diff(np.log(candles.close))
    fixed = arch_model(1e3 * returns, mean="Zero", dist="t", rescale=False).fix([1e6 * rule.omega, rule.alpha, rule.beta, 5.0])
    # Variance at the close of candle t is that of candle t + 1; both began elsewhere, and have forgotten it.
    expected = (np.asarray(fixed.conditional_volatility) / 1e3) ** 2
    np.testing.assert_allclose(garch.variance_at_close(candles)[2000:-1], expected[2000:], rtol=1e-9)


def test_where_volatility_clusters_it_beats_the_random_walk(candles: CandleArrays, garch: Garch) -> None:
    origins = np.arange(N_TRAIN, 8800, dtype=np.int64)
    forecasts = garch.forecast(real_features(), candles, origins, seed=1)
    outcome = realised(candles.close, candles.known_at_us, forecasts)
    ours, theirs = crps(forecasts, outcome), crps(random_walk_like(forecasts), outcome)
    for step in (0, 3):
        assert paired_difference(ours[:, step], theirs[:, step], block=24, seed=1).verdict == BETTER


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_of_its_own_process_its_bands_cover_what_they_say(candles: CandleArrays, garch: Garch, coverage: float) -> None:
    origins = np.arange(N_TRAIN, 8800, dtype=np.int64)
    forecasts = garch.forecast(real_features(), candles, origins, seed=1)
    outcome = realised(candles.close, candles.known_at_us, forecasts)
    inside = (outcome >= forecasts.level((1.0 - coverage) / 2.0)) & (outcome <= forecasts.level((1.0 + coverage) / 2.0))
    # Outcomes of 24 candles overlap: 3,800 of them are some 160 cases.
    for step, tolerance in ((0, 0.02), (3, 0.03), (23, 0.08)):
        assert inside[:, step].mean() == pytest.approx(coverage, abs=tolerance)


def test_a_short_span_is_refused() -> None:
    with pytest.raises(BadInputError, match=f"499 candles found; GARCH needs {FEWEST_RETURNS}"):
        fit_garch("EURUSD", planted(499), FLAT)


def test_a_series_without_a_best_fit_is_refused() -> None:
    rare = candles_of_returns(np.where(np.arange(600) % 100 == 0, 1e-3, 0.0))
    with pytest.raises(BadInputError, match="found no maximum on 600 candles of EURUSD"):
        fit_garch("EURUSD", rare, FLAT)
