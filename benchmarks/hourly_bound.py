"""What no forecast of volatility alone can beat by much: a regression that was fitted on the test span itself.

It knows how volatilities and every hour of the week went with the outcomes it is scored on, and the quantiles of what was left.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.forecasts.forecast import LEVELS, realised
from fxgpt_core.forecasts.horizons import horizon_steps
from fxgpt_core.forecasts.random_walk import RandomWalk
from fxgpt_core.forecasts.relative_volatility import known_volatility
from fxgpt_core.forecasts.scores import crps, quantile_crps
from fxgpt_core.forecasts.volatility import HOURS_A_WEEK, Volatility
from fxgpt_core.forecasts.volatility_regression import fit_volatility_regression
from fxgpt_core.market.sessions import hour_of_week

IntArray = npt.NDArray[np.int64]


def hindsight(table: pl.DataFrame, candles: CandleArrays, volatility: Volatility, origins: IntArray) -> dict[str, float]:
    """By horizon: CRPS of the regression fitted on these origins, less that of the walk without season, as a share of that.

    Below `volatility_regression.FEWEST` origins only the quantiles are fitted.
    """
    forecasts = RandomWalk("any", volatility, seasonal=False).forecast(table, candles, origins, seed=0)
    outcome = realised(candles.close, candles.known_at_us, forecasts)
    theirs = crps(forecasts, outcome)
    hours = np.eye(HOURS_A_WEEK)[hour_of_week(candles.open_time_us[origins])]
    columns = np.column_stack([known_volatility(candles, volatility).relative[origins], hours])
    found = {}
    for name, step in horizon_steps(candles.timeframe).items():
        s = int(np.searchsorted(forecasts.steps, step))
        known = np.isfinite(outcome[:, s])
        y, scale = outcome[known, s : s + 1], forecasts.scale[known, s : s + 1]
        own = scale * fit_volatility_regression(columns[known], y / scale).factors(columns[known])
        quantiles = np.quantile(np.abs(y / own), np.abs(2.0 * LEVELS - 1.0)) * np.sign(LEVELS - 0.5)
        mine = quantile_crps((own * quantiles)[:, None, :], LEVELS, y).mean()
        found[name] = float(mine / theirs[known, s].mean() - 1.0)
    return found
