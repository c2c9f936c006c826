"""Orders in the paper book: written, found, changed, taken back. Each function is a part of the caller's transaction."""

import math
import sqlite3

from fxgpt_core.brokers.broker import BrokerOrder, OrderState
from fxgpt_core.brokers.paper_account import name_of
from fxgpt_core.brokers.paper_desk import WAITING
from fxgpt_core.market.orders import OrderRequest, OrderType, Side

_PRICES = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("limit_price",),
    OrderType.STOP: ("trigger_price",),
    OrderType.STOP_LIMIT: ("limit_price", "trigger_price"),
}


def order_of(row: sqlite3.Row) -> BrokerOrder:
    """An order as a record."""
    return BrokerOrder(
        order_id=name_of(row["client_order_id"]),
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        units=row["units"],
        state=OrderState(row["state"]),
        position_id=None if row["position_id"] is None else name_of(row["client_order_id"]),
        reason=row["reason"],
        order_type=OrderType(row["order_type"]),
        limit_price=row["limit_price"],
        trigger_price=row["trigger_price"],
        filled_units=row["filled_units"],
    )


def refusal_of(request: OrderRequest) -> str:
    """Why the units and prices of an order cannot be; empty if they can."""
    if request.units < 1:
        return f"{request.units} units; at least 1 is needed"
    prices = ("limit_price", "trigger_price")
    for name in prices:
        needed, given = name in _PRICES[request.order_type], getattr(request, name) is not None
        if needed != given:
            wanted = " and ".join(_PRICES[request.order_type]) or "neither limit_price nor trigger_price"
            return f"a {request.order_type} order {'without' if needed else 'with'} a {name}; it has {wanted}"
    for name in (*prices, "stop_price", "target_price", "stop_distance", "target_distance"):
        value = getattr(request, name)
        if value is not None and not 0.0 < value < math.inf:
            return f"{name} {value}; a finite number above 0 is needed"
    return ""


def write(book: sqlite3.Connection, request: OrderRequest) -> None:
    """Write a new order. Raises `sqlite3.IntegrityError` when its client order id was used before."""
    book.execute(
        "INSERT INTO orders (client_order_id, symbol, side, order_type, requested_at_us, state, units, stop_price, target_price, "
        "limit_price, trigger_price, stop_distance, target_distance, expires_at_us) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            request.client_order_id, request.symbol, int(request.side), request.order_type, request.requested_at_us,
            OrderState.ACCEPTED, *_changeable(request),
        ),
    )  # fmt: skip


def waiting(book: sqlite3.Connection, client_order_id: str) -> sqlite3.Row | None:
    """The order of an id while it waits."""
    asked = "SELECT * FROM orders WHERE client_order_id = ? AND state IN (?, ?)"
    found: sqlite3.Row | None = book.execute(asked, (client_order_id, *WAITING)).fetchone()
    return found


def change(book: sqlite3.Connection, row: sqlite3.Row, request: OrderRequest) -> str:
    """Give a waiting order the units, prices and end of a request; why not, where that cannot be."""
    for name in ("symbol", "side", "order_type"):
        if getattr(request, name) != row[name]:
            return (
                f"{name} {getattr(request, name)}; an order keeps its {name}, which is {row[name]}: cancel it and place another"
            )
    if request.units <= row["filled_units"]:
        return f"{request.units} units, of which {row['filled_units']} are filled already: cancel the rest instead"
    # A trigger that was moved has not been reached yet.
    triggered = row["is_triggered"] if request.trigger_price == row["trigger_price"] else 0
    book.execute(
        "UPDATE orders SET units = ?, stop_price = ?, target_price = ?, limit_price = ?, trigger_price = ?, stop_distance = ?, "
        "target_distance = ?, expires_at_us = ?, is_triggered = ? WHERE order_id = ?",
        (*_changeable(request), triggered, row["order_id"]),
    )
    return ""


def cancel(book: sqlite3.Connection, row: sqlite3.Row) -> None:
    """Take an order back; what is filled of it stays a position."""
    changed = (OrderState.CANCELLED, "it was cancelled", row["order_id"])
    book.execute("UPDATE orders SET state = ?, reason = ? WHERE order_id = ?", changed)


def _changeable(request: OrderRequest) -> tuple[float | int | None, ...]:
    """What may be changed of an order, in the order of the statements above."""
    return (
        request.units, request.stop_price, request.target_price, request.limit_price, request.trigger_price,
        request.stop_distance, request.target_distance, request.expires_at_us,
    )  # fmt: skip
