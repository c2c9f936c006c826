"""What a backtest earned and what it risked: the result columns of the optimization tables, each finite and defined.

Periods are FX days (17:00 New York to 17:00 New York): a return is made of the equity at the last close of each day, the
first day starting from the cash. Ratios with nothing below the line are 0 if there is nothing above it either, and every
ratio is held within ± `RATIO_LIMIT`, so that a run without a loss does not become infinite.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.compiled import compiled
from fxgpt_core.market.timeframes import HOUR_US
from fxgpt_core.performance.cost_parts import costs_paid, gross_profit
from fxgpt_core.performance.daily import daily, fx_days_a_year, last_rows
from fxgpt_core.performance.played import ClosedTrades, Played
from fxgpt_core.performance.ratios import deviation, held, mean, ratio

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Metrics:
    """The 17 result columns, then three more; money in the account's currency, `_pct` in percent, the other shares fractions.

    `max_drawdown` and `avg_loss` are positive. A trade wins if its profit after costs is positive and loses otherwise.
    `cost_ratio` is total costs over the gross profit before costs, in [0, 1]: 1 if costs took it all or there was none to
    take, 0 without costs or where more swap was earned than costs were paid. `n_periods` and `sharpe_per_period` count FX days.
    Without trades every measure of trades and every ratio is 0.
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

    Raises `BadInputError` when the equity curve and the candles differ in length, or the equity is not finite.
    """
    days = daily(result.equity, result.cash, candles)
    a_year = days.periods_a_year
    excess = days.returns - risk_free_rate / a_year
    drawdown, drawdown_fraction = max_drawdown(result)
    total = float(result.equity[-1] - result.cash) if len(result.equity) else 0.0
    traded = len(result.trades.profit) > 0
    sharpe = sharpe_of(excess) if traded else 0.0
    return Metrics(
        total_return=total,
        total_return_pct=100.0 * total / result.cash,
        sharpe_ratio=held(sharpe * math.sqrt(a_year)),
        sortino_ratio=held(_downside_ratio(excess) * math.sqrt(a_year)) if traded else 0.0,
        calmar_ratio=ratio(float(np.mean(days.returns)) * a_year, drawdown_fraction) if traded else 0.0,
        max_drawdown=drawdown,
        max_drawdown_pct=100.0 * drawdown_fraction,
        **_trade_measures(result.trades),
        n_periods=len(days.returns),
        sharpe_per_period=sharpe,
    )


def period_returns(result: Played, candles: CandleArrays) -> FloatArray:
    """float64[P]: the return of each FX day with a candle, as fractions; 0 for a day that began with no equity.

    Raises `BadInputError` when the equity curve and the candles differ in length, or the equity is not finite.
    """
    return daily(result.equity, result.cash, candles).returns


def periods_a_year(candles: CandleArrays) -> float:
    """FX days a year as measured on the candles: see `fx_days_a_year`."""
    return fx_days_a_year(candles.fx_day[last_rows(candles.fx_day)])


def sharpe_of(excess: FloatArray) -> float:
    """Sharpe ratio of one period: mean over sample deviation (ddof 1) of excess returns [P]; 0 if they do not vary."""
    spread = deviation(excess)
    return ratio(float(np.mean(excess)), spread) if spread > 0.0 else 0.0


def max_drawdown(result: Played) -> tuple[float, float]:
    """The deepest fall of the equity at closes from its peak so far: in the account's currency, and as a fraction of the peak."""
    return _deepest_fall(result.equity, float(result.cash))


@compiled
def _deepest_fall(equity: FloatArray, cash: float) -> tuple[float, float]:
    peak, money, fraction = cash, 0.0, 0.0
    for value in equity:
        peak = max(peak, value)
        money = max(money, peak - value)
        fraction = max(fraction, 1.0 - value / peak)
    return money, fraction


def _downside_ratio(excess: FloatArray) -> float:
    """Sortino ratio of one period: mean over the root mean square of the negative excess returns (Sortino and Price 1994)."""
    return ratio(float(np.mean(excess)), float(np.sqrt(np.mean(np.minimum(excess, 0.0) ** 2))))


def _trade_measures(trades: ClosedTrades) -> dict[str, Any]:
    profit, costs = trades.profit, costs_paid(trades)
    wins, losses = profit[profit > 0.0], profit[profit <= 0.0]
    n = len(profit)
    held_us = trades.exit_time_us - trades.entry_time_us
    cost_ratio = ratio(float(costs.sum()), gross_profit(profit + costs))
    return {
        "win_rate": len(wins) / n if n else 0.0,
        "profit_factor": ratio(float(wins.sum()), float(-losses.sum())),
        "total_trades": n,
        "winning_trades": len(wins),
        "losing_trades": len(losses),
        "avg_win": mean(wins),
        "avg_loss": -mean(losses) if len(losses) else 0.0,
        "expectancy": mean(profit),
        "total_costs": float(costs.sum()),
        "avg_holding_time_hrs": float(held_us.mean()) / HOUR_US if n else 0.0,
        "cost_ratio": min(max(cost_ratio, 0.0), 1.0),
    }
