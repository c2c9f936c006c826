"""Fills written down: each once, with everything it changes, in one transaction. Positions are the fold of their fills."""

from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from fxgpt_core.brokers.broker import Broker
from fxgpt_core.live.closing import plan_within
from fxgpt_core.live.intents import IntentState, first_stop, stop_reason
from fxgpt_core.live.state_of_trading import alert, change_within, note_risk, resolve_alerts
from fxgpt_core.market.orders import Fill, Position
from fxgpt_core.portfolio.trading_state import StateChange, TradingState
from fxgpt_core.registry import lineage
from fxgpt_core.registry.gateway_tables import closes
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import fills, order_intents, orders, positions

COSTS = ("commission", "spread_cost", "slippage", "impact", "swap", "fee")
MONEY = ("gross_profit", "balance", "balance_version")
LATE = (IntentState.EXPIRED, IntentState.REJECTED, IntentState.DENIED, IntentState.CANCELLED)
"""States in which an order was taken for dead: a fill of it is a surprise that a person must hear of."""


class Booking:
    """Books the fills of one account. Whether a fill is in the ledger already is asked by its id, so that none counts twice."""

    def __init__(self, ledger: Ledger, broker: Broker, account: str) -> None:
        self._ledger, self._broker, self._account = ledger, broker, account
        # Of this connection only: after a restart all fills are looked at again, and those in the ledger are left alone.
        self._cursor, self._connection = 0, 0

    def book_fills(self) -> int:
        """Write every fill the broker has and the ledger has not; returns how many."""
        if self._connection != self._broker.connections:
            self._cursor, self._connection = 0, self._broker.connections
        told = self._broker.fills_since(self._cursor)
        known = self._known({fill.fill_id for _, fill in told})
        n_new = 0
        for cursor, fill in told:
            if fill.fill_id not in known:
                with self._ledger.begin() as connection:
                    if connection.execute(select(fills.c.fill_id).where(fills.c.fill_id == fill.fill_id)).first() is None:
                        self._book(connection, fill)
                        n_new += 1
            self._cursor = cursor
        return n_new

    def _known(self, ids: set[str]) -> set[str]:
        """Those of the fills that are in the ledger; most of what a new connection tells are."""
        found: set[str] = set()
        wanted = sorted(ids)
        with self._ledger.reading() as connection:
            for start in range(0, len(wanted), 500):
                part = fills.c.fill_id.in_(wanted[start : start + 500])
                found |= set(connection.execute(select(fills.c.fill_id).where(part)).scalars())
        return found

    def _book(self, connection: Connection, fill: Fill) -> None:
        """One fill with everything it changes."""
        lineage.lock(connection)  # before the look: what is read of intent and position must still hold when it is changed
        mine = order_intents.c.client_order_id == fill.client_order_id
        intent = connection.execute(select(order_intents).where(mine)).one_or_none()
        held = connection.execute(select(positions).where(positions.c.position_id == fill.position_id)).one_or_none()
        row = {
            "fill_id": fill.fill_id,
            "order_id": fill.order_id or (intent.order_id if intent else None),
            "client_order_id": fill.client_order_id,
            "position_id": fill.position_id,
            "account": self._account,
            "symbol": fill.symbol,
            "side": int(fill.side),
            "units": fill.units,
            "price": fill.price,
            "reason": self._named(connection, fill, held),
            "time_us": fill.time_us,
            **{name: getattr(fill, name) for name in (*COSTS, *MONEY)},
        }
        quote = self._broker.quote(fill.symbol)
        sides = {"bid": quote.bid, "ask": quote.ask} if quote is not None else {}
        now = self._ledger.now()
        connection.execute(insert(fills), {**row, **sides, "created_at": now})
        lineage.append(connection, "fill", row, now)
        if fill.reason != "entry":
            self._book_exit(connection, fill, held, str(row["reason"]))
        elif intent is not None:
            # One that we never ordered is a fill and no position of ours: the comparison of the books finds it and halts.
            self._book_entry(connection, fill, intent, held)

    def _book_entry(self, connection: Connection, fill: Fill, intent: Row[Any], held: Row[Any] | None) -> None:
        now, filled = self._ledger.now(), intent.filled_units + fill.units
        state = IntentState.FILLED if filled >= intent.units else IntentState.PARTLY_FILLED
        changes = {"state": state, "position_id": fill.position_id, "filled_units": filled, "updated_at": now}
        mine = order_intents.c.client_order_id == fill.client_order_id
        connection.execute(update(order_intents).where(mine).values(**changes))
        resolve_alerts(connection, self._ledger, f"unknown_order:{fill.client_order_id}")
        if intent.state != state:
            fact = {"client_order_id": fill.client_order_id, "from": intent.state, "to": str(state), "reason": ""}
            lineage.append(connection, "order_state", fact, now)
        by_id = orders.c.client_order_id == fill.client_order_id
        connection.execute(update(orders).where(by_id).values(state=state, updated_at=now))
        if held is None:
            connection.execute(insert(positions), self._opened(fill, intent))
        else:
            units = held.units + fill.units
            average = (held.entry_price * held.units + fill.price * fill.units) / units
            grown = update(positions).where(positions.c.position_id == fill.position_id)
            # Also one that was closed between two parts of its order: it is open again.
            open_again = "open" if units > held.closed_units else held.state
            connection.execute(grown.values(units=units, entry_price=average, state=open_again))
        self._watch(connection, fill, intent, filled)

    def _opened(self, fill: Fill, intent: Row[Any]) -> dict[str, Any]:
        return {
            "position_id": fill.position_id,
            "client_order_id": fill.client_order_id,
            "account": self._account,
            "symbol": fill.symbol,
            "side": int(fill.side),
            "units": fill.units,
            "entry_price": fill.price,
            "entry_time_us": fill.time_us,
            "stop_price": intent.stop_price,
            "target_price": intent.target_price,
            "state": "open",
        }

    def _watch(self, connection: Connection, fill: Fill, intent: Row[Any], filled: int) -> None:
        """A fill that should not be: more than was ordered halts the account, one of a dead order is told."""
        fact = {"client_order_id": fill.client_order_id, "fill_id": fill.fill_id, "state": intent.state, "filled": filled}
        if filled > intent.units:
            reason = f"order {fill.client_order_id} was for {intent.units} units, and {filled} were filled"
            change_within(
                connection, self._ledger, self._account, StateChange(TradingState.HALTED, "overfill", reason, by_person=False)
            )
            alert(
                connection, self._ledger, "overfill", f"overfill:{fill.client_order_id}", reason,
                "Compare the account at the broker; close what is too much there, then `fxgpt live resume --reason ...`.",
            )  # fmt: skip
        if intent.state in LATE:
            note_risk(connection, self._ledger, self._account, fill.symbol, "late_fill", fact)
            alert(
                connection, self._ledger, "late_fill", f"late_fill:{fill.client_order_id}",
                f"order {fill.client_order_id} on {fill.symbol} was {intent.state} and was filled after all",
                "The gateway closes what is filled so late; look at the account at the broker.",
            )  # fmt: skip
            # The wish it came from is long gone: a position nobody wants any more.
            held = Position(
                fill.position_id, fill.client_order_id, fill.symbol, fill.side, filled, fill.price, fill.time_us,
                intent.stop_price, intent.target_price,
            )  # fmt: skip
            plan_within(connection, self._ledger, self._account, held, ("close", "filled after it was taken for dead"))

    def _book_exit(self, connection: Connection, fill: Fill, held: Row[Any] | None, reason: str) -> None:
        """Units leave the position; the last ones close it. Its exit price is the average of all its exits."""
        if held is None:
            return
        closed = held.closed_units + fill.units
        price = fill.price
        if held.closed_units:
            price = (held.exit_price * held.closed_units + fill.price * fill.units) / closed
        changes = {"closed_units": closed, "exit_price": price, "exit_time_us": fill.time_us, "exit_reason": reason}
        if closed >= held.units:
            changes["state"] = "closed"
        connection.execute(update(positions).where(positions.c.position_id == fill.position_id).values(**changes))

    def _named(self, connection: Connection, fill: Fill, held: Row[Any] | None) -> str:
        """The reason of a fill: a broker says "stop", we know which of our rules had put the stop there; it says "close", and we
        know what for, which no broker need remember.
        """
        if fill.reason == "close":
            asked = select(closes.c.reason).where(closes.c.position_id == fill.position_id, closes.c.sent_at.is_not(None))
            return connection.execute(asked.order_by(closes.c.sent_at.desc()).limit(1)).scalar_one_or_none() or fill.reason
        if fill.reason != "stop" or held is None or held.stop_price is None:
            return fill.reason
        return stop_reason(held.entry_price, held.stop_price, first_stop(connection, held.client_order_id))
