"""The volatility a forecast may know: an exponential average of squared returns, after the hour-of-week season is taken out."""

import math
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
from numba import njit

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.horizons import longest_step, steps_of
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
_UNITS = 2.0**36


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
        return self.of_squares(self.deseasonalised(candles) ** 2)

    def of_squares(self, squares: FloatArray) -> FloatArray:
        """float64[N]: `at_close` of candles whose squared deseasonalised returns are float64[N]."""
        sigma = np.full(len(squares), np.nan)
        if len(squares) <= WARM_UP:
            return sigma
        fast, slow = np.sqrt(exponential_averages(squares, np.array([self.decay, SLOW_DECAY]), WARM_UP)).T
        sigma[WARM_UP:] = np.maximum(fast, FLOOR_OF_SLOW * slow) + SMALLEST
        return sigma

    def ahead(self, candles: CandleArrays, sigma: FloatArray, origins: IntArray) -> FloatArray:
        """float64[N,T]: standard deviation of the log-return of each of the next T tokens, for the candles at `origins`.

        Raises `BadInputError` when no origin is asked.
        """
        calendar, first = calendar_ahead(candles, origins, self.daily_break_minutes)
        # Counted in whole units: sums of integers do not depend on where the calendar starts, so a forecast never does.
        squares = np.rint(self.season[hour_of_week(calendar)] ** 2 * _UNITS).astype(np.int64)
        total = np.concatenate(([0], np.cumsum(squares)))
        edges = np.concatenate(([0], steps_of(candles.timeframe)))
        season = np.diff(total[first[:, None] + edges], axis=1) / _UNITS
        return sigma[origins][:, None] * np.sqrt(season)

    def scale(self, candles: CandleArrays, origins: IntArray) -> FloatArray:
        """float64[N,T]: random-walk standard deviation of the cumulative log-return to the end of each token.

        Raises `BadInputError` for an origin inside the warm-up, and when none is asked.
        """
        scale = cumulative_scale(self.ahead(candles, self.at_close(candles), origins))
        unknown = origins[~np.isfinite(scale).all(axis=1)]
        if len(unknown):
            raise BadInputError(f"origin {int(unknown[0])} has no known volatility yet; start after the warm-up")
        return scale

    def season_ahead(self, candles: CandleArrays, origins: IntArray) -> FloatArray:
        """float64[N,K]: the season of each candle to the longest step. Raises `BadInputError` when no origin is asked."""
        calendar, first = calendar_ahead(candles, origins, self.daily_break_minutes)
        seasons: FloatArray = self.season[hour_of_week(calendar)][first[:, None] + np.arange(longest_step(candles.timeframe))]
        return seasons

    def deseasonalised(self, candles: CandleArrays) -> FloatArray:
        """float64[N]: log-returns over their season; 0 where `log_returns` is."""
        return log_returns(candles) / self.season[hour_of_week(candles.open_time_us)]

    def standardised(self, candles: CandleArrays) -> FloatArray:
        """float64[N]: log-returns over season and deviation known before them; NaN while that is not known."""
        known = np.concatenate(([np.nan], self.at_close(candles)[:-1]))
        return self.deseasonalised(candles) / known


def fit_volatility(candles: CandleArrays, decay: float = DECAY, daily_break_minutes: int = 0) -> Volatility:
    """The season of a training span: mean size of returns by hour of week over that of all, shrunk towards 1.

    Of sizes (Andersen & Bollerslev 1997), not of squares: one shock would be most of an hour's mean square. Raises
    `BadInputError` below `WARM_UP` candles and for a series whose price never moves.
    """
    if len(candles) <= WARM_UP:
        raise BadInputError(f"{len(candles)} candles found; volatility needs more than {WARM_UP}; give a longer training span")
    sizes = np.abs(log_returns(candles)[1:])
    if not sizes.any():
        raise BadInputError(f"the close is {candles.close[0]} in all {len(candles)} candles; give a span in which it moves")
    hours = hour_of_week(candles.open_time_us[1:])
    counts = np.bincount(hours, minlength=HOURS_A_WEEK)
    sums = np.bincount(hours, weights=sizes / sizes.mean(), minlength=HOURS_A_WEEK)
    season = (sums + _SEASON_PRIOR) / (counts + _SEASON_PRIOR)
    season /= math.sqrt(float(np.average(season**2, weights=counts)))
    return Volatility(season, decay, daily_break_minutes)


@njit(cache=True, nogil=True)
def exponential_averages(values: FloatArray, decays: FloatArray, first: int) -> FloatArray:
    """float64[M,J]: exponential averages of values float64[N] by each of the decays float64[J], at the rows from `first` on.

    They start at row `WARM_UP`, which `first` may not precede, with the mean of the values behind the first up to there.
    """
    now = np.full(len(decays), values[1 : WARM_UP + 1].mean())
    found = np.empty((len(values) - first, len(decays)))
    for i in range(WARM_UP, len(values)):
        for j in range(len(decays)):
            if i > WARM_UP:
                now[j] = decays[j] * now[j] + (1.0 - decays[j]) * values[i]
            if i >= first:
                found[i - first, j] = now[j]
    return found


def log_returns(candles: CandleArrays) -> FloatArray:
    """float64[N]: log(close[t] / close[t-1]); 0 for the first candle, and for the first behind a hole.

    What happened in days without candles is not the return of one: it would tell a season and a volatility that never were.
    """
    returns = np.zeros(len(candles))
    returns[1:] = np.diff(np.log(candles.close))
    returns[stretch_starts(candles.open_time_us, candles.timeframe)] = 0.0
    return returns


def calendar_ahead(candles: CandleArrays, origins: IntArray, daily_break_minutes: int = 0) -> tuple[IntArray, IntArray]:
    """Open times int64[C] by the FX calendar, holidays not known, and int64[N]: where in them each origin's next candle is.

    The calendar reaches the longest step behind the last origin; none opens in the `daily_break_minutes` after 17:00 New York.
    Raises `BadInputError` when no origin is asked.
    """
    if len(origins) == 0:
        raise BadInputError("no origin found; ask for the forecast of at least one candle")
    opens, timeframe = candles.open_time_us[origins], candles.timeframe
    # A path may span weekends, and daily breaks; two weeks more than the plain length is enough for every timeframe.
    reach = longest_step(timeframe) * timeframe.us * 7 // 5 + 14 * DAY_US
    pause = timedelta(minutes=daily_break_minutes)
    calendar = expected_open_times(int(opens.min()) + 1, int(opens.max()) + reach, timeframe, pause)
    return calendar, np.searchsorted(calendar, opens, side="right").astype(np.int64)


def cumulative_scale(ahead: FloatArray) -> FloatArray:
    """float64[N,T]: random-walk standard deviation of the cumulative log-return, from that of each token."""
    return np.sqrt(np.cumsum(ahead**2, axis=1))
