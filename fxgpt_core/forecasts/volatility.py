"""The volatility a forecast may know: an exponential average of squared returns, after the hour-of-week season is taken out."""

import math
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import STEPS
from fxgpt_core.market.sessions import expected_open_times, hour_of_week, stretch_starts
from fxgpt_core.market.timeframes import DAY_US

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

HOURS_A_WEEK = 168
WARM_UP = 50
DECAY = 0.98
SLOW_DECAY = 0.998
# A dead market must not make the next ordinary candle a hundred-sigma event.
FLOOR_OF_SLOW = 0.15
SMALLEST = 1e-7
_SEASON_PRIOR = 8.0


@dataclass(frozen=True, eq=False)
class Volatility:
    """σ_t known at each close, times a season: `season` float64[168] by hour of the FX week, mean square 1 where fitted.

    `daily_break_minutes`: the market's pause after 17:00 New York, in which no candle is to come.
    """

    season: FloatArray
    decay: float = DECAY
    daily_break_minutes: int = 0

    def at_close(self, candles: CandleArrays) -> FloatArray:
        """float64[N]: standard deviation of the next log-return before its season; NaN for the first `WARM_UP` candles.

        RiskMetrics' recursion v_t = λ·v_{t-1} + (1−λ)·r_t², run forward one candle at a time, so that a value never depends
        on later candles.
        """
        squares = (log_returns(candles) / self.season[hour_of_week(candles.open_time_us)]) ** 2
        sigma = np.full(len(candles), np.nan)
        if len(candles) <= WARM_UP:
            return sigma
        fast = slow = sum(squares[1 : WARM_UP + 1].tolist()) / WARM_UP
        sigma[WARM_UP] = math.sqrt(fast) + SMALLEST
        for t, square in enumerate(squares[WARM_UP + 1 :].tolist(), start=WARM_UP + 1):
            fast = self.decay * fast + (1.0 - self.decay) * square
            slow = SLOW_DECAY * slow + (1.0 - SLOW_DECAY) * square
            sigma[t] = max(math.sqrt(fast), FLOOR_OF_SLOW * math.sqrt(slow)) + SMALLEST
        return sigma

    def ahead(self, candles: CandleArrays, sigma: FloatArray, origins: IntArray) -> FloatArray:
        """float64[N,24]: standard deviation of each of the next 24 candles' log-returns, for the candles at `origins`."""
        opens = next_open_times(candles, origins, self.daily_break_minutes)
        seasons = self.season[hour_of_week(opens.reshape(-1))].reshape(opens.shape)
        return sigma[origins][:, None] * seasons


def fit_volatility(candles: CandleArrays, decay: float = DECAY, daily_break_minutes: int = 0) -> Volatility:
    """The season of a training span: mean square return by hour of week over the mean square of all, shrunk towards 1.

    Raises `BadInputError` below `WARM_UP` candles and for a series whose price never moves.
    """
    if len(candles) <= WARM_UP:
        raise BadInputError(f"{len(candles)} candles found; volatility needs more than {WARM_UP}; give a longer training span")
    squares = log_returns(candles)[1:] ** 2
    if not squares.any():
        raise BadInputError(f"the close is {candles.close[0]} in all {len(candles)} candles; give a span in which it moves")
    hours = hour_of_week(candles.open_time_us[1:])
    counts = np.bincount(hours, minlength=HOURS_A_WEEK)
    sums = np.bincount(hours, weights=squares / squares.mean(), minlength=HOURS_A_WEEK)
    season = np.sqrt((sums + _SEASON_PRIOR) / (counts + _SEASON_PRIOR))
    season /= math.sqrt(float(np.average(season**2, weights=counts)))
    return Volatility(season, decay, daily_break_minutes)


def log_returns(candles: CandleArrays) -> FloatArray:
    """float64[N]: log(close[t] / close[t-1]); 0 for the first candle, and for the first behind a hole.

    What happened in days without candles is not the return of one: it would tell a season and a volatility that never were.
    """
    returns = np.zeros(len(candles))
    returns[1:] = np.diff(np.log(candles.close))
    returns[stretch_starts(candles.open_time_us, candles.timeframe)] = 0.0
    return returns


def next_open_times(candles: CandleArrays, origins: IntArray, daily_break_minutes: int = 0) -> IntArray:
    """int64[N,24]: open times of the next 24 candles by the FX calendar, for the candles at `origins`; holidays are not known.

    None opens in the `daily_break_minutes` after 17:00 New York.

    Raises `BadInputError` when no origin is asked.
    """
    if len(origins) == 0:
        raise BadInputError("no origin found; ask for the forecast of at least one candle")
    opens = candles.open_time_us[origins]
    timeframe = candles.timeframe
    # 24 daily candles span five weekends; a week more than the plain length is enough for every timeframe.
    reach = len(STEPS) * timeframe.us * 7 // 5 + 7 * DAY_US
    pause = timedelta(minutes=daily_break_minutes)
    calendar = expected_open_times(int(opens.min()) + 1, int(opens.max()) + reach, timeframe, pause)
    first = np.searchsorted(calendar, opens, side="right")
    ahead: IntArray = calendar[first[:, None] + np.arange(len(STEPS))]
    return ahead


def cumulative_scale(ahead: FloatArray) -> FloatArray:
    """float64[N,S]: random-walk standard deviation of the cumulative log-return, from that of each candle."""
    return np.sqrt(np.cumsum(ahead**2, axis=1))
