"""What a quote and the passing of time cause: triggers, stops and targets, trailing, expiry, swap at 17:00 New York, stop-out."""

from dataclasses import replace
from typing import Final

import numpy as np

from fxgpt_core.brokers.ctrader_simulator.book import Book, in_cents
from fxgpt_core.brokers.ctrader_simulator.codes import ExecutionKind, OrderStatus, OrderType, PositionStatus, TriggerMethod
from fxgpt_core.brokers.ctrader_simulator.executions import end_order, leave, plain_held, trigger_price
from fxgpt_core.brokers.ctrader_simulator.orders import execute, stop_out
from fxgpt_core.brokers.ctrader_simulator.protection import follow_volume, trail
from fxgpt_core.brokers.ctrader_simulator.records import (
    VOLUME_CENTS,
    Execution,
    MarginCall,
    Refusal,
    VenueOrder,
    VenuePosition,
    VenueQuote,
)
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.fills import REASON_STOP
from fxgpt_core.market.positions import LIMIT_ENTRY, STAYS, STOP_ENTRY, Candle, Left, left, opened_at, reached
from fxgpt_core.market.swaps import swap_per_unit

MARGIN_CALL_LEVELS: Final = (1.0, 0.75, 0.6)
"""Equity over margin at which an account is warned."""
BETWEEN_CALLS_US: Final = 600 * 1_000_000
_OPPOSITE: Final = (TriggerMethod.OPPOSITE, TriggerMethod.DOUBLE_OPPOSITE)
_DOUBLE: Final = (TriggerMethod.DOUBLE_TRADE, TriggerMethod.DOUBLE_OPPOSITE)


def on_quote(book: Book, symbol_id: int, bid: float, ask: float) -> None:
    """Take a new price, tell it, and do everything it causes, in the order of the fill rule: exits, then entries.

    Raises `BadInputError` for a bid that is not above 0, or above the ask.
    """
    terms = book.terms(symbol_id)
    bid, ask = terms.rounded(bid), terms.rounded(ask)
    if not 0.0 < bid <= ask:
        raise BadInputError(f"a quote of {bid} / {ask} found; the bid is above 0 and not above the ask; correct the prices")
    before = book.quotes.get(symbol_id)
    now_us = book.now_us()
    if before is not None:
        _pay_swaps(book, before, now_us)
    quote = VenueQuote(symbol_id, bid, ask, now_us)
    book.quotes[symbol_id] = quote
    book.tell(quote)
    on_time(book)
    if not terms.is_open(now_us):
        return
    held = _held_in(book, symbol_id)
    for position in held:
        _touch_protection(book, position)
    for order_id in sorted(book.waiting):
        if book.orders[order_id].ticket.symbol_id == symbol_id:
            _touch_pending(book, book.orders[order_id])
    for account_id in sorted({position.account_id for position in (*held, *_held_in(book, symbol_id))}):
        check_margin(book, account_id)


def _held_in(book: Book, symbol_id: int) -> list[VenuePosition]:
    return [book.positions[one] for one in sorted(book.open) if book.positions[one].symbol_id == symbol_id]


def on_time(book: Book) -> None:
    """End what has expired."""
    now_us = book.now_us()
    for order_id in sorted(book.waiting):
        order = book.orders[order_id]
        if order.expires_us is not None and now_us >= order.expires_us:
            end_order(book, order, OrderStatus.EXPIRED)


def check_margin(book: Book, account_id: int) -> None:
    """Warn an account of its margin level, and close its positions, the largest margin first, where that is at the stop-out."""
    account = book.accounts[account_id]
    while True:
        held = book.positions_of(account_id)
        try:
            margin, equity = book.used_margin(account_id), book.equity(account_id)
        except Refusal:
            # Without a price for a conversion nothing is known of the margin; the next quote asks again.
            return
        if not held or margin == 0:
            return
        level = equity / margin
        if level > account.stop_out:
            _call_for_margin(book, account_id, level)
            return
        stop_out(book, max(held, key=lambda one: book.margin_of(one.symbol_id, one.volume, one.side, account)))


def _call_for_margin(book: Book, account_id: int, level: float) -> None:
    account, now_us = book.accounts[account_id], book.now_us()
    reached_levels = [limit for limit in MARGIN_CALL_LEVELS if level <= limit]
    if reached_levels and now_us - account.last_margin_call_us >= BETWEEN_CALLS_US:
        account.last_margin_call_us = now_us
        book.tell(MarginCall(account_id, min(reached_levels), now_us))


def _touch_protection(book: Book, position: VenuePosition) -> None:
    """Execute the protective order of a position where the quote touches its stop or target, else let the stop trail."""
    if position.protection_id is None or position.status is not PositionStatus.OPEN:
        return
    order = book.orders[position.protection_id]
    candle = book.candle(position.symbol_id, book.accounts[position.account_id].currency)
    end = _end_of(book, position, candle)
    if end.reason:
        leave(book, order, position.volume, end)
        follow_volume(book, position)
    else:
        trail(book, position)


def _end_of(book: Book, position: VenuePosition, candle: Candle) -> Left:
    sign, account = position.side.sign, book.accounts[position.account_id]
    held = plain_held(sign, position.volume // VOLUME_CENTS, 0, position.price)
    target = held.target if position.take_profit is None else position.take_profit
    held = held._replace(target=target)
    if position.trigger_method is TriggerMethod.TRADE:
        stop = held.stop if position.stop_loss is None else position.stop_loss
        return left(candle, held._replace(stop=stop, stop_reason=REASON_STOP), book.fill_terms(account))
    end = left(candle, held, book.fill_terms(account))
    if end.reason or position.stop_loss is None:
        return end
    seen = trigger_price(candle, -sign, position.trigger_method in _OPPOSITE)
    position.touches = position.touches + 1 if sign * (seen - position.stop_loss) <= 0.0 else 0
    if position.touches < (2 if position.trigger_method in _DOUBLE else 1):
        return STAYS
    return Left(opened_at(-sign, candle), REASON_STOP, False, candle.spread)


def _touch_pending(book: Book, order: VenueOrder) -> None:
    """Execute a pending order where the quote reaches its price."""
    ticket, account = order.ticket, book.accounts[order.account_id]
    sign = ticket.side.sign
    try:
        candle = book.candle(ticket.symbol_id, account.currency)
    except Refusal:
        # No price converts its currency yet: an order waits for that as well.
        return
    terms = book.fill_terms(account)
    if ticket.type is OrderType.LIMIT:
        wished = plain_held(sign, order.remaining // VOLUME_CENTS, LIMIT_ENTRY, order.limit_price or 0.0)
        fill = reached(candle, wished, terms)
        if fill[0] > 0.0:
            execute(book, order, fill=fill)
    elif ticket.type is OrderType.STOP and _is_triggered(order, candle):
        wished = plain_held(sign, order.remaining // VOLUME_CENTS, STOP_ENTRY, order.stop_price or 0.0)
        fill = reached(candle, wished, terms)
        # Triggered by the other side of the quote, the market may be on this side of the stop: then it fills at the market.
        execute(book, order, fill=fill if fill[0] > 0.0 else None)
    elif ticket.type is OrderType.STOP_LIMIT:
        _touch_stop_limit(book, order, candle)


def _touch_stop_limit(book: Book, order: VenueOrder, candle: Candle) -> None:
    terms, sign = book.symbols[order.ticket.symbol_id], order.ticket.side.sign
    if not order.is_triggered and _is_triggered(order, candle):
        order.is_triggered = True
    if not order.is_triggered:
        return
    limit = (order.stop_price or 0.0) + sign * (order.slippage_points or 0) * terms.point
    market = opened_at(sign, candle)
    if sign * (market - limit) <= terms.point / 2:
        execute(book, order, fill=(market, candle.spread))


def _is_triggered(order: VenueOrder, candle: Candle) -> bool:
    sign, method = order.ticket.side.sign, order.ticket.trigger_method
    seen = trigger_price(candle, sign, method in _OPPOSITE)
    order.touches = order.touches + 1 if sign * (seen - (order.stop_price or 0.0)) >= 0.0 else 0
    return order.touches >= (2 if method in _DOUBLE else 1)


def _pay_swaps(book: Book, before: VenueQuote, now_us: int) -> None:
    """Charge the nights between two quotes of a symbol to what is held in it, by the quote before."""
    held = _held_in(book, before.symbol_id)
    if now_us <= before.time_us or not held:
        return
    terms = book.symbols[before.symbol_id]
    times = np.array([before.time_us, now_us], dtype=np.int64)
    rates = swap_per_unit(times, np.array([before.bid, before.bid]), terms.symbol, book.charges.swap)
    for position in held:
        paid = float(rates[0 if position.side.sign > 0 else 1][1])
        if paid == 0.0:
            continue
        conversion = book.conversion(before.symbol_id, book.accounts[position.account_id].currency)
        position.swap -= in_cents(paid * position.volume / VOLUME_CENTS * conversion)
        position.updated_us = now_us
        order = None if position.protection_id is None else book.orders[position.protection_id]
        _tell_swap(book, position, order)


def _tell_swap(book: Book, position: VenuePosition, order: VenueOrder | None) -> None:
    copy = None if order is None else replace(order)
    book.tell(Execution(position.account_id, ExecutionKind.SWAP, copy, replace(position), is_server=True))
