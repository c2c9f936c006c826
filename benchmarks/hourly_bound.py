"""What no forecast of volatility alone can beat by much: a regression that was fitted on the test span itself.

`whole` knows how volatilities and every hour of the week went with the very outcomes it is scored on, and the quantiles of what
was left. `other_weeks` is scored on each eighth week after a fit on the seven others, before and behind it: what the same
volatilities are worth to somebody who knows most of the span, but not the answers.
"""

from dataclasses import dataclass
from typing import Final

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
from fxgpt_core.market.timeframes import DAY_US

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

WEEKS: Final = 8


@dataclass(frozen=True)
class Hindsight:
    """CRPS less that of the walk without season, as a share of that."""

    whole: float
    other_weeks: float


def hindsight(table: pl.DataFrame, candles: CandleArrays, volatility: Volatility, origins: IntArray) -> dict[str, Hindsight]:
    """The bounds at these origins, by horizon.

    Below `volatility_regression.FEWEST` origins only the quantiles are fitted.
    """
    forecasts = RandomWalk("any", volatility, seasonal=False).forecast(table, candles, origins, seed=0)
    outcome = realised(candles.close, candles.known_at_us, forecasts)
    theirs = crps(forecasts, outcome)
    columns = known_volatility(candles, volatility).relative[origins]
    hours = np.column_stack([columns, np.eye(HOURS_A_WEEK)[hour_of_week(candles.open_time_us[origins])]])
    week = candles.open_time_us[origins] // (7 * DAY_US) % WEEKS
    found = {}
    for name, step in horizon_steps(candles.timeframe).items():
        s = int(np.searchsorted(forecasts.steps, step))
        known = np.isfinite(outcome[:, s])
        y, scale = outcome[known, s : s + 1], forecasts.scale[known, s : s + 1]
        everything = np.ones(len(y), dtype=np.bool_)
        whole = _scores(hours[known], y, scale, everything, everything)
        apart = [_scores(columns[known], y, scale, week[known] != each, week[known] == each) for each in range(WEEKS)]
        walk = theirs[known, s].mean()
        found[name] = Hindsight(whole.mean() / walk - 1.0, np.concatenate(apart).mean() / walk - 1.0)
    return found


def _scores(
    columns: FloatArray, y: FloatArray, scale: FloatArray, learned: npt.NDArray[np.bool_], judged: npt.NDArray[np.bool_]
) -> FloatArray:
    """float64[M]: CRPS of the rows that are judged, by regression and quantiles of those that are learned from."""
    regression = fit_volatility_regression(columns[learned], y[learned] / scale[learned])
    own = scale * regression.factors(columns)
    quantiles = np.quantile(np.abs(y / own)[learned], np.abs(2.0 * LEVELS - 1.0)) * np.sign(LEVELS - 0.5)
    scores: FloatArray = quantile_crps((own[judged] * quantiles)[:, None, :], LEVELS, y[judged])[:, 0]
    return scores
