"""How a price of the paper broker meets an order that waits, and the position it becomes: in whole, or in part."""

import sqlite3
from typing import NamedTuple

from fxgpt_core.brokers.broker import OrderState
from fxgpt_core.brokers.paper_account import equity_of, notional_of
from fxgpt_core.brokers.paper_desk import Booked, Desk, bid_of, held_of, never
from fxgpt_core.brokers.paper_margin import watch
from fxgpt_core.market.fills import REASON_STOP, REASON_STOP_OUT, bought_above, impact_of, slippage_of
from fxgpt_core.market.orders import OrderType
from fxgpt_core.market.positions import (
    LIMIT_ENTRY,
    MARKET,
    STOP_ENTRY,
    Held,
    entered,
    left_on_entry,
    opened_at,
    reached,
)


class Met(NamedTuple):
    """At what price, before slippage, a candle meets an order (0: it does not), as what kind of order, and the spread then."""

    kind: int
    price: float
    spread: float


NOT_MET = Met(MARKET, 0.0, 0.0)


def is_at_market(order: sqlite3.Row) -> bool:
    """Whether an order fills at the next price, whatever it is: also the rest of a stop order that was filled in part."""
    return order["order_type"] == OrderType.MARKET or (order["order_type"] == OrderType.STOP and bool(order["is_triggered"]))


def enter(desk: Desk, order: sqlite3.Row) -> None:
    """Fill a waiting order, or as much of it as there is, if the candle meets it; reject it for want of margin or conversion.

    One that waited for its price is left again in this candle if that does it.
    """
    met = _met(desk, order)
    if met.price == 0.0:
        return
    if desk.quoted.unknown:
        _refuse(desk, order, desk.quoted.unknown)
        return
    units = desk.filled_at_once(order["units"] - order["filled_units"])
    if met.kind == STOP_ENTRY and order["order_type"] == OrderType.STOP_LIMIT and _slips_beyond(desk, order, units, met):
        met = Met(LIMIT_ENTRY, order["limit_price"], met.spread)
    if met.kind != MARKET:
        desk.mark(bid_of(order["side"], met.price, met.spread), met.spread)
    free = desk.free_equity()
    held = entered(desk.candle, _ordered(order, met.kind, units, met.price), desk.terms, (met.price, met.spread), free)
    if held.units == 0:
        _refuse(desk, order, _beyond_margin(desk, units, met.price))
        return
    _book_entry(desk, order, held)
    if met.kind != MARKET:
        _leave_on_entry(desk, order, met.kind)


def _met(desk: Desk, order: sqlite3.Row) -> Met:
    """How the candle meets an order.

    A stop-limit order is a stop order where its trigger is reached, if its limit allows that price; else it is a limit order, in
    the same candle if the open has reached its trigger, and from the next one on otherwise.
    """
    if is_at_market(order):
        return _reached(desk, order, MARKET, 0.0)
    if order["order_type"] != OrderType.LIMIT and not order["is_triggered"]:
        met = _reached(desk, order, STOP_ENTRY, order["trigger_price"])
        if met.price == 0.0:
            return met
        desk.book.execute("UPDATE orders SET is_triggered = 1 WHERE order_id = ?", (order["order_id"],))
        side, limit = order["side"], order["limit_price"]
        if limit is None or side * (met.price - limit) <= 0.0:
            return met
        if side * (opened_at(side, desk.candle) - order["trigger_price"]) < 0.0:
            return NOT_MET
    return _reached(desk, order, LIMIT_ENTRY, order["limit_price"])


def _reached(desk: Desk, order: sqlite3.Row, kind: int, level: float) -> Met:
    price, spread = reached(desk.candle, _ordered(order, kind, 0, level), desk.terms)
    return Met(kind, price, spread)


def _ordered(order: sqlite3.Row, kind: int, units: int, level: float) -> Held:
    """An order without a stop, so that `entered` tells the price of the stop-out."""
    side = order["side"]
    stop, target = never(side), -never(side)
    return Held(side, units, kind, 0, level, stop, target, REASON_STOP, 0.0, 0.0, 0.0, 0.0, 0.0, False)


def _slips_beyond(desk: Desk, order: sqlite3.Row, units: int, met: Met) -> bool:
    """Whether slippage would carry a stop-limit order beyond its limit, at which it is filled then."""
    worse = slippage_of(met.spread, desk.terms) + impact_of(units, met.spread, desk.terms)
    return bool(order["side"] * (met.price - order["limit_price"]) + worse > 0.0)


def _book_entry(desk: Desk, order: sqlite3.Row, held: Held) -> None:
    """The position that a fill opens or adds to, the order behind it, the execution and what it costs."""
    position_id = order["position_id"] if order["filled_units"] else None
    if position_id is None:
        position_id = _opened(desk, order, held)
    else:
        grown = (held.units, held.entry, held.units, held.units, position_id)
        desk.book.execute(
            "UPDATE positions SET entry_price = (entry_price * units + ? * ?) / (units + ?), units = units + ?, alone = 0, "
            "stop_out_price = NULL WHERE position_id = ?",
            grown,
        )
    filled = order["filled_units"] + held.units
    state = OrderState.FILLED if filled == order["units"] else OrderState.PARTLY_FILLED
    changed = (state, filled, position_id, order["order_id"])
    desk.book.execute("UPDATE orders SET state = ?, filled_units = ?, position_id = ? WHERE order_id = ?", changed)
    desk.pay_in(-held.commission)
    row = _position(desk, position_id)
    costs = (held.commission, held.spread_cost, held.slippage, held.impact, 0.0)
    desk.book_fill(row, Booked(order["client_order_id"], held.units, held.entry, "entry", costs))


def _opened(desk: Desk, order: sqlite3.Row, held: Held) -> int:
    """Write a new position; one that is alone in the account has the stop-out price of its entry."""
    others = desk.book.execute("UPDATE positions SET alone = 0, stop_out_price = NULL WHERE is_open = 1").rowcount
    alone = others == 0 and held.units == order["units"]
    stop_out = held.stop if alone and held.stop_reason == REASON_STOP_OUT and held.stop > 0.0 else None
    stop, target = order["stop_price"], order["target_price"]
    if stop is None and order["stop_distance"] is not None:
        stop = held.entry - held.side * order["stop_distance"]
    if target is None and order["target_distance"] is not None:
        target = held.entry + held.side * order["target_distance"]
    values = (
        order["client_order_id"], order["symbol"], held.side, held.units, held.entry, desk.played.open_time_us,
        stop, target, stop_out, alone,
    )  # fmt: skip
    return int(
        desk.book.execute(
            "INSERT INTO positions (client_order_id, symbol, side, units, entry_price, entry_time_us, stop_price, target_price, "
            "stop_out_price, alone) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        ).lastrowid
        or 0
    )


def _leave_on_entry(desk: Desk, order: sqlite3.Row, kind: int) -> None:
    """What the rest of a candle does after a limit or stop order has filled in it."""
    position_id = desk.book.execute("SELECT position_id FROM orders WHERE order_id = ?", (order["order_id"],)).fetchone()[0]
    row = _position(desk, position_id)
    spread = desk.candle.spread
    watch(desk, row["entry_price"] - bought_above(row["side"], spread), spread)
    row = _position(desk, position_id)
    if row["is_open"]:
        end = left_on_entry(desk.candle, held_of(row, kind), desk.terms)
        if desk.leave(row, end):
            watch(desk, bid_of(-row["side"], end.price, end.spread), end.spread)


def _position(desk: Desk, position_id: int) -> sqlite3.Row:
    found: sqlite3.Row = desk.book.execute("SELECT * FROM positions WHERE position_id = ?", (position_id,)).fetchone()
    return found


def _beyond_margin(desk: Desk, units: int, price: float) -> str:
    return (
        f"{units} units at {price} exceed the margin: equity {equity_of(desk.book):.2f} at "
        f"leverage {desk.terms.leverage:g}, of which open positions bind {notional_of(desk.book):.2f}"
    )


def _refuse(desk: Desk, order: sqlite3.Row, reason: str) -> None:
    """Reject an order, or cancel what is left of it when a part is filled already."""
    state = OrderState.CANCELLED if order["filled_units"] else OrderState.REJECTED
    desk.book.execute("UPDATE orders SET state = ?, reason = ? WHERE order_id = ?", (state, reason, order["order_id"]))
