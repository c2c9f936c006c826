"""The baselines at other timeframes than an hour: all steps, and on independent returns nearly the random walk."""

from collections.abc import Callable
from functools import cache

import numpy as np
import polars as pl
import pytest

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.forecasts.filtered_simulation import fit_filtered_simulation
from fxgpt_core.forecasts.forecaster import Forecaster
from fxgpt_core.forecasts.garch import fit_garch
from fxgpt_core.forecasts.horizons import steps_of
from fxgpt_core.forecasts.random_walk import RandomWalk
from fxgpt_core.forecasts.volatility import Volatility, fit_volatility
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe

N = 4000
FIRST_US = 1_577_923_200_000_000  # 2020-01-02 00:00 UTC


@cache
def independent(timeframe: Timeframe) -> CandleArrays:
    opens = expected_open_times(FIRST_US, FIRST_US + 2 * N * timeframe.us + 30 * DAY_US, timeframe)[:N]
    close = np.exp(np.cumsum(np.random.default_rng(2).normal(0.0, 1e-3, N)))
    return CandleArrays(opens, close, close, close, close, np.ones(N), timeframe)


@pytest.mark.parametrize("timeframe", [Timeframe.M15, Timeframe.H4, Timeframe.D1])
@pytest.mark.parametrize("fit", [fit_garch, fit_filtered_simulation])
def test_of_independent_normal_returns_they_say_what_the_random_walk_says(
    timeframe: Timeframe, fit: Callable[[str, CandleArrays, Volatility], Forecaster]
) -> None:
    candles, origins = independent(timeframe), np.arange(3000, 3900, 10, dtype=np.int64)
    volatility = fit_volatility(candles)
    found = fit("EURUSD", candles, volatility).forecast(pl.DataFrame(), candles, origins, seed=1)
    walk = RandomWalk("EURUSD", volatility).forecast(pl.DataFrame(), candles, origins, seed=1)
    assert found.steps.tolist() == steps_of(timeframe).tolist()
    assert found.scale.tobytes() == walk.scale.tobytes()
    for level in (0.1, 0.25, 0.75, 0.9):
        ratio = found.level(level).mean(axis=0) / walk.level(level).mean(axis=0)
        np.testing.assert_allclose(ratio, 1.0, atol=0.12)
