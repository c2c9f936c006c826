"""What a backtest earned and what it risked: the result columns of the optimization tables, each finite and defined.

Periods are FX days (17:00 New York to 17:00 New York): a return is made of the equity at the last close of each day, the
first day starting from the cash. Ratios with nothing below the line are 0 if there is nothing above it either, and every
ratio is held within ± `RATIO_LIMIT`, so that a run without a loss does not become infinite.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import HOUR_US

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
DayArray = npt.NDArray[np.int32]

RATIO_LIMIT = 100.0
WEEKDAYS_A_YEAR = 365.25 * 5.0 / 7.0


class ClosedTrades(Protocol):
    """The columns of closed trades that are measured: times in µs, money in quote currency, `profit` after all costs."""

    @property
    def entry_time_us(self) -> IntArray: ...  # noqa: D102
    @property
    def exit_time_us(self) -> IntArray: ...  # noqa: D102
    @property
    def profit(self) -> FloatArray: ...  # noqa: D102
    @property
    def commission(self) -> FloatArray: ...  # noqa: D102
    @property
    def spread_cost(self) -> FloatArray: ...  # noqa: D102


class Played(Protocol):
    """What a backtest leaves: trades, the equity float64[N] at each candle's close, and the cash it began with."""

    @property
    def trades(self) -> ClosedTrades: ...  # noqa: D102
    @property
    def equity(self) -> FloatArray: ...  # noqa: D102
    @property
    def cash(self) -> float: ...  # noqa: D102


@dataclass(frozen=True)
class Metrics:
    """The 17 result columns, then three more; money in quote currency, `_pct` in percent, `win_rate` and `cost_ratio` fractions.

    `max_drawdown` and `avg_loss` are positive. A trade wins if its profit after costs is positive and loses otherwise.
    `cost_ratio` is total costs over the gross profit before costs, in [0, 1]: 1 if costs took it all or there was none to
    take, 0 without costs. `n_periods` and `sharpe_per_period` count FX days. Without trades everything but `n_periods` is 0.
    """

    total_return: float
    total_return_pct: float
    sharpe_ratio: float
    sortino_ratio: float
    calmar_ratio: float
    max_drawdown: float
    max_drawdown_pct: float
    win_rate: float
    profit_factor: float
    total_trades: int
    winning_trades: int
    losing_trades: int
    avg_win: float
    avg_loss: float
    expectancy: float
    total_costs: float
    avg_holding_time_hrs: float
    cost_ratio: float
    n_periods: int
    sharpe_per_period: float

    def to_json(self) -> dict[str, float | int]:
        """The 20 numbers by name."""
        return dataclasses.asdict(self)


def metrics(result: Played, candles: CandleArrays, *, risk_free_rate: float = 0.0) -> Metrics:
    """All measures of a backtest over its candles; `risk_free_rate` is a fraction a year.

    Raises `BadInputError` when the equity curve and the candles differ in length.
    """
    day = candles.fx_day
    returns, a_year = _returns(result, day), _days_a_year(day)
    excess = returns - risk_free_rate / a_year
    drawdown, drawdown_fraction = max_drawdown(result)
    total = float(result.equity[-1] - result.cash) if len(result.equity) else 0.0
    traded = len(result.trades.profit) > 0
    sharpe = sharpe_of(excess) if traded else 0.0
    return Metrics(
        total_return=total,
        total_return_pct=100.0 * total / result.cash,
        sharpe_ratio=_held(sharpe * math.sqrt(a_year)),
        sortino_ratio=_held(_downside_ratio(excess) * math.sqrt(a_year)) if traded else 0.0,
        calmar_ratio=_ratio(float(np.mean(returns)) * a_year, drawdown_fraction) if traded else 0.0,
        max_drawdown=drawdown,
        max_drawdown_pct=100.0 * drawdown_fraction,
        **_trade_measures(result.trades),
        n_periods=len(returns),
        sharpe_per_period=sharpe,
    )


def period_returns(result: Played, candles: CandleArrays) -> FloatArray:
    """float64[P]: the return of each FX day with a candle, as fractions; 0 for a day that began with no equity.

    Raises `BadInputError` when the equity curve and the candles differ in length.
    """
    return _returns(result, candles.fx_day)


def periods_a_year(candles: CandleArrays) -> float:
    """FX days a year as measured: the share of weekdays that have candles × the weekdays of a year (about 261).

    Counting weekdays rather than hours makes a single week give the same number as a year.
    """
    return _days_a_year(candles.fx_day)


def _returns(result: Played, day: DayArray) -> FloatArray:
    if len(result.equity) != len(day):
        raise BadInputError(
            f"the equity has {len(result.equity)} points for {len(day)} candles; measure a run on its own candles"
        )
    if len(day) == 0:
        return np.empty(0)
    closing = result.equity[np.append(day[1:] != day[:-1], True)]
    opening = np.concatenate([[result.cash], closing[:-1]])
    returns: FloatArray = np.divide(closing - opening, opening, out=np.zeros(len(closing)), where=opening > 0.0)
    return returns


def _days_a_year(day: DayArray) -> float:
    if len(day) == 0:
        return WEEKDAYS_A_YEAR
    days = np.unique(day).astype("datetime64[D]")
    weekdays = int(np.busday_count(days[0], days[-1] + 1))
    return len(days) / max(weekdays, 1) * WEEKDAYS_A_YEAR


def sharpe_of(excess: FloatArray) -> float:
    """Sharpe ratio of one period: mean over sample deviation (ddof 1) of excess returns [P]; 0 if they do not vary."""
    # By the range: the deviation of equal numbers is not always 0 to the last digit.
    deviation = float(np.std(excess, ddof=1)) if len(excess) > 1 and np.ptp(excess) > 0.0 else 0.0
    return _ratio(float(np.mean(excess)), deviation) if deviation > 0.0 else 0.0


def max_drawdown(result: Played) -> tuple[float, float]:
    """The deepest fall of the equity at closes from its peak so far: in quote currency, and as a fraction of the peak."""
    equity = np.concatenate([[result.cash], result.equity])
    peak = np.maximum.accumulate(equity)
    return float(np.max(peak - equity)), float(np.max(1.0 - equity / peak))


def _downside_ratio(excess: FloatArray) -> float:
    """Sortino ratio of one period: mean over the root mean square of the negative excess returns (Sortino and Price 1994)."""
    return _ratio(float(np.mean(excess)), float(np.sqrt(np.mean(np.minimum(excess, 0.0) ** 2))))


def _trade_measures(trades: ClosedTrades) -> dict[str, Any]:
    profit, costs = trades.profit, trades.commission + trades.spread_cost
    wins, losses = profit[profit > 0.0], profit[profit <= 0.0]
    n = len(profit)
    before_costs = profit + costs
    held_us = trades.exit_time_us - trades.entry_time_us
    return {
        "win_rate": len(wins) / n if n else 0.0,
        "profit_factor": _ratio(float(wins.sum()), float(-losses.sum())),
        "total_trades": n,
        "winning_trades": len(wins),
        "losing_trades": len(losses),
        "avg_win": _mean(wins),
        "avg_loss": -_mean(losses) if len(losses) else 0.0,
        "expectancy": _mean(profit),
        "total_costs": float(costs.sum()),
        "avg_holding_time_hrs": float(held_us.mean()) / HOUR_US if n else 0.0,
        "cost_ratio": min(_ratio(float(costs.sum()), float(before_costs[before_costs > 0.0].sum())), 1.0),
    }


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else 0.0


def _ratio(above: float, below: float) -> float:
    if below > 0.0:
        return _held(above / below)
    return math.copysign(RATIO_LIMIT, above) if above != 0.0 else 0.0


def _held(ratio: float) -> float:
    return min(max(ratio, -RATIO_LIMIT), RATIO_LIMIT)
