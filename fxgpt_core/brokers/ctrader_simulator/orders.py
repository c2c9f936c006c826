"""Commands on orders and positions: accepted, executed, changed, cancelled, closed. Each raises `Refusal` as a venue does."""

from dataclasses import replace

from fxgpt_core.brokers.ctrader_simulator.book import Book
from fxgpt_core.brokers.ctrader_simulator.codes import (
    AccessRights,
    ExecutionKind,
    OrderStatus,
    OrderType,
    PositionStatus,
    TimeInForce,
    TradingMode,
)
from fxgpt_core.brokers.ctrader_simulator.executions import end_order, enter, leave
from fxgpt_core.brokers.ctrader_simulator.protection import follow_volume, protect_as_ordered
from fxgpt_core.brokers.ctrader_simulator.records import OrderChange, OrderTicket, Refusal, VenueOrder, VenuePosition
from fxgpt_core.brokers.ctrader_simulator.validation import (
    AT_MARKET,
    require_change,
    require_open_market,
    require_order,
    require_volume,
)


def accept(book: Book, account_id: int, ticket: OrderTicket) -> VenueOrder:
    """Take a new order, its position created without volume; on a position of the other side it closes. Raises `Refusal`.

    The same client order id is taken as often as it is sent.
    """
    if ticket.position_id is not None:
        position = book.open_position(account_id, ticket.position_id)
        if position.symbol_id != ticket.symbol_id:
            raise Refusal("INVALID_REQUEST", "The position is of another symbol", position_id=ticket.position_id)
        if position.side is not ticket.side:
            return accept_close(book, account_id, position.position_id, ticket.volume, ticket)
    require_order(book, book.account(account_id), ticket)
    order = _new_order(book, account_id, ticket, ticket.position_id or _new_position(book, account_id, ticket))
    book.told(ExecutionKind.ORDER_ACCEPTED, order)
    return order


def accept_close(book: Book, account_id: int, position_id: int, volume: int, ticket: OrderTicket | None = None) -> VenueOrder:
    """Take a market order that closes `volume` of a position. Raises `Refusal`."""
    position, account = book.open_position(account_id, position_id), book.account(account_id)
    terms = book.symbols[position.symbol_id]
    if account.rights in (AccessRights.NO_TRADING, AccessRights.NO_LOGIN):
        raise Refusal("TRADING_DISABLED", f"Trading is disabled for the account: {account.rights.name}")
    if terms.mode not in (TradingMode.ENABLED, TradingMode.CLOSE_ONLY_MODE):
        raise Refusal("TRADING_DISABLED", f"Trading of symbol {terms.symbol.name} is disabled: {terms.mode.name}")
    if not 0 < volume <= position.volume:
        raise Refusal(
            "TRADING_BAD_VOLUME",
            f"Close volume = {volume / 100:.2f} is out of range (0.00, {position.volume / 100:.2f}]",
            position_id=position_id,
        )
    if volume != position.volume:
        require_volume(terms, volume)
    require_open_market(book, terms)
    book.quote(position.symbol_id)
    wished = ticket or OrderTicket(position.symbol_id, OrderType.MARKET, position.side.opposite, volume)
    order = _new_order(book, account_id, replace(wished, position_id=position_id), position_id)
    order.is_closing = True
    book.told(ExecutionKind.ORDER_ACCEPTED, order)
    return order


def execute(book: Book, order: VenueOrder, volume: int | None = None, fill: tuple[float, float] | None = None) -> None:
    """Execute an accepted order, or `volume` of it; where its position is gone meanwhile it is cancelled."""
    if order.status is not OrderStatus.ACCEPTED:
        return
    wanted = order.remaining if volume is None else min(volume, order.remaining)
    position = book.positions[order.position_id]
    if position.status is PositionStatus.CLOSED:
        end_order(book, order, OrderStatus.CANCELLED)
    elif order.is_closing:
        leave(book, order, min(wanted, position.volume))
        follow_volume(book, position)
        if order.status is OrderStatus.ACCEPTED and volume is None:
            end_order(book, order, OrderStatus.CANCELLED)
    else:
        enter(book, order, wanted, fill)
        protect_as_ordered(book, order)


def fill_at_once(book: Book, order: VenueOrder) -> None:
    """What follows at once when an order is accepted: orders at the market are executed, so is a limit the market is beyond."""
    ticket = order.ticket
    if ticket.type in AT_MARKET or order.is_closing:
        execute(book, order)
    elif ticket.type is OrderType.LIMIT:
        quote, sign = book.quote(ticket.symbol_id), ticket.side.sign
        market = quote.ask if sign > 0 else quote.bid
        if sign * ((order.limit_price or 0.0) - market) >= 0.0:
            execute(book, order, fill=(market, quote.ask - quote.bid))
        elif ticket.time_in_force is TimeInForce.FILL_OR_KILL:
            end_order(book, order, OrderStatus.CANCELLED)


def cancel_rest(book: Book, order: VenueOrder) -> None:
    """Cancel what has not been executed of an accepted order."""
    if order.status is OrderStatus.ACCEPTED:
        end_order(book, order, OrderStatus.CANCELLED)


def change(book: Book, account_id: int, order_id: int, wanted: OrderChange) -> VenueOrder:
    """Change a waiting order. Raises `Refusal`."""
    order = book.waiting_order(account_id, order_id)
    terms = book.symbols[order.ticket.symbol_id]
    require_change(book, terms, order.ticket, wanted)
    if wanted.volume is not None and wanted.volume <= order.executed_volume:
        raise Refusal("TRADING_BAD_VOLUME", "New volume is executed already", order_id=order_id)
    for name in ("volume", "limit_price", "stop_price", "expires_us", "slippage_points", "trailing_stop"):
        value = getattr(wanted, name)
        if value is not None:
            setattr(order, name, value)
    for name in ("stop_loss", "take_profit", "relative_stop_loss", "relative_take_profit"):
        setattr(order, name, getattr(wanted, name))
    order.updated_us = book.now_us()
    book.told(ExecutionKind.ORDER_REPLACED, order)
    return order


def cancel(book: Book, account_id: int, order_id: int) -> VenueOrder:
    """Cancel a waiting order. Raises `Refusal`."""
    order = book.waiting_order(account_id, order_id)
    end_order(book, order, OrderStatus.CANCELLED)
    return order


def stop_out(book: Book, position: VenuePosition) -> None:
    """Close a position because the account's margin is gone."""
    ticket = OrderTicket(position.symbol_id, OrderType.MARKET, position.side.opposite, position.volume)
    order = _new_order(book, position.account_id, replace(ticket, position_id=position.position_id), position.position_id)
    order.is_closing = order.is_stop_out = True
    book.told(ExecutionKind.ORDER_ACCEPTED, order, is_server=True)
    execute(book, order)


def _new_order(book: Book, account_id: int, ticket: OrderTicket, position_id: int) -> VenueOrder:
    order = VenueOrder(
        order_id=book.numbers.take("order"),
        account_id=account_id,
        ticket=ticket,
        volume=ticket.volume,
        position_id=position_id,
        created_us=book.now_us(),
        updated_us=book.now_us(),
        limit_price=ticket.limit_price,
        stop_price=ticket.stop_price,
        stop_loss=ticket.stop_loss,
        take_profit=ticket.take_profit,
        relative_stop_loss=ticket.relative_stop_loss,
        relative_take_profit=ticket.relative_take_profit,
        slippage_points=ticket.slippage_points,
        expires_us=ticket.expires_us,
        trailing_stop=ticket.trailing_stop,
    )
    book.orders[order.order_id] = order
    book.waiting.add(order.order_id)
    return order


def _new_position(book: Book, account_id: int, ticket: OrderTicket) -> int:
    position = VenuePosition(
        position_id=book.numbers.take("position"),
        account_id=account_id,
        symbol_id=ticket.symbol_id,
        side=ticket.side,
        volume=0,
        price=0.0,
        opened_us=book.now_us(),
        updated_us=book.now_us(),
        label=ticket.label,
        comment=ticket.comment,
        trigger_method=ticket.trigger_method,
    )
    book.positions[position.position_id] = position
    return position.position_id
