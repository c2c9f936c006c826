"""The books in the words of the role: orders, positions and fills with names, whole units and prices of the symbol's digits."""

from collections.abc import Mapping

from fxgpt_core.brokers.broker import BrokerOrder, OrderState
from fxgpt_core.brokers.ctrader.account_book import AccountBook
from fxgpt_core.brokers.ctrader.executions import BookedDeal, BookedOrder
from fxgpt_core.brokers.ctrader.position_fold import FoldedPosition
from fxgpt_core.brokers.ctrader.prices import units_of
from fxgpt_core.brokers.ctrader.symbols import SymbolList
from fxgpt_core.market.orders import Fill, Position

MILLISECOND_US = 1_000


def shown_order(order: BookedOrder, symbols: SymbolList) -> BrokerOrder:
    """An order as the role has it."""
    partly = order.state is OrderState.ACCEPTED and order.executed > 0
    return BrokerOrder(
        order_id=str(order.order_id),
        client_order_id=order.client_order_id,
        symbol=symbols.name_of(order.symbol_id),
        side=order.side,
        units=units_of(order.volume),
        state=OrderState.PARTLY_FILLED if partly else order.state,
        position_id=None if order.position_id is None else str(order.position_id),
        reason=order.reason,
        order_type=order.kind,
        limit_price=order.limit_price,
        trigger_price=order.trigger_price,
        filled_units=units_of(order.executed),
    )


def shown_position(book: AccountBook, position: FoldedPosition, symbols: SymbolList) -> Position:
    """An open position as the role has it; of one that we did not open the client order id is empty."""
    order = book.opening_order(position)
    return Position(
        position_id=str(position.position_id),
        client_order_id="" if order is None else order.client_order_id,
        symbol=symbols.name_of(position.symbol_id),
        side=position.side,
        units=units_of(position.volume),
        entry_price=position.entry_price,
        entry_time_us=position.opened_ms * MILLISECOND_US,
        stop_price=position.stop_price,
        target_price=position.target_price,
    )


def shown_fill(book: AccountBook, deal: BookedDeal, symbols: SymbolList, asked: Mapping[int, tuple[str, str]]) -> Fill:
    """A deal as the role has it: what is charged is positive there, and negative on the wire.

    `asked` has what we called the closes we asked for, by position: at the venue a close carries no name.
    """
    name, reason = _why(book, deal, asked)
    closing = deal.closing
    return Fill(
        fill_id=str(deal.deal_id),
        client_order_id=name,
        position_id=str(deal.position_id),
        symbol=symbols.name_of(deal.symbol_id),
        side=deal.side,
        units=units_of(deal.volume),
        price=deal.price,
        commission=float(-deal.commission),
        time_us=deal.executed_ms * MILLISECOND_US,
        reason=reason,
        swap=0.0 if closing is None else float(-closing.swap),
        fee=0.0 if closing is None else float(-closing.fee),
        order_id=str(deal.order_id),
        gross_profit=None if closing is None else float(closing.gross),
        balance=None if closing is None else float(closing.balance),
        balance_version=None if closing is None else closing.balance_version or None,
    )


def _why(book: AccountBook, deal: BookedDeal, asked: Mapping[int, tuple[str, str]]) -> tuple[str, str]:
    """The client order id of a fill and its reason: a close that we did not ask for belongs to the order that opened."""
    order = book.orders[deal.order_id]
    if deal.closing is None:
        return order.client_order_id, "entry"
    opening = book.opening_order(book.positions[deal.position_id])
    name = "" if opening is None else opening.client_order_id
    if order.is_stop_out:
        return name, "stop_out"
    if order.is_protective:
        return name, _protection(order, deal)
    return asked.get(deal.position_id, (order.client_order_id or name, "close"))


def _protection(order: BookedOrder, deal: BookedDeal) -> str:
    """Which of the two levels of a protective order was executed: the one that the price is nearer to."""
    stop, target = order.trigger_price, order.limit_price
    if stop is None or target is None:
        return "target" if stop is None else "stop"
    return "stop" if abs(deal.price - stop) <= abs(deal.price - target) else "target"
