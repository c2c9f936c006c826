"""Stop and target of an open position: one protective order of the server's own, set, replaced, trailed and removed."""

from fxgpt_core.brokers.ctrader_simulator.book import Book
from fxgpt_core.brokers.ctrader_simulator.codes import ExecutionKind, OrderStatus, OrderType, PositionStatus
from fxgpt_core.brokers.ctrader_simulator.executions import end_order
from fxgpt_core.brokers.ctrader_simulator.records import (
    OrderTicket,
    Protection,
    Refusal,
    StopTrailed,
    VenueOrder,
    VenuePosition,
)
from fxgpt_core.brokers.ctrader_simulator.validation import require_digits, require_levels
from fxgpt_core.market.fills import bought_above

RELATIVE = 1e-5


def amend_position(book: Book, account_id: int, position_id: int, wanted: Protection) -> None:
    """Give a position these levels and no others: a level left out is removed. Raises `Refusal`."""
    position = book.open_position(account_id, position_id)
    terms = book.symbols[position.symbol_id]
    require_digits(terms, wanted.stop_loss, wanted.take_profit)
    quote = book.quote(position.symbol_id)
    exit_price = quote.bid if position.side.sign > 0 else quote.ask
    require_levels(terms, position.side, exit_price, wanted.stop_loss, wanted.take_profit)
    if wanted.trailing_stop and wanted.stop_loss is None:
        raise Refusal("INVALID_REQUEST", "Trailing stop loss needs a stop loss", position_id=position_id)
    set_protection(book, position, wanted, is_server=False)


def protect_as_ordered(book: Book, order: VenueOrder) -> None:
    """Set the levels that an opening order asked for, the relative ones from the price of its execution."""
    position = book.positions[order.position_id]
    if position.status is not PositionStatus.OPEN:
        return
    if position.protection_id is not None:
        follow_volume(book, position)
        return
    terms, sign = book.symbols[position.symbol_id], position.side.sign
    fill = order.execution_price or position.price
    stop, target = order.stop_loss, order.take_profit
    if order.relative_stop_loss is not None:
        stop = terms.rounded(fill - sign * order.relative_stop_loss * RELATIVE)
    if order.relative_take_profit is not None:
        target = terms.rounded(fill + sign * order.relative_take_profit * RELATIVE)
    if stop is not None or target is not None:
        wanted = Protection(stop, target, order.trailing_stop, order.ticket.trigger_method)
        set_protection(book, position, wanted, is_server=True)


def set_protection(book: Book, position: VenuePosition, wanted: Protection, *, is_server: bool) -> None:
    """Make the protective order hold these levels: accept, replace or cancel it."""
    position.stop_loss, position.take_profit = wanted.stop_loss, wanted.take_profit
    position.trigger_method, position.touches = wanted.trigger_method, 0
    position.updated_us = book.now_us()
    position.trailing_distance = _distance(book, position) if wanted.trailing_stop else None
    order = None if position.protection_id is None else book.orders[position.protection_id]
    if wanted.stop_loss is None and wanted.take_profit is None:
        if order is not None:
            position.protection_id = None
            end_order(book, order, OrderStatus.CANCELLED, is_server=is_server)
        return
    kind = ExecutionKind.ORDER_ACCEPTED if order is None else ExecutionKind.ORDER_REPLACED
    order = order or _protective_order(book, position)
    _carry_levels(order, position)
    book.told(kind, order, is_server=is_server)


def follow_volume(book: Book, position: VenuePosition) -> None:
    """Bring the protective order to the volume that is left of its position."""
    if position.protection_id is None:
        return
    order = book.orders[position.protection_id]
    if position.status is PositionStatus.CLOSED:
        position.protection_id = None
        if order.status is OrderStatus.ACCEPTED:
            end_order(book, order, OrderStatus.CANCELLED, is_server=True)
    elif order.volume != position.volume:
        _carry_levels(order, position)
        order.updated_us = book.now_us()
        book.told(ExecutionKind.ORDER_REPLACED, order, is_server=True)


def trail(book: Book, position: VenuePosition) -> None:
    """Let a trailing stop follow the price, and tell it."""
    if position.trailing_distance is None or position.stop_loss is None or position.protection_id is None:
        return
    quote, sign = book.quote(position.symbol_id), position.side.sign
    price = quote.bid + bought_above(-sign, quote.ask - quote.bid)
    level = book.symbols[position.symbol_id].rounded(price - sign * position.trailing_distance)
    if sign * (level - position.stop_loss) <= 0.0:
        return
    position.stop_loss, position.updated_us = level, book.now_us()
    _carry_levels(book.orders[position.protection_id], position)
    moved = StopTrailed(position.account_id, position.position_id, position.protection_id, level, position.updated_us)
    book.tell(moved)


def _distance(book: Book, position: VenuePosition) -> float | None:
    if position.stop_loss is None:
        return None
    quote, sign = book.quote(position.symbol_id), position.side.sign
    return sign * (quote.bid + bought_above(-sign, quote.ask - quote.bid) - position.stop_loss)


def _protective_order(book: Book, position: VenuePosition) -> VenueOrder:
    ticket = OrderTicket(
        position.symbol_id,
        OrderType.STOP_LOSS_TAKE_PROFIT,
        position.side.opposite,
        position.volume,
        position_id=position.position_id,
        trigger_method=position.trigger_method,
    )
    order = VenueOrder(
        order_id=book.numbers.take("order"),
        account_id=position.account_id,
        ticket=ticket,
        volume=position.volume,
        position_id=position.position_id,
        created_us=book.now_us(),
        updated_us=book.now_us(),
        is_closing=True,
    )
    book.orders[order.order_id] = order
    position.protection_id = order.order_id
    return order


def _carry_levels(order: VenueOrder, position: VenuePosition) -> None:
    order.stop_price, order.limit_price = position.stop_loss, position.take_profit
    order.trailing_stop = position.trailing_distance is not None
    order.volume, order.updated_us = position.volume, position.updated_us
