"""Seasonal naive: the price will be what it was a week before, as far off as weeks have been."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import LEVELS, Forecasts, forecasts_at
from fxgpt_core.forecasts.horizons import horizon_steps, longest_step, steps_of
from fxgpt_core.forecasts.volatility import Volatility
from fxgpt_core.market.sessions import stretch_starts
from fxgpt_core.market.timeframes import Timeframe

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SeasonalNaive:
    """log close[t+k] = log close[t+k−w·period], for the fewest weeks w ≥ 1 that make it known at t, plus a past difference.

    `differences` float64[W,L]: quantiles at `LEVELS` of the difference of log closes over w periods, w = 1..W.
    """

    symbol: str
    volatility: Volatility
    differences: FloatArray
    name: str = "seasonal naive"

    def forecast(self, features: pl.DataFrame, candles: CandleArrays, origins: IntArray, *, seed: int) -> Forecasts:
        """Last week's price and empirical quantiles; `features` and `seed` are not needed.

        Raises `BadInputError` inside the warm-up, and for an origin with less than a week of candles in its stretch.
        """
        del features, seed
        scale = self.volatility.scale(candles, origins)
        period = week(candles.timeframe)
        unready = origins[origins - stretch_starts(candles.open_time_us, candles.timeframe)[origins] < period]
        if len(unready):
            raise BadInputError(
                f"origin {int(unready[0])} has less than {period} candles between it and the start or hole before it; "
                "the seasonal naive forecast needs a whole week; choose later origins"
            )
        steps = steps_of(candles.timeframe).astype(np.int64)
        weeks = -(-steps // period)
        logs = np.log(candles.close)
        before = logs[origins[:, None] + steps - weeks * period] - logs[origins][:, None]
        return forecasts_at(self.symbol, candles, origins, before[:, :, None] + self.differences[weeks - 1], scale)


def fit_seasonal_naive(symbol: str, candles: CandleArrays, volatility: Volatility) -> SeasonalNaive:
    """Differences of the candles of a training span over whole weeks, none across a hole.

    Raises `BadInputError` for a span without such a difference for the longest step.
    """
    period = week(candles.timeframe)
    logs, starts = np.log(candles.close), stretch_starts(candles.open_time_us, candles.timeframe)
    weeks = -(-longest_step(candles.timeframe) // period)
    differences = []
    for lag in range(period, (weeks + 1) * period, period):
        together = starts[lag:] == starts[:-lag]
        if not together.any():
            raise BadInputError(f"{len(candles)} candles have no stretch longer than {lag}; give a longer training span")
        differences.append(np.quantile((logs[lag:] - logs[:-lag])[together], LEVELS))
    return SeasonalNaive(symbol, volatility, np.array(differences))


def week(timeframe: Timeframe) -> int:
    """Candles of an FX week: 120 for 1h, 5 for 1d."""
    return horizon_steps(timeframe)["1w"]
