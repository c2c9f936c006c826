"""Answers about orders and deals: what is open now, what was, in pages, as late as history may be."""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader_simulator import shapes
from fxgpt_core.brokers.ctrader_simulator.records import Refusal, VenueDeal, VenueOrder
from fxgpt_core.brokers.ctrader_simulator.validation import LAST_MS

if TYPE_CHECKING:
    from fxgpt_core.brokers.ctrader_simulator.client_connection import ClientConnection
    from fxgpt_core.brokers.ctrader_simulator.server import SimulatorServer

SHORT_PAGE: Final = 3
Row = TypeVar("Row")


def _reconcile(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    book, account_id = server.venue.book, asked.ctidTraderAccountId
    orders = [shapes.order_fields(one) for one in book.orders_of(account_id)]
    positions = book.positions_of(account_id)
    if asked.returnProtectionOrders:
        orders += [shapes.order_fields(book.orders[one.protection_id]) for one in positions if one.protection_id is not None]
    held = [shapes.position_fields(book, one) for one in positions]
    return protocol.new("ProtoOAReconcileRes", ctidTraderAccountId=account_id, position=held, order=orders)


def _deals(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    wanted = lambda deal: deal.account_id == asked.ctidTraderAccountId  # noqa: E731
    rows, more = _page(server, asked, _found(server.venue.book.deals, wanted), lambda deal: deal.executed_us)
    return _deal_list("ProtoOADealListRes", asked, rows, more)


def _deals_of_position(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    key = (asked.ctidTraderAccountId, asked.positionId)
    wanted = lambda deal: (deal.account_id, deal.position_id) == key  # noqa: E731
    rows, more = _page(server, asked, _found(server.venue.book.deals, wanted), lambda deal: deal.executed_us)
    return _deal_list("ProtoOADealListByPositionIdRes", asked, rows, more)


def _orders(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    wanted = lambda order: order.account_id == asked.ctidTraderAccountId  # noqa: E731
    rows, more = _page(server, asked, _found(server.venue.book.orders, wanted), lambda order: order.updated_us)
    return _order_list("ProtoOAOrderListRes", asked, rows, more)


def _orders_of_position(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    key = (asked.ctidTraderAccountId, asked.positionId)
    wanted = lambda order: (order.account_id, order.position_id) == key  # noqa: E731
    rows, more = _page(server, asked, _found(server.venue.book.orders, wanted), lambda order: order.updated_us)
    return _order_list("ProtoOAOrderListByPositionIdRes", asked, rows, more)


def _order_details(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    book = server.venue.book
    order = book.orders.get(asked.orderId)
    if order is None or order.account_id != asked.ctidTraderAccountId:
        raise Refusal("ORDER_NOT_FOUND", f"Order with id {asked.orderId} is not found")
    deals = [shapes.deal_fields(deal) for deal in book.deals.values() if deal.order_id == order.order_id]
    account_id = asked.ctidTraderAccountId
    return protocol.new("ProtoOAOrderDetailsRes", ctidTraderAccountId=account_id, order=shapes.order_fields(order), deal=deals)


def _offsets(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    """Which deals closed this one, or were closed by it."""
    book = server.venue.book
    deal = book.deals.get(asked.dealId)
    if deal is None or deal.account_id != asked.ctidTraderAccountId:
        raise Refusal("ENTITY_NOT_FOUND", f"Deal with id {asked.dealId} is not found")
    others = [one for one in book.deals.values() if one.position_id == deal.position_id]
    opposite = [one for one in others if (one.closing is None) is not (deal.closing is None)]
    rows = [
        {
            "dealId": one.deal_id,
            "volume": one.filled_volume,
            "executionTimestamp": shapes.ms(one.executed_us),
            "executionPrice": one.price,
        }
        for one in opposite
    ]
    name = "offsetBy" if deal.closing is None else "offsetting"
    return protocol.new("ProtoOADealOffsetListRes", ctidTraderAccountId=asked.ctidTraderAccountId, **{name: rows})


def _found(rows: dict[int, Row], wanted: Callable[[Row], bool]) -> list[Row]:
    return [row for row in rows.values() if wanted(row)]


def _page(server: "SimulatorServer", asked: Any, rows: Sequence[Row], time_us: Callable[[Row], int]) -> tuple[list[Row], bool]:
    """The rows of one answer within the asked span, and whether there are more; the last moments may not be known yet.

    A page never ends within the only millisecond it tells of: whoever asks on from its last row gets on.
    """
    since = asked.fromTimestamp if asked.HasField("fromTimestamp") else 0
    until = asked.toTimestamp if asked.HasField("toTimestamp") else LAST_MS
    if since > until or since < 0 or until > LAST_MS:
        raise Refusal("INCORRECT_BOUNDARIES", f"The period from {since} to {until} is not valid")
    lag = server.faults.draw("history_lag")
    if lag is not None:
        seconds = lag.get("seconds", server.faults.within(server.faults.faults.lag_s))
        until = min(until, shapes.ms(server.clock()) - round(seconds * 1000) - 1)
    within = sorted((row for row in rows if since <= shapes.ms(time_us(row)) <= until), key=time_us)
    if server.settings.is_newest_first:
        within.reverse()
    short = server.faults.draw("short_pages")
    size = short.get("rows", SHORT_PAGE) if short is not None else server.settings.page
    asked_rows = asked.maxRows if "maxRows" in asked.DESCRIPTOR.fields_by_name else 0
    size = min(size, asked_rows) if asked_rows > 0 else size
    while size < len(within) and shapes.ms(time_us(within[size - 1])) == shapes.ms(time_us(within[0])):
        size += 1
    return within[:size], size < len(within)


def _deal_list(name: str, asked: Any, rows: list[VenueDeal], more: bool) -> Any:
    deals = [shapes.deal_fields(deal) for deal in rows]
    return protocol.new(name, ctidTraderAccountId=asked.ctidTraderAccountId, deal=deals, hasMore=more)


def _order_list(name: str, asked: Any, rows: list[VenueOrder], more: bool) -> Any:
    orders = [shapes.order_fields(order) for order in rows]
    return protocol.new(name, ctidTraderAccountId=asked.ctidTraderAccountId, order=orders, hasMore=more)


ANSWERS: Final = MappingProxyType(
    {
        "ProtoOAReconcileReq": _reconcile,
        "ProtoOADealListReq": _deals,
        "ProtoOADealListByPositionIdReq": _deals_of_position,
        "ProtoOAOrderListReq": _orders,
        "ProtoOAOrderListByPositionIdReq": _orders_of_position,
        "ProtoOAOrderDetailsReq": _order_details,
        "ProtoOADealOffsetListReq": _offsets,
    }
)
LISTS: Final = frozenset(ANSWERS)
"""Answers that tell what events told, or will tell."""
