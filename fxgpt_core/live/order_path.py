"""The life of an order intent: PLANNED → SENT → ACCEPTED → FILLED, or DENIED, REJECTED, or UNKNOWN → (adopted | EXPIRED).

Each step is committed before the next one begins. Whether an order may leave is asked in the very transaction that marks it
SENT. After SENT the broker may have the order, so from there on nothing is sent again: what the broker does not answer is
UNKNOWN until the broker says.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from fxgpt_core.brokers.broker import Broker, OrderResult, OrderState
from fxgpt_core.live.state_of_trading import alert, note_risk, resolve_alerts
from fxgpt_core.market.orders import OrderOutcome, OrderRequest
from fxgpt_core.registry import lineage
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_records import DENIED, EXPIRED, TAKEN, move_signal
from fxgpt_core.registry.live_tables import order_intents, orders


class IntentState(StrEnum):
    """Where an intent is; FILLED, DENIED, REJECTED and EXPIRED are final."""

    PLANNED = "PLANNED"
    SENT = "SENT"
    ACCEPTED = "ACCEPTED"
    FILLED = "FILLED"
    DENIED = "DENIED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    EXPIRED = "EXPIRED"


OPEN_STATES = (IntentState.PLANNED, IntentState.SENT, IntentState.ACCEPTED, IntentState.UNKNOWN)
"""An intent in one of these may still become a position."""

Permission = Callable[[Connection, Row[Any]], str]
"""Asked about an intent (its row) inside the transaction that would mark it SENT: empty, or why it may not leave."""

Checkpoint = Callable[[str], None]
"""Told the name of each step just done; tests end the process there."""


def no_checkpoint(step: str) -> None:
    """The checkpoint of production: nothing."""


class OrderPath:
    """Sends planned intents of one account through a broker and writes down what became of them."""

    def __init__(
        self, ledger: Ledger, broker: Broker, account: str, may_send: Permission, checkpoint: Checkpoint = no_checkpoint
    ) -> None:
        self._ledger, self._broker, self._account = ledger, broker, account
        self._may_send, self._checkpoint = may_send, checkpoint

    def plan(self, signal: Row[Any], request: OrderRequest, deployment_id: int) -> bool:
        """Write the intent and take the signal, in one transaction; False when that signal has an intent already."""
        with self._ledger.begin() as connection:
            now = self._ledger.now()
            if not move_signal(connection, signal.signal_key, TAKEN, signal.reason, now):
                return False
            values = {
                "client_order_id": request.client_order_id,
                "signal_key": signal.signal_key,
                "deployment_id": deployment_id,
                "account": self._account,
                "broker": self._broker.name,
                "symbol": request.symbol,
                "side": int(request.side),
                "units": request.units,
                "stop_price": request.stop_price,
                "target_price": request.target_price,
            }
            connection.execute(
                insert(order_intents), {**values, "state": IntentState.PLANNED, "created_at": now, "updated_at": now}
            )
            lineage.append(connection, "order_intent", values, now)
        self._checkpoint("planned")
        return True

    async def send(self, request: OrderRequest) -> OrderResult:
        """Send a planned intent, or deny it. An exception after SENT leaves it UNKNOWN, which blocks the symbol."""
        if refusal := self._mark_sent(request.client_order_id):
            return OrderResult(OrderOutcome.DENIED, reason=refusal)
        self._checkpoint("sent")
        try:
            result = await self._broker.place(request)
        except Exception as error:  # noqa: BLE001 whatever failed, the broker may have the order
            result = OrderResult(OrderOutcome.UNKNOWN, reason=f"{type(error).__name__}: {error}")
        self._checkpoint("placed")
        self._settle(request.client_order_id, result)
        self._checkpoint("settled")
        return result

    def drop(self, order: str, reason: str) -> None:
        """Let an intent that was planned and never sent expire, and its signal with it."""
        with self._ledger.begin() as connection:
            intent = _intent(connection, order)
            self._write(connection, intent, IntentState.EXPIRED, OrderResult(OrderOutcome.DENIED, reason=reason))
            move_signal(connection, intent.signal_key, EXPIRED, reason, self._ledger.now())

    async def resolve(self) -> int:
        """Ask the broker about every intent that may have reached it; returns how many are still unknown.

        Known to the broker: adopted. Unknown to the broker: EXPIRED, and never sent again.
        """
        open_states = (IntentState.SENT, IntentState.UNKNOWN, IntentState.ACCEPTED)
        asked = select(order_intents).where(order_intents.c.account == self._account, order_intents.c.state.in_(open_states))
        with self._ledger.reading() as connection:
            intents = connection.execute(asked).all()
        n_unknown = 0
        for intent in intents:
            try:
                known = await self._broker.order(intent.client_order_id)
            except Exception as error:  # noqa: BLE001 no answer is not an answer
                self._settle(intent.client_order_id, OrderResult(OrderOutcome.UNKNOWN, reason=f"{type(error).__name__}: {error}"))
                n_unknown += 1
                continue
            if known is None:
                self._expire(intent)
            elif known.state is OrderState.REJECTED:
                self._settle(intent.client_order_id, OrderResult(OrderOutcome.REJECTED, known.order_id, reason=known.reason))
            else:
                self._settle(intent.client_order_id, OrderResult(OrderOutcome.CONFIRMED, known.order_id, known.position_id))
        return n_unknown

    def _mark_sent(self, order: str) -> str:
        """Mark a planned intent SENT, or DENIED with the reason that is returned: one transaction with the question."""
        with self._ledger.begin() as connection:
            intent = _intent(connection, order)
            refusal = self._may_send(connection, intent)
            if refusal:
                self._write(connection, intent, IntentState.DENIED, OrderResult(OrderOutcome.DENIED, reason=refusal))
                move_signal(connection, intent.signal_key, DENIED, refusal, self._ledger.now())
            else:
                self._write(connection, intent, IntentState.SENT, None)
        return refusal

    def _settle(self, order: str, result: OrderResult) -> None:
        """Write down what is known of an order."""
        states = {
            OrderOutcome.CONFIRMED: IntentState.FILLED if result.position_id else IntentState.ACCEPTED,
            OrderOutcome.REJECTED: IntentState.REJECTED,
            OrderOutcome.DENIED: IntentState.DENIED,
            OrderOutcome.UNKNOWN: IntentState.UNKNOWN,
        }
        self._move(order, states[result.outcome], result)

    def _expire(self, intent: Row[Any]) -> None:
        result = OrderResult(OrderOutcome.REJECTED, reason="the broker never received it; it is not sent again")
        self._move(str(intent.client_order_id), IntentState.EXPIRED, result)

    def _move(self, order: str, state: IntentState, result: OrderResult) -> None:
        with self._ledger.begin() as connection:
            intent = _intent(connection, order)
            if intent.state != state or result.order_id != intent.order_id:
                self._write(connection, intent, state, result)

    def _write(self, connection: Connection, intent: Row[Any], state: IntentState, result: OrderResult | None) -> None:
        """The new state of an intent and the fact of it; None when nothing was heard of the broker yet."""
        now = self._ledger.now()
        values: dict[str, object] = {"state": state, "updated_at": now}
        if state is IntentState.SENT:
            values |= {"sent_at": now, "attempts": intent.attempts + 1}
        if result is not None:
            values |= {
                "reason": result.reason or None,
                "order_id": result.order_id or intent.order_id,
                "position_id": result.position_id or intent.position_id,
            }
        mine = order_intents.c.client_order_id == intent.client_order_id
        connection.execute(update(order_intents).where(mine).values(**values))
        reason = result.reason if result else ""
        fact = {"client_order_id": intent.client_order_id, "from": intent.state, "to": str(state), "reason": reason}
        lineage.append(connection, "order_state", fact, now)
        if result is not None and result.order_id:
            _write_order(connection, self._ledger, intent, result.order_id, state)
        key = f"unknown_order:{intent.client_order_id}"
        if state is not IntentState.UNKNOWN:
            resolve_alerts(connection, self._ledger, key)
        else:
            note_risk(connection, self._ledger, self._account, intent.symbol, "unknown_order", fact)
            alert(
                connection, self._ledger, "unknown_order", key,
                f"the outcome of order {intent.client_order_id} on {intent.symbol} is unknown ({reason})",
                "No entry is sent on the symbol until the broker answers; look at the account at the broker.",
            )  # fmt: skip


def _intent(connection: Connection, order: str) -> Row[Any]:
    return connection.execute(select(order_intents).where(order_intents.c.client_order_id == order)).one()


def _write_order(connection: Connection, ledger: Ledger, intent: Row[Any], order_id: str, state: IntentState) -> None:
    now = ledger.now()
    changed = connection.execute(update(orders).where(orders.c.order_id == order_id).values(state=state, updated_at=now))
    if changed.rowcount == 0:
        row = {name: getattr(intent, name) for name in ("client_order_id", "account", "symbol", "side", "units")}
        connection.execute(insert(orders), {**row, "order_id": order_id, "state": state, "created_at": now, "updated_at": now})
