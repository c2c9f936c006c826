"""What a backtest earned and what it risked: the result columns of the optimization tables, each finite and defined.

Periods are FX days (17:00 New York to 17:00 New York): a return is made of the equity at the last close of each day, the
first day starting from the cash. Ratios with nothing below the line are 0 if there is nothing above it either, and every
ratio is held within ± `RATIO_LIMIT`, so that a run without a loss does not become infinite.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.performance.cost_parts import costs_paid
from fxgpt_core.performance.daily import daily, fx_days_a_year, last_rows
from fxgpt_core.performance.played import Played
from fxgpt_core.performance.ratios import deviation, ratio
from fxgpt_core.performance.run_measures import Run, deepest_fall, run_measures

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
    days, trades = daily(result.equity, result.cash, candles), result.trades
    run = Run(
        profit=trades.profit,
        costs=costs_paid(trades),
        held_us=trades.exit_time_us - trades.entry_time_us,
        equity=result.equity,
        cash=float(result.cash),
        day_ends=last_rows(candles.fx_day),
        days_a_year=days.periods_a_year,
        risk_free_rate=float(risk_free_rate),
    )
    return metrics_of(run_measures(run))


def metrics_of(measures: FloatArray) -> Metrics:
    """The record of what `run_measures` tells."""
    values = zip(dataclasses.fields(Metrics), measures.tolist(), strict=True)
    return Metrics(*(int(value) if item.type is int or item.type == "int" else value for item, value in values))


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
    return deepest_fall(result.equity, float(result.cash))
