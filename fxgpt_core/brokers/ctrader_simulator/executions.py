"""Executions at a quote by the one fill rule: positions entered, increased, left in part or whole; what that books.

Prices of the fill rule are rounded to the symbol's digits, as a venue tells them; profits are those of the rounded prices.
"""

import math

from fxgpt_core.brokers.ctrader_simulator.book import CENT, Book, in_cents
from fxgpt_core.brokers.ctrader_simulator.codes import DealStatus, ExecutionKind, OrderStatus, OrderType, PositionStatus
from fxgpt_core.brokers.ctrader_simulator.records import (
    VOLUME_CENTS,
    ClosingDetail,
    VenueAccount,
    VenueDeal,
    VenueOrder,
    VenuePosition,
)
from fxgpt_core.brokers.ctrader_simulator.symbol_terms import SymbolTerms
from fxgpt_core.market.fills import REASON_NONE, REASON_SIGNAL, bought_above, realised
from fxgpt_core.market.positions import (
    LIMIT_ENTRY,
    MARKET,
    STOP_ENTRY,
    Candle,
    Held,
    Left,
    entered,
    opened_at,
    settled,
)

_KINDS = {
    OrderType.MARKET: MARKET,
    OrderType.MARKET_RANGE: MARKET,
    OrderType.LIMIT: LIMIT_ENTRY,
    OrderType.STOP: STOP_ENTRY,
    OrderType.STOP_LIMIT: LIMIT_ENTRY,
}


def plain_held(side: int, units: int, kind: int, level: float) -> Held:
    """An order or a position without stop and target, as the fill rule takes it."""
    never = -math.inf * side
    return Held(side, units, kind, 0, level, never, -never, REASON_NONE, 0.0, 0.0, 0.0, 0.0, 0.0, False)


def enter(book: Book, order: VenueOrder, volume: int, fill: tuple[float, float] | None = None) -> None:
    """Execute a part of an opening order; `fill` is price and spread before slippage, the market's where None.

    An order beyond the free margin, or a MARKET_RANGE order beyond its range, ends here and nothing is executed.
    """
    account, terms = book.accounts[order.account_id], book.symbols[order.ticket.symbol_id]
    candle, sign = book.candle(terms.symbol_id, account.currency), order.ticket.side.sign
    wished = plain_held(sign, volume // VOLUME_CENTS, _KINDS[order.ticket.type], 0.0)
    quoted = (opened_at(sign, candle), candle.open_spread) if fill is None else fill
    held = entered(candle, wished, book.fill_terms(account), quoted, book.free_margin(account.account_id) / CENT)
    price = terms.rounded(held.entry)
    if held.units == 0:
        end_order(book, order, OrderStatus.REJECTED, error_code="NOT_ENOUGH_MONEY")
    elif _is_beyond_range(order, price, terms):
        end_order(book, order, OrderStatus.CANCELLED)
    else:
        _book_entry(book, order, volume, price, -in_cents(held.commission))


def leave(book: Book, order: VenueOrder, volume: int, end: Left | None = None) -> None:
    """Execute a closing order on its position: at `end`, or at the market's price where None."""
    position, account = book.positions[order.position_id], book.accounts[order.account_id]
    terms, sign = book.symbols[position.symbol_id], position.side.sign
    candle = book.candle(position.symbol_id, account.currency)
    at_market = Left(opened_at(-sign, candle), REASON_SIGNAL, False, candle.open_spread)
    held = plain_held(sign, volume // VOLUME_CENTS, MARKET, position.price)
    trade = settled(candle, held, end or at_market, book.fill_terms(account), 0.0)
    price = terms.rounded(trade.exit_price)
    gross = in_cents(realised(sign, volume // VOLUME_CENTS, position.price, price) * candle.conversion)
    at_exit = -in_cents(trade.commission)
    detail = _settle(account, position, volume, (gross, at_exit, candle.conversion))
    deal = _deal(book, order, volume, price, (at_exit, detail))
    position.volume -= volume
    position.updated_us = book.now_us()
    if position.volume == 0:
        position.status, position.closed_us = PositionStatus.CLOSED, position.updated_us
        position.stop_loss = position.take_profit = None
        book.open.discard(position.position_id)
    _executed(book, order, deal)


def end_order(book: Book, order: VenueOrder, status: OrderStatus, *, error_code: str = "", is_server: bool = False) -> None:
    """End an order that is not executed any further, and tell it."""
    kinds = {
        OrderStatus.REJECTED: ExecutionKind.ORDER_REJECTED,
        OrderStatus.EXPIRED: ExecutionKind.ORDER_EXPIRED,
        OrderStatus.CANCELLED: ExecutionKind.ORDER_CANCELLED,
    }
    order.status, order.updated_us = status, book.now_us()
    book.waiting.discard(order.order_id)
    book.told(kinds[status], order, is_server=is_server, error_code=error_code)


def trigger_price(candle: Candle, sign: int, is_opposite: bool) -> float:
    """The side of a quote that triggers the stop of one who trades on `sign`: his own, or the other."""
    return candle.close + bought_above(-sign if is_opposite else sign, candle.spread)


def _is_beyond_range(order: VenueOrder, price: float, terms: SymbolTerms) -> bool:
    base, points = order.ticket.base_slippage_price, order.ticket.slippage_points
    if order.ticket.type is not OrderType.MARKET_RANGE or base is None or points is None:
        return False
    return order.ticket.side.sign * (price - base) > (points + 0.5) * terms.point


def _book_entry(book: Book, order: VenueOrder, volume: int, price: float, commission: int) -> None:
    position = book.positions[order.position_id]
    held = position.volume
    position.price = (position.price * held + price * volume) / (held + volume)
    position.volume, position.status = held + volume, PositionStatus.OPEN
    position.commission += commission
    position.updated_us = book.now_us()
    position.margin_rate = book.conversion(position.symbol_id, book.accounts[order.account_id].currency) * price
    if held == 0:
        position.opened_us = position.updated_us
    book.open.add(position.position_id)
    _executed(book, order, _deal(book, order, volume, price, (commission, None)))


def _settle(account: VenueAccount, position: VenuePosition, volume: int, end: tuple[int, int, float]) -> ClosingDetail:
    """Book the part of a position that is closed: its share of swap and commission, its profit, the balance."""
    gross, at_exit, conversion = end
    swap, at_entry = (_share(amount, volume, position.volume) for amount in (position.swap, position.commission))
    position.swap -= swap
    position.commission -= at_entry
    commission = at_entry + at_exit
    fee = -in_cents(abs(gross) / CENT * account.conversion_fee) if conversion != 1.0 else 0
    account.balance += gross + swap + commission + fee
    account.balance_version += 1
    return ClosingDetail(
        position.price, gross, swap, commission, fee, account.balance, account.balance_version, volume, conversion
    )


def _share(amount: int, part: int, whole: int) -> int:
    """What of an amount falls on a part; all that is left falls on the last one."""
    return amount if part >= whole else round(amount * part / whole)


def _deal(book: Book, order: VenueOrder, volume: int, price: float, end: tuple[int, ClosingDetail | None]) -> VenueDeal:
    now_us, rest = book.now_us(), order.remaining
    deal = VenueDeal(
        deal_id=book.numbers.take("deal"),
        order_id=order.order_id,
        position_id=order.position_id,
        account_id=order.account_id,
        symbol_id=order.ticket.symbol_id,
        side=order.ticket.side,
        volume=rest,
        filled_volume=volume,
        created_us=order.created_us,
        executed_us=now_us,
        status=DealStatus.FILLED if volume == rest else DealStatus.PARTIALLY_FILLED,
        price=price,
        commission=end[0],
        margin_rate=book.positions[order.position_id].margin_rate,
        closing=end[1],
    )
    book.deals[deal.deal_id] = deal
    return deal


def _executed(book: Book, order: VenueOrder, deal: VenueDeal) -> None:
    """Note an execution on its order, and tell it."""
    before = order.executed_volume
    mean = ((order.execution_price or 0.0) * before + deal.price * deal.filled_volume) / (before + deal.filled_volume)
    order.execution_price, order.executed_volume = mean, before + deal.filled_volume
    order.updated_us = deal.executed_us
    is_whole = order.remaining == 0
    if is_whole:
        order.status = OrderStatus.FILLED
        book.waiting.discard(order.order_id)
    is_server = order.is_stop_out or order.ticket.type is OrderType.STOP_LOSS_TAKE_PROFIT
    kind = ExecutionKind.ORDER_FILLED if is_whole else ExecutionKind.ORDER_PARTIAL_FILL
    book.told(kind, order, deal, is_server=is_server)
