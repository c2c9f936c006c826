"""What a stretch of a backtest came to: the numbers by which a stressed run is compared with one that is not."""

import math
from dataclasses import dataclass, fields, replace

import numpy as np

from fxgpt_core.backtest.engine import BacktestResult, Trades
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.daily import daily
from fxgpt_core.performance.measures import max_drawdown, sharpe_of
from fxgpt_core.performance.ratios import held

SHARPE_DAYS = 20
"""FX days below which a Sharpe ratio says nothing and is not given."""


@dataclass(frozen=True)
class StressNumbers:
    """A stretch of candles, seen from the equity at the close before it; money in the account's currency.

    `trades` closed in it and `worst_trade` among them, after costs (None without one); the rest is of the equity at closes, open
    positions included. `kept_pct`: the lowest equity over that before. `sharpe_ratio` annual, None below `SHARPE_DAYS` FX days.
    `was_held`: a position was held in one of its candles. `bust`: the equity fell to 0 or below.
    """

    trades: int
    net_profit: float
    return_pct: float
    max_drawdown_pct: float
    sharpe_ratio: float | None
    worst_trade: float | None
    kept_pct: float
    was_held: bool
    bust: bool


def equity_before(result: BacktestResult, row: int) -> float:
    """The equity at the close before a candle; before the first one the cash."""
    return float(result.equity[row - 1]) if row > 0 else result.cash


def numbers_in(candles: CandleArrays, result: BacktestResult, rows: slice) -> StressNumbers:
    """The numbers of the candles `rows` of a run; raises `BadInputError` for no candle, or if nothing was left before them."""
    before, equity = equity_before(result, rows.start), result.equity[rows]
    if len(equity) == 0 or not before > 0.0:
        raise BadInputError(
            f"{len(equity)} candles with an equity of {before} before them found; at least one candle and an equity above 0 are "
            "needed; choose another stretch"
        )
    trades, lowest = result.trades, float(np.min(equity, initial=before))
    closed = _chosen(trades, (trades.exit_index >= rows.start) & (trades.exit_index < rows.stop))
    part = replace(result, trades=closed, equity=equity, cash=before)
    return StressNumbers(
        trades=len(closed),
        net_profit=float(equity[-1]) - before,
        return_pct=100.0 * (float(equity[-1]) / before - 1.0),
        max_drawdown_pct=100.0 * max_drawdown(part)[1],
        sharpe_ratio=_sharpe(part, candles.slice(rows.start, rows.stop)),
        worst_trade=float(closed.profit.min()) if len(closed) else None,
        kept_pct=100.0 * lowest / before,
        was_held=bool(((trades.entry_index < rows.stop) & (trades.exit_index >= rows.start)).any()),
        bust=lowest <= 0.0,
    )


def _sharpe(part: BacktestResult, candles: CandleArrays) -> float | None:
    days = daily(part.equity, part.cash, candles)
    if len(days.day) < SHARPE_DAYS:
        return None
    return held(sharpe_of(days.returns) * math.sqrt(days.periods_a_year))


def _chosen(trades: Trades, mask: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Trades:
    return Trades(**{item.name: getattr(trades, item.name)[mask] for item in fields(trades)})
