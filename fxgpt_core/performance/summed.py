"""The result columns of many runs at once, from what each added up as it went: no list of trades, no equity curve."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import HOUR_US
from fxgpt_core.performance.daily import days_a_year
from fxgpt_core.performance.ratios import RATIO_LIMIT

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

ROUNDING = 1e-12
"""A variance below this share of the mean square is what subtracting two sums leaves of equal returns."""


class SummedRuns(Protocol):
    """What K sets added up on F windows, of accounts that began with `cash`; `of` gives float64[K,F] by a sum's name."""

    @property
    def cash(self) -> float: ...  # noqa: D102
    def of(self, name: str, /) -> FloatArray: ...  # noqa: D102


def measures_of_sums(runs: SummedRuns, candles: CandleArrays, windows: IntArray) -> dict[str, FloatArray]:
    """float64[K,F] of each field of `Metrics`, by its name: what `metrics` tells of each run, to rounding, without interest.

    `windows` int64[F,2] are first and last row + 1 of each. Returns of a set that hardly vary (deviation below 1e-6 of their
    size) count as equal. Raises `BadInputError` where the windows are not those of the runs.
    """
    days = runs.of("days")
    if days.shape[-1] != len(windows):
        raise BadInputError(f"sums of {days.shape[-1]} windows and {len(windows)} windows found; give those that were played")
    first, last = (candles.fx_day[rows].astype("datetime64[D]") for rows in (windows[:, 0], windows[:, 1] - 1))
    a_year = days_a_year(days, np.busday_count(first, last + 1))
    return _return_measures(runs, a_year) | _trade_measures(runs)


def _return_measures(runs: SummedRuns, a_year: FloatArray) -> dict[str, FloatArray]:
    days, traded = runs.of("days"), runs.of("trades") > 0.0
    mean = runs.of("sum_returns") / days
    sharpe = np.where(traded, _ratio(mean, _deviation(runs)), 0.0)
    downside = np.where(traded, _ratio(mean, np.sqrt(runs.of("sum_squares_below") / days)), 0.0)
    total, fraction = runs.of("final_equity") - runs.cash, runs.of("drawdown_fraction")
    return {
        "total_return": total,
        "total_return_pct": 100.0 * total / runs.cash,
        "sharpe_ratio": _held(sharpe * np.sqrt(a_year)),
        "sortino_ratio": _held(downside * np.sqrt(a_year)),
        "calmar_ratio": np.where(traded, _ratio(mean * a_year, fraction), 0.0),
        "max_drawdown": runs.of("drawdown"),
        "max_drawdown_pct": 100.0 * fraction,
        "n_periods": days,
        "sharpe_per_period": sharpe,
    }


def _deviation(runs: SummedRuns) -> FloatArray:
    """Sample deviation (ddof 1) of the daily returns; infinite where they do not vary, which makes a ratio to it 0."""
    days, squares = runs.of("days"), runs.of("sum_squares")
    left = squares - runs.of("sum_returns") ** 2 / days
    varies = (days > 1.0) & (left > ROUNDING * squares)
    variance = np.divide(left, days - 1.0, out=np.full(days.shape, np.inf), where=varies)
    deviation: FloatArray = np.sqrt(variance)
    return deviation


def _trade_measures(runs: SummedRuns) -> dict[str, FloatArray]:
    trades, wins, gains, losses = (runs.of(name) for name in ("trades", "wins", "gains", "losses"))
    lost, costs = trades - wins, runs.of("costs")
    return {
        "win_rate": _mean(wins, trades),
        "profit_factor": _ratio(gains, losses),
        "total_trades": trades,
        "winning_trades": wins,
        "losing_trades": lost,
        "avg_win": _mean(gains, wins),
        "avg_loss": _mean(losses, lost),
        "expectancy": _mean(gains - losses, trades),
        "total_costs": costs,
        "avg_holding_time_hrs": _mean(runs.of("held_us"), trades) / HOUR_US,
        "cost_ratio": np.clip(_ratio(costs, runs.of("gains_before_costs")), 0.0, 1.0),
    }


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """`ratios.ratio` of arrays."""
    nothing_below = np.copysign(RATIO_LIMIT, above) * (above != 0.0)
    with np.errstate(over="ignore"):
        return _held(np.divide(above, below, out=nothing_below, where=below > 0.0))


def _held(values: FloatArray) -> FloatArray:
    """`ratios.held` of an array."""
    return np.clip(values, -RATIO_LIMIT, RATIO_LIMIT)


def _mean(total: FloatArray, n: FloatArray) -> FloatArray:
    """`total` / `n`; 0 of nothing."""
    return np.divide(total, n, out=np.zeros(total.shape), where=n > 0.0)
