"""The volatility a forecast may know: an exponential average of squared returns, after the hour-of-week season is taken out."""

import math
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.compiled import compiled
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.horizons import longest_step, steps_of
from fxgpt_core.market.sessions import expected_open_times, hour_of_week, stretches
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
        return _followed(self.deseasonalised(candles) ** 2, self.decays)

    @property
    def decays(self) -> FloatArray:
        """float64[2]: of the average that σ_t is the root of, and of the slow one that it does not fall far below."""
        return np.array([self.decay, SLOW_DECAY])

    def ahead(self, candles: CandleArrays, sigma: FloatArray, origins: IntArray) -> FloatArray:
        """float64[N,T]: standard deviation of the log-return of each of the next T tokens, for the candles at `origins`.

        Raises `BadInputError` when no origin is asked.
        """
        calendar, first = calendar_ahead(candles, origins, self.daily_break_minutes)
        season = token_sums(self.season[hour_of_week(calendar)] ** 2, first, steps_of(candles.timeframe))
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


@compiled
def _followed(squares: FloatArray, decays: FloatArray) -> FloatArray:
    """float64[N]: `deviation` at each close, of squared deseasonalised returns float64[N]; NaN for the first `WARM_UP`."""
    sigma = np.full(len(squares), np.nan)
    if len(squares) > WARM_UP:
        averages = first_averages(squares, decays)
        sigma[WARM_UP] = deviation(averages)
        for i in range(WARM_UP + 1, len(squares)):
            renew(averages, decays, squares[i])
            sigma[i] = deviation(averages)
    return sigma


@compiled
def first_averages(values: FloatArray, decays: FloatArray) -> FloatArray:
    """float64[J]: what exponential averages are at row `WARM_UP`: the mean of the values behind the first up to there."""
    return np.full(len(decays), values[1 : WARM_UP + 1].mean())


@compiled
def renew(averages: FloatArray, decays: FloatArray, value: float) -> None:
    """Exponential averages float64[J] one value later, each by its decay."""
    for j in range(len(decays)):
        averages[j] = decays[j] * averages[j] + (1.0 - decays[j]) * value


@compiled
def deviation(averages: FloatArray) -> float:
    """σ_t from averages of squared returns, by `Volatility.decays`."""
    sigma: float = max(math.sqrt(averages[0]), FLOOR_OF_SLOW * math.sqrt(averages[1])) + SMALLEST
    return sigma


@compiled
def token_sums(values: FloatArray, first: IntArray, steps: npt.NDArray[np.int32]) -> FloatArray:
    """float64[N,T]: sums of values float64[C] over each token's candles, from the rows `first` int64[N] on.

    Each begins at its own first row, so that it does not depend on where the values do. `steps` int32[T]: where tokens end.
    Raises `IndexError` when the values end before the last token.
    """
    found = np.zeros((len(first), len(steps)))
    for i in range(len(first)):
        if first[i] + steps[-1] > len(values):
            raise IndexError("the values end before the last token")
        begin = 0
        for token in range(len(steps)):
            for candle in range(begin, steps[token]):
                found[i, token] += values[first[i] + candle]
            begin = steps[token]
    return found


def log_returns(candles: CandleArrays) -> FloatArray:
    """float64[N]: log(close[t] / close[t-1]); 0 for the first candle, and for the first behind a hole.

    What happened in days without candles is not the return of one: it would tell a season and a volatility that never were.
    """
    returns = np.zeros(len(candles))
    logs = np.log(candles.close)
    returns[1:] = logs[1:] - logs[:-1]
    returns[stretches(candles.open_time_us, candles.timeframe)] = 0.0
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
