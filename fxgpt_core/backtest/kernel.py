"""The compiled loop: decisions and candles in, trades and equity out, equal to backtesting.py 0.6.6 to the last bit.

Per candle: pending close at the open → stop → target → entry at the open → stop → target (entry candle) → equity at the
close → decisions (time exit; else breakeven, trailing; else entry if flat and the daily-loss limit is not reached).
As in backtesting.py nothing happens on the first candle, and what is open after the last one is closed at its open. On the
last candle nothing is decided: no candle is left to act on.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled, inlined
from fxgpt_core.market.fills import (
    REASON_END,
    REASON_STOP,
    REASON_TIME,
    ExitPlan,
    bracket,
    bracket_holds,
    commission_paid,
    entry_price,
    exit_in_candle,
    margin_allows,
    realised,
    tightened_stop,
    time_is_up,
    unrealised,
)
from fxgpt_core.portfolio.sizing import daily_loss_reached, position_units

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Market(NamedTuple):
    """N candles: prices float64[N] in quote currency, `fx_day` int32[N]."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    fx_day: npt.NDArray[np.int32]


class Wishes(NamedTuple):
    """What was decided at each candle's close: side int64[N] (0: nothing), distances float64[N] in quote currency."""

    side: IntArray
    stop_distance: FloatArray
    target_distance: FloatArray
    risk_fraction: FloatArray


class Rules(NamedTuple):
    """Costs, account and limits of a run as plain numbers; fractions, not percent."""

    spread: float
    commission: float
    cash: float
    leverage: float
    max_margin_fraction: float
    max_candles: int
    daily_loss_limit: float


class Book(NamedTuple):
    """Room for one trade a candle, filled from the front; `profit` and `commission` in quote currency, both sides' commission."""

    entry_index: IntArray
    exit_index: IntArray
    side: npt.NDArray[np.int8]
    units: IntArray
    entry_price: FloatArray
    exit_price: FloatArray
    reason: npt.NDArray[np.int8]
    profit: FloatArray
    commission: FloatArray


class Held(NamedTuple):
    """The open position, or the order for the next open while `entry_index` is -1; `units` 0 means there is neither."""

    side: int
    units: int
    entry: float
    entry_index: int
    stop: float
    target: float
    stop_reason: int


class Exit(NamedTuple):
    """How a position ends: in which candle, at what price, for what reason code."""

    candle: int
    price: float
    reason: int


def empty_book(n: int) -> Book:
    """A book with room for `n` trades."""
    return Book(
        entry_index=np.empty(n, np.int64),
        exit_index=np.empty(n, np.int64),
        side=np.empty(n, np.int8),
        units=np.empty(n, np.int64),
        entry_price=np.empty(n),
        exit_price=np.empty(n),
        reason=np.empty(n, np.int8),
        profit=np.empty(n),
        commission=np.empty(n),
    )


@inlined
def _record(book: Book, n: int, held: Held, end: Exit, rate: float) -> float:
    """Writes trade number `n` and returns what it adds to the cash."""
    gross = realised(held.side, held.units, held.entry, end.price)
    at_exit = commission_paid(held.units, end.price, rate)
    both = at_exit + commission_paid(held.units, held.entry, rate)
    book.entry_index[n] = held.entry_index
    book.exit_index[n] = end.candle
    book.side[n] = held.side
    book.units[n] = held.units
    book.entry_price[n] = held.entry
    book.exit_price[n] = end.price
    book.reason[n] = end.reason
    book.profit[n] = gross - both
    book.commission[n] = both
    return gross - at_exit


@inlined
def _ordered(market: Market, wishes: Wishes, rules: Rules, i: int, equity: float) -> Held:
    """The order that the wish at candle `i` makes for the next open; no units if its bracket or size is impossible."""
    side = int(wishes.side[i])
    close = market.close[i]
    stop, target = bracket(side, close, wishes.stop_distance[i], wishes.target_distance[i])
    units = 0
    if bracket_holds(side, close, rules.spread, stop, target):
        units = position_units(
            equity, close, wishes.stop_distance[i], wishes.risk_fraction[i], rules.max_margin_fraction, rules.leverage
        )
    return Held(side, units, 0.0, -1, stop, target, REASON_STOP)


@inlined
def _exit(market: Market, held: Held, i: int, closing: bool) -> Exit:
    """How the position ends in candle `i`; reason 0 if it does not."""
    if closing:
        return Exit(i, market.open[i], REASON_TIME)
    price, reason = exit_in_candle(held.side, market.open[i], market.high[i], market.low[i], held.stop, held.target)
    return Exit(i, price, held.stop_reason if reason == REASON_STOP else reason)


@inlined
def _entered(market: Market, held: Held, rules: Rules, i: int, cash: float) -> Held:
    """The order as a position entered at the open of candle `i`, or nothing if the margin does not allow it."""
    buying_power = max(0.0, cash) * rules.leverage
    if not margin_allows(held.side, held.units, market.open[i], rules.spread, rules.commission, buying_power):
        return Held(0, 0, 0.0, -1, 0.0, 0.0, 0)
    price = entry_price(held.side, market.open[i], rules.spread)
    return Held(held.side, held.units, price, i, held.stop, held.target, held.stop_reason)


@inlined
def _managed(market: Market, held: Held, plan: ExitPlan, i: int) -> Held:
    """The position with its stop tightened by the close of candle `i`."""
    stop, reason = tightened_stop(held.side, held.entry, market.close[i], held.stop, held.stop_reason, plan)
    return Held(held.side, held.units, held.entry, held.entry_index, stop, held.target, reason)


@compiled
def play(market: Market, wishes: Wishes, rules: Rules, plan: ExitPlan, book: Book, equity: FloatArray) -> int:
    """Plays all candles: fills `book` and `equity` float64[N] (at each close) and returns the number of trades."""
    n, n_trades, rate = len(market.open), 0, rules.commission
    nothing = Held(0, 0, 0.0, -1, 0.0, 0.0, 0)
    held, closing = nothing, False
    cash = day_start = rules.cash
    equity[:] = rules.cash
    for i in range(1, n):
        if market.fx_day[i] != market.fx_day[i - 1]:
            day_start = equity[i - 1]
        if held.units > 0 and held.entry_index < 0:
            held = _entered(market, held, rules, i, cash)
            cash -= commission_paid(held.units, held.entry, rate)
        if held.units > 0:
            end = _exit(market, held, i, closing)
            if end.reason:
                cash += _record(book, n_trades, held, end, rate)
                n_trades, held, closing = n_trades + 1, nothing, False
        equity[i] = cash + unrealised(held.side, held.units, held.entry, market.close[i])
        if equity[i] <= 0.0:  # bust: the account is closed at the close and nothing is left
            if held.units > 0:
                _record(book, n_trades, held, Exit(i, market.close[i], REASON_END), rate)
                n_trades += 1
            equity[i:] = 0.0
            return n_trades
        if i == n - 1:
            break
        if held.units > 0:
            closing = time_is_up(i - held.entry_index + 1, rules.max_candles)
            if not closing:
                held = _managed(market, held, plan, i)
        elif wishes.side[i] != 0 and not daily_loss_reached(equity[i], day_start, rules.daily_loss_limit):
            held = _ordered(market, wishes, rules, i, equity[i])
    if held.units > 0:
        cash += _record(book, n_trades, held, Exit(n - 1, market.open[n - 1], REASON_END), rate)
        equity[n - 1] = max(cash, 0.0)
        n_trades += 1
    return n_trades
