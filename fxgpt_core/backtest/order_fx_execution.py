"""What a resting order of the book does in a candle of FX quotes, compiled; fills are those of `positions`."""

import math
from typing import NamedTuple

from fxgpt_core.backtest.order_account import (
    EXIT_CLOSE,
    EXIT_OPPOSITE,
    EXIT_STOP,
    EXIT_TARGET,
    Record,
    whole_units,
)
from fxgpt_core.backtest.order_fills import Entry, is_market
from fxgpt_core.backtest.order_fx_account import FxRun, enter, free_margin, held_of, leave
from fxgpt_core.backtest.order_fx_margin import watch_margin
from fxgpt_core.backtest.order_queue import A_STOP, A_TARGET, GONE, holds, set_stop, set_target
from fxgpt_core.compiled import inlined, uncounted
from fxgpt_core.market.fills import (
    REASON_NONE,
    REASON_SIGNAL,
    REASON_STOP,
    REASON_TARGET,
    bought_above,
    commission_paid,
    impact_of,
    slippage_of,
)
from fxgpt_core.market.positions import (
    LIMIT_ENTRY,
    MARKET,
    STOP_ENTRY,
    Candle,
    Held,
    Left,
    entered,
    left,
    left_on_entry,
    opened_at,
    reached,
)


class Met(NamedTuple):
    """At what price, before slippage, a candle meets an entry (0: it does not), as what kind of order, and the spread then."""

    kind: int
    price: float
    spread: float


NOT_MET = Met(MARKET, 0.0, 0.0)


@inlined
def _bid(side: int, met: Met) -> float:
    return met.price - bought_above(side, met.spread)


@uncounted
def exit_trade(run: FxRun, order: Record, candle: Candle) -> None:
    """Closes the trade of a close, stop or target, or a part of it, if the candle lets it."""
    if not holds(run.book, order):
        return
    trade = run.book.trades[order.owner]
    if order.kind not in (A_STOP, A_TARGET):
        order.kind = GONE
        end = Left(opened_at(-trade.side, candle), REASON_SIGNAL, False, candle.open_spread)
        leave(run, order.owner, min(order.units, trade.units), candle, end, EXIT_CLOSE)
        return
    stop = trade.stop_loss if order.kind == A_STOP else math.nan
    target = trade.take_profit if order.kind == A_TARGET else math.nan
    end = left(candle, held_of(trade, MARKET, stop, target), run.fills)
    if end.reason != REASON_NONE:
        leave(run, order.owner, trade.units, candle, end, EXIT_STOP if order.kind == A_STOP else EXIT_TARGET)
        watch_margin(run, candle, end.price - bought_above(-trade.side, end.spread), end.spread)


@uncounted
def take_profits_at_open(run: FxRun, candle: Candle) -> None:
    """Closes the trades whose take profit the candle opens beyond, oldest first: they have reached it before all else."""
    book, k = run.book, 0
    while k < book.account.n_open:
        row = book.open[k]
        trade = book.trades[row]
        if trade.side * (opened_at(-trade.side, candle) - trade.take_profit) >= 0.0:
            end = Left(trade.take_profit, REASON_TARGET, False, candle.open_spread)
            leave(run, row, trade.units, candle, end, EXIT_TARGET)
        else:
            k += 1


@uncounted
def enter_trade(run: FxRun, order: Record, entry: Entry, candle: Candle) -> None:
    """Opens a trade for an entry that the candle reaches, and closes it again if the candle of its entry does."""
    met = _met(run, order, entry, candle)
    if met.price == 0.0:
        return
    order.kind = GONE
    units = _units_ordered(run, entry, candle, met)
    if met.kind == STOP_ENTRY and _slips_beyond(run, entry, units, met):
        met = Met(LIMIT_ENTRY, entry.limit, met.spread)
    if units > 0 and not run.rules.hedging:
        units = _net(run, entry.side, units, candle, met)
    row = _open(run, order.owner, entry, units, candle, met) if units > 0 else -1
    if met.kind != MARKET:
        _watch_entry(run, row, entry.side, candle, met)


@inlined
def _ordered(entry: Entry, kind: int, units: int, level: float) -> Held:
    """An entry as the fill rule takes it: an order of a kind, for units, at a level."""
    return Held(
        entry.side, units, kind, 0, level, entry.stop_loss, entry.take_profit, REASON_STOP, 0.0, 0.0, 0.0, 0.0, 0.0, False
    )  # fmt: skip


@inlined
def _reached(run: FxRun, entry: Entry, candle: Candle, kind: int, level: float) -> Met:
    price, spread = reached(candle, _ordered(entry, kind, 0, level), run.fills)
    return Met(kind, price, spread)


@uncounted
def _met(run: FxRun, order: Record, entry: Entry, candle: Candle) -> Met:
    """How the candle meets an entry.

    A stop-limit order is a stop order where its stop is reached, if its limit allows that price; else it is a limit order, in
    the same candle if the open has reached its stop, and from the next one on otherwise.
    """
    if is_market(entry):
        return _reached(run, entry, candle, MARKET, 0.0)
    if not math.isnan(entry.stop):
        met = _reached(run, entry, candle, STOP_ENTRY, entry.stop)
        if met.price == 0.0 or not entry.side * (met.price - entry.limit) > 0.0:
            return met
        order.triggered = 1
        if entry.side * (opened_at(entry.side, candle) - entry.stop) < 0.0:
            return NOT_MET
    return _reached(run, entry, candle, LIMIT_ENTRY, entry.limit)


@inlined
def _slips_beyond(run: FxRun, entry: Entry, units: int, met: Met) -> bool:
    """Whether slippage would carry a stop-limit order beyond its limit, at which it is filled then."""
    worse = slippage_of(met.spread, run.fills) + impact_of(units, met.spread, run.fills)
    return entry.side * (met.price - entry.limit) + worse > 0.0


@uncounted
def _units_ordered(run: FxRun, entry: Entry, candle: Candle, met: Met) -> int:
    """Whole units as given, or as many as the fraction of the buying power pays for with their costs but for impact."""
    if entry.size >= 1.0:
        return int(entry.size)
    free = free_margin(run, candle, _bid(entry.side, met), met.spread)
    price = met.price + (slippage_of(met.spread, run.fills) if met.kind != LIMIT_ENTRY else 0.0)
    unit_cost = price + commission_paid(1, price, run.fills.commission) + run.fills.unit_commission / candle.conversion
    return whole_units(run.book, max(0.0, free / candle.conversion) * run.fills.leverage * entry.size // unit_cost)


@uncounted
def _net(run: FxRun, side: int, units: int, candle: Candle, met: Met) -> int:
    """Closes open trades of the other side, oldest first, with as many units, and returns what is left of them.

    A limit order does not slip: it closes as a target does.
    """
    book, k = run.book, 0
    end = Left(met.price, REASON_TARGET if met.kind == LIMIT_ENTRY else REASON_SIGNAL, False, met.spread)
    while units > 0 and k < book.account.n_open:
        row = book.open[k]
        if book.trades[row].side == side:
            k += 1
            continue
        closed = min(units, book.trades[row].units)
        leave(run, row, closed, candle, end, EXIT_OPPOSITE)
        units -= closed
    return units


@uncounted
def _open(run: FxRun, instruction: int, entry: Entry, units: int, candle: Candle, met: Met) -> int:
    """The row of the trade that an entry opens, or -1 if the margin does not allow it."""
    free = free_margin(run, candle, _bid(entry.side, met), met.spread)
    held = entered(candle, _ordered(entry, met.kind, units, met.price), run.fills, (met.price, met.spread), free)
    if held.units == 0:
        run.book.account.without_margin += 1
        return -1
    row = enter(run, instruction, held)
    if row >= 0:
        set_target(run.book, row, entry.take_profit)
        set_stop(run.book, row, entry.stop_loss)
    return row


@uncounted
def _watch_entry(run: FxRun, row: int, side: int, candle: Candle, met: Met) -> None:
    """What the rest of a candle does after a limit or stop order has filled in it and opened the trade at `row`, or none (-1)."""
    if row < 0:
        watch_margin(run, candle, _bid(side, met), met.spread)
        return
    trade = run.book.trades[row]
    watch_margin(run, candle, trade.entry_price - bought_above(side, candle.spread), candle.spread)
    if trade.is_open:
        end = left_on_entry(candle, held_of(trade, met.kind, trade.stop_loss, trade.take_profit), run.fills)
        if end.reason != REASON_NONE:
            leave(run, row, trade.units, candle, end, EXIT_TARGET if end.reason == REASON_TARGET else EXIT_STOP)
            watch_margin(run, candle, end.price - bought_above(-side, end.spread), end.spread)
