"""The life of an order intent: PLANNED → SENT → ACCEPTED → FILLED, or DENIED, REJECTED, CANCELLED; UNKNOWN → adopted or EXPIRED.

Each step is committed before the next one begins. Whether an order may leave is asked in the very transaction that marks it
SENT, and once more by the function that hands it over. After SENT the broker may have the order, so from there on nothing is
sent again: what the broker does not answer is UNKNOWN until the broker says. Only an order that provably never left, or that was
turned away unread, is planned again.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from fxgpt_core.brokers.broker import Broker, BrokerOrder, OrderResult, OrderState, Permit, Refusal, permitted
from fxgpt_core.live.command import outcome_of
from fxgpt_core.live.intents import UNSETTLED, IntentState, intent_of, moves
from fxgpt_core.live.state_of_trading import alert, change_within, note_risk, resolve_alerts
from fxgpt_core.market.orders import OrderOutcome, OrderRequest
from fxgpt_core.portfolio.trading_state import StateChange, TradingState
from fxgpt_core.registry import lineage
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_records import DENIED, EXPIRED, TAKEN, move_signal
from fxgpt_core.registry.live_tables import order_intents, orders

MOST_ATTEMPTS = 3

Permission = Callable[[Connection, Row[Any]], str]
"""Asked about an intent (its row) inside the transaction that would mark it SENT: empty, or why it may not leave."""

Checkpoint = Callable[[str], None]
"""Told the name of each step just done; tests end the process there."""


def no_checkpoint(step: str) -> None:
    """The checkpoint of production: nothing."""


class OrderPath:
    """Sends planned intents of one account through a broker and writes down what became of them.

    `may_send` is asked with the intent in the transaction that marks it sent, `permit` at the very last moment.
    """

    def __init__(
        self,
        ledger: Ledger,
        broker: Broker,
        account: str,
        may_send: Permission,
        permit: Permit = permitted,
        checkpoint: Checkpoint = no_checkpoint,
    ) -> None:
        self._ledger, self._broker, self._account = ledger, broker, account
        self._may_send, self._permit, self._checkpoint = may_send, permit, checkpoint
        self._in_flight: set[str] = set()
        # Of this process only: a new one is turned away once more, and learns it.
        self._peace_until: datetime | None = None

    @property
    def is_in_peace(self) -> bool:
        """Whether the broker was asked too often and wants to be left alone: what is planned waits."""
        return self._peace_until is not None and self._ledger.now() < self._peace_until

    def plan(self, signal: Row[Any], request: OrderRequest, deployment_id: int, retry: int = 0) -> bool:
        """Write the intent and take the signal, in one transaction; False when that signal has this intent already."""
        values = self._values(signal, request, deployment_id, retry)
        with self._ledger.begin() as connection:
            now = self._ledger.now()
            lineage.lock(connection)  # before the look
            same = select(order_intents.c.retry).where(order_intents.c.client_order_id == request.client_order_id)
            if connection.execute(same).first() is not None:
                return False
            if retry == 0 and not move_signal(connection, signal.signal_key, TAKEN, signal.reason, now):
                return False
            stamps = {"created_at": now, "updated_at": now}
            connection.execute(insert(order_intents), {**values, "state": IntentState.PLANNED, **stamps})
            lineage.append(connection, "order_intent", values, now)
        self._checkpoint("planned")
        return True

    async def send(self, request: OrderRequest) -> OrderResult:
        """Send a planned intent, or deny it. An exception after SENT leaves it UNKNOWN, which blocks the symbol."""
        order = request.client_order_id
        if self.is_in_peace:
            return OrderResult(OrderOutcome.DENIED, reason="the broker was asked too often; it is sent later")
        if refusal := self._mark_sent(order):
            return OrderResult(OrderOutcome.DENIED, reason=refusal)
        self._checkpoint("sent")
        withheld: list[str] = []
        self._in_flight.add(order)
        try:
            result = await outcome_of(self._broker.place(request, lambda: self._last_word(withheld)))
        finally:
            self._in_flight.discard(order)
        self._checkpoint("placed")
        if withheld:
            self._withhold(order, withheld[0])
        elif result.outcome is OrderOutcome.DENIED or result.refusal is Refusal.RATE_LIMIT:
            self._defer(order, result)
        else:
            self._settle(order, result)
        self._checkpoint("settled")
        return result

    def drop(self, order: str, reason: str) -> None:
        """Let an intent that was planned and never sent expire, and its signal with it."""
        with self._ledger.begin() as connection:
            intent = intent_of(connection, order)
            self._write(connection, intent, IntentState.EXPIRED, OrderResult(OrderOutcome.DENIED, reason=reason))
            if not intent.retry:
                move_signal(connection, intent.signal_key, EXPIRED, reason, self._ledger.now())

    async def resolve(self) -> int:
        """Ask the broker about every intent that may have reached it; returns how many are still unknown.

        Known to the broker: adopted. Not known once it would have to be: EXPIRED, and never sent again.
        """
        mine = (order_intents.c.account == self._account, order_intents.c.state.in_(UNSETTLED))
        with self._ledger.reading() as connection:
            intents = connection.execute(select(order_intents).where(*mine)).all()
        return sum([await self._resolve(intent) for intent in intents if intent.client_order_id not in self._in_flight])

    async def _resolve(self, intent: Row[Any]) -> bool:
        """Whether an intent stays unknown."""
        order = str(intent.client_order_id)
        try:
            known = self._broker.known_order(order)
            if known is None and self._ledger.now() - intent.sent_at >= self._broker.settles_within:
                known = await self._broker.order(order, int(intent.sent_at.timestamp() * 1_000_000))
                if known is None:
                    self._give_up(intent)
                    return False
        except Exception as error:  # noqa: BLE001 no answer is not an answer
            self._settle(order, OrderResult(OrderOutcome.UNKNOWN, reason=f"{type(error).__name__}: {error}"))
            return True
        if known is None:
            self._settle(order, OrderResult(OrderOutcome.UNKNOWN, reason="the broker does not know it yet"))
            return True
        self._adopt(intent, known)
        return False

    def _adopt(self, intent: Row[Any], known: BrokerOrder) -> None:
        """What the broker says of an order; that it was filled is told by its fills alone."""
        result = OrderResult(OrderOutcome.CONFIRMED, known.order_id, known.position_id, known.reason)
        state = IntentState.ACCEPTED
        if known.state is OrderState.REJECTED:
            state = IntentState.REJECTED
        elif known.state in (OrderState.CANCELLED, OrderState.EXPIRED) and intent.filled_units >= known.filled_units:
            state = IntentState.CANCELLED
        if moves(intent, state) or known.order_id != intent.order_id:
            self._move(str(intent.client_order_id), state, result)

    def _last_word(self, withheld: list[str]) -> str:
        """The permit of one order; what it says is kept, to tell it from an order that could not leave."""
        if refusal := self._permit():
            withheld.append(refusal)
        return refusal

    def _mark_sent(self, order: str) -> str:
        """Mark a planned intent SENT, or DENIED with the reason that is returned: one transaction with the question."""
        with self._ledger.begin() as connection:
            intent = intent_of(connection, order)
            if intent.state != IntentState.PLANNED:
                return f"it is {intent.state} already; an order is sent once"
            refusal = self._may_send(connection, intent)
            if refusal:
                self._deny(connection, intent, refusal)
            else:
                self._write(connection, intent, IntentState.SENT, None)
        return refusal

    def _withhold(self, order: str, refusal: str) -> None:
        """An order that was marked sent and did not leave, because it may not any more."""
        with self._ledger.begin() as connection:
            self._unsend(connection, order)
            self._deny(connection, intent_of(connection, order), refusal)

    def _defer(self, order: str, result: OrderResult) -> None:
        """Plan an order again that did not leave or was turned away unread; after some attempts it is rejected."""
        if result.retry_after_s is not None:
            self._peace_until = self._ledger.now() + timedelta(seconds=result.retry_after_s)
        with self._ledger.begin() as connection:
            intent = intent_of(connection, order)
            if intent.attempts >= MOST_ATTEMPTS:
                self._write(connection, intent, IntentState.REJECTED, result)
                return
            self._unsend(connection, order)
            self._write(connection, intent, IntentState.PLANNED, result)

    def _unsend(self, connection: Connection, order: str) -> None:
        connection.execute(update(order_intents).where(order_intents.c.client_order_id == order).values(sent_at=None))

    def _deny(self, connection: Connection, intent: Row[Any], refusal: str) -> None:
        self._write(connection, intent, IntentState.DENIED, OrderResult(OrderOutcome.DENIED, reason=refusal))
        if not intent.retry:
            move_signal(connection, intent.signal_key, DENIED, refusal, self._ledger.now())

    def _settle(self, order: str, result: OrderResult) -> None:
        """Write down what is known of an order."""
        states = {
            OrderOutcome.CONFIRMED: IntentState.ACCEPTED,
            OrderOutcome.REJECTED: IntentState.REJECTED,
            OrderOutcome.UNKNOWN: IntentState.UNKNOWN,
        }
        self._move(order, states[result.outcome], result)

    def _give_up(self, intent: Row[Any]) -> None:
        """An order that a complete look does not find; of one that was filled in part, the rest is over."""
        state, reason = IntentState.EXPIRED, "the broker never received it; it is not sent again"
        if intent.filled_units:
            state, reason = IntentState.CANCELLED, f"the broker has it no more; {intent.filled_units} units of it were filled"
        self._move(str(intent.client_order_id), state, OrderResult(OrderOutcome.REJECTED, reason=reason))

    def _move(self, order: str, state: IntentState, result: OrderResult) -> None:
        with self._ledger.begin() as connection:
            intent = intent_of(connection, order)
            if moves(intent, state) or (result.order_id or intent.order_id) != intent.order_id:
                self._write(connection, intent, state if moves(intent, state) else IntentState(intent.state), result)

    def _write(self, connection: Connection, intent: Row[Any], state: IntentState, result: OrderResult | None) -> None:
        """The new state of an intent and the fact of it; None when nothing was heard of the broker yet."""
        now = self._ledger.now()
        values: dict[str, object] = {"state": state, "updated_at": now}
        if state is IntentState.SENT:
            quote = self._broker.quote(intent.symbol)
            sides = {} if quote is None else {"bid": quote.bid, "ask": quote.ask}
            values |= {"sent_at": now, "attempts": intent.attempts + 1, **sides}
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
        self._tell(connection, intent, state, result)

    def _tell(self, connection: Connection, intent: Row[Any], state: IntentState, result: OrderResult | None) -> None:
        """Alert a person of an unknown outcome, and of an account that the broker lets do nothing any more."""
        key, reason = f"unknown_order:{intent.client_order_id}", result.reason if result else ""
        if state is not IntentState.UNKNOWN:
            resolve_alerts(connection, self._ledger, key)
        else:
            fact = {"client_order_id": intent.client_order_id, "from": intent.state, "to": str(state), "reason": reason}
            note_risk(connection, self._ledger, self._account, intent.symbol, "unknown_order", fact)
            alert(
                connection, self._ledger, "unknown_order", key,
                f"the outcome of order {intent.client_order_id} on {intent.symbol} is unknown ({reason})",
                "No entry is sent on the symbol until the broker answers; look at the account at the broker.",
            )  # fmt: skip
        if result is not None and result.refusal is Refusal.ACCOUNT:
            halt = StateChange(TradingState.HALTED, "broker", f"the broker refused the account: {reason}", by_person=False)
            change_within(connection, self._ledger, self._account, halt)

    def _values(self, signal: Row[Any], request: OrderRequest, deployment_id: int, retry: int) -> dict[str, Any]:
        return {
            "client_order_id": request.client_order_id,
            "signal_key": signal.signal_key,
            "deployment_id": deployment_id,
            "account": self._account,
            "broker": self._broker.name,
            "symbol": request.symbol,
            "side": int(request.side),
            "units": request.units,
            "order_type": str(request.order_type),
            "stop_price": request.stop_price,
            "target_price": request.target_price,
            "stop_distance": request.stop_distance,
            "target_distance": request.target_distance,
            "signal_price": json.loads(signal.payload_json)["decision"]["numbers"]["close"],
            "retry": retry,
        }


def _write_order(connection: Connection, ledger: Ledger, intent: Row[Any], order_id: str, state: IntentState) -> None:
    now = ledger.now()
    changed = connection.execute(update(orders).where(orders.c.order_id == order_id).values(state=state, updated_at=now))
    if changed.rowcount == 0:
        row = {name: getattr(intent, name) for name in ("client_order_id", "account", "symbol", "side", "units")}
        connection.execute(insert(orders), {**row, "order_id": order_id, "state": state, "created_at": now, "updated_at": now})
