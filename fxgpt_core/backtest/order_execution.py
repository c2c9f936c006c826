"""What a resting order does in a candle: a trade is closed, in whole or in part, or opened, as large as the margin allows."""

import math
from typing import NamedTuple

from fxgpt_core.backtest.order_account import (
    EXIT_CLOSE,
    EXIT_END,
    EXIT_OPPOSITE,
    EXIT_STOP,
    EXIT_TARGET,
    Book,
    Fill,
    Record,
    Records,
    Terms,
    charge,
    close_units,
    free_margin,
    open_trade,
    whole_units,
)
from fxgpt_core.backtest.order_fills import (
    Candle,
    Entered,
    Entry,
    candle_at,
    closed_at_market,
    entered,
    is_market,
    limit_reached,
    stop_reached,
)
from fxgpt_core.backtest.order_queue import A_LAST_CLOSE, A_STOP, A_TARGET, GONE, holds, set_stop, set_target
from fxgpt_core.backtest.order_stream import BUY
from fxgpt_core.compiled import inlined, uncounted
from fxgpt_core.market.fills import REASON_STOP, exit_in_candle


class Run(NamedTuple):
    """What is played, and what it is played into."""

    quotes: Records
    stream: Records
    terms: Terms
    book: Book


@inlined
def exit_trade(run: Run, order: Record, i: int) -> None:
    """Closes the trade of a close, stop or target, or a part of it, if candle `i` lets it."""
    if not holds(run.book, order):
        return
    trade = run.book.trades[order.owner]
    candle = candle_at(run.quotes, i)
    if order.kind in (A_STOP, A_TARGET):
        stop = trade.stop_loss if order.kind == A_STOP else math.nan
        target = trade.take_profit if order.kind == A_TARGET else math.nan
        price, touched = exit_in_candle(trade.side, candle.open, candle.high, candle.low, stop, target)
        if touched:
            reason = EXIT_STOP if order.kind == A_STOP else EXIT_TARGET
            close_units(run.book, run.terms, order.owner, trade.units, Fill(price, i), reason)
        return
    reason = EXIT_END if order.kind == A_LAST_CLOSE else EXIT_CLOSE
    order.kind = GONE
    fill = closed_at_market(candle, run.terms, i)
    close_units(run.book, run.terms, order.owner, min(order.units, trade.units), fill, reason)


@inlined
def entry_of(stream: Records, order: Record) -> Entry:
    """The entry that an order stands for; a stop that was reached in an earlier look is one no longer."""
    asked = stream[order.owner]
    side = 1 if asked.action == BUY else -1
    stop = math.nan if order.triggered else asked.stop
    # A record's `.size` is numpy's own.
    return Entry(side, asked["size"], asked.limit, stop, asked.stop_loss, asked.take_profit)


@inlined
def is_reached(run: Run, order: Record, entry: Entry, i: int) -> bool:
    """Whether candle `i` reaches the stop and the limit of an entry, as far as it has them; a stop is reached once for all."""
    candle = candle_at(run.quotes, i)
    if not math.isnan(entry.stop):
        if not stop_reached(entry, candle):
            return False
        order.triggered = 1
    return math.isnan(entry.limit) or limit_reached(entry, candle, run.terms)


@uncounted
def enter_trade(run: Run, order: Record, entry: Entry, i: int) -> bool:
    """Opens a trade for an entry reached in candle `i`; true when its stop and target are due in the same candle."""
    order.kind = GONE
    candle = candle_at(run.quotes, i)
    fill = entered(entry, candle, run.terms, i)
    units = _units_to_open(run, entry, fill, i)
    if units == 0:
        return False
    row = open_trade(run.book, run.terms, order.owner, entry.side * units, Fill(fill.paid, fill.candle), fill.price)
    if row < 0:
        return False
    set_target(run.book, row, entry.take_profit)
    set_stop(run.book, row, entry.stop_loss)
    if run.terms.entry_candle_stop and not is_market(entry):
        _exit_at_once(run, row, entry, candle, Fill(fill.price, i))
        return False
    return _bracket_is_due(entry, candle)


@uncounted
def _exit_at_once(run: Run, row: int, entry: Entry, candle: Candle, began: Fill) -> None:
    """Closes a limit or stop entry in the candle in which it `began`, if that touches its stop loss.

    The take profit counts for a stop order only: it lies beyond the stop in the same direction. A limit may be reached after it.
    """
    target = entry.take_profit if math.isnan(entry.limit) else math.nan
    price, touched = exit_in_candle(entry.side, began.price, candle.high, candle.low, entry.stop_loss, target)
    if touched:
        reason = EXIT_STOP if touched == REASON_STOP else EXIT_TARGET
        close_units(run.book, run.terms, row, run.book.trades[row].units, Fill(price, began.candle), reason)


@uncounted
def _units_to_open(run: Run, entry: Entry, fill: Entered, i: int) -> int:
    """Units left to open after trades of the other side are closed with them; 0 if the margin does not allow what is left."""
    # The fixed fee is divided by the size as ordered, a fraction too: backtesting.py takes it as a price of one unit.
    unit_cost = fill.paid + charge(run.terms, entry.size, fill.price) / entry.size
    units = _units_ordered(run, entry, fill, i, unit_cost)
    if units > 0 and not run.terms.hedging:
        units = _net(run, entry.side, units, Fill(fill.price, fill.candle))
    if units * unit_cost > _buying_power(run, fill, i):
        run.book.account.without_margin += 1
        return 0
    return units


@uncounted
def _units_ordered(run: Run, entry: Entry, fill: Entered, i: int, unit_cost: float) -> int:
    """Whole units as given, or as many as the fraction of the buying power pays for."""
    if entry.size >= 1.0:
        return int(entry.size)
    return whole_units(run.book, _buying_power(run, fill, i) * entry.size // unit_cost)


@uncounted
def _buying_power(run: Run, fill: Entered, i: int) -> float:
    """Free margin × leverage, with open trades marked at the close of the candle, or with `margin_at_fill` at this fill."""
    price = fill.price if run.terms.margin_at_fill else run.quotes[i].close
    return free_margin(run.book, price, run.terms.leverage) * run.terms.leverage


@uncounted
def _net(run: Run, side: int, units: int, fill: Fill) -> int:
    """Closes open trades of the other side, oldest first, with as many units, and returns what is left of them."""
    book, k = run.book, 0
    while units > 0 and k < book.account.n_open:
        row = book.open[k]
        if book.trades[row].side == side:
            k += 1
            continue
        closed = min(units, book.trades[row].units)
        close_units(book, run.terms, row, closed, fill, EXIT_OPPOSITE)
        units -= closed
    return units


@uncounted
def _bracket_is_due(entry: Entry, candle: Candle) -> bool:
    """Whether stop and target of an entry just filled are looked at in the same candle.

    Those of a market order are. Those of a stop order are if the candle touches the target, which lies beyond the stop in the
    same direction, and not the stop loss; in all other cases the path within the candle decides, and they wait for the next.
    """
    if math.isnan(entry.stop_loss) and math.isnan(entry.take_profit):
        return False
    if is_market(entry):
        return True
    if math.isnan(entry.stop) or not math.isnan(entry.limit):
        return False
    if entry.side > 0:
        return entry.take_profit <= candle.high and not entry.stop_loss >= candle.low
    return entry.take_profit >= candle.low and not entry.stop_loss <= candle.high
