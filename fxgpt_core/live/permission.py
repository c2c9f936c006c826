"""Whether an order may leave: asked in the transaction that marks it sent, and at the very last moment once more."""

from typing import Any

from sqlalchemy import Connection, Row, func, select

from fxgpt_core.brokers.broker import Broker
from fxgpt_core.live.book_comparison import BookComparison
from fxgpt_core.live.guarding import Guarding
from fxgpt_core.live.intents import IntentState
from fxgpt_core.live.kill_switch import KillSwitch
from fxgpt_core.live.lease import LeasedLedger
from fxgpt_core.portfolio.guards.denial import Denial
from fxgpt_core.registry.deployment_records import deployment_by_id
from fxgpt_core.registry.live_tables import order_intents
from fxgpt_core.registry.pauses import pause_of


class Permission:
    """What one account's orders need to leave; `compared` is the connection of which the books were compared last."""

    def __init__(
        self,
        ledger: LeasedLedger,
        broker: Broker,
        account: str,
        switch: KillSwitch,
        comparison: BookComparison,
        guarding: Guarding,
    ) -> None:
        self._ledger, self._broker, self._account, self._guarding = ledger, broker, account, guarding
        self._switch, self._comparison, self.compared = switch, comparison, 0

    def last_word(self) -> str:
        """Why nothing may leave at this very moment, empty if it may: the books, the switch, the lease."""
        if self.compared != self._broker.connections:
            return "the books of this connection are not compared yet: nothing is entered before they are"
        return self._switch.refusal() or self._ledger.refusal()

    def may_send(self, connection: Connection, intent: Row[Any]) -> str:
        """Why an intent may not leave, in the transaction that would mark it sent; empty if it may. Each no is a row there."""
        if refusal := self._guarding.refusal_now(connection, intent):
            return refusal
        denial = self._not_wanted(connection, intent) or self._in_doubt(connection, intent)
        if denial is None:
            return ""
        self._guarding.refused(connection, (intent.symbol, intent.signal_key), (denial,), intent.client_order_id)
        return denial.found

    def _not_wanted(self, connection: Connection, intent: Row[Any]) -> Denial | None:
        """What became of its deployment since the order was planned."""
        deployment = deployment_by_id(connection, intent.deployment_id)
        if not deployment.is_active:
            found = f"deployment {intent.deployment_id} is not active any more; another one trades, or none"
            return Denial("deployment_trades", found, "an active deployment", "`fxgpt deployments` tells what trades")
        if pause := pause_of(connection, deployment.symbol, deployment.timeframe):
            return Denial("deployment_trades", pause.refusal, "a series that is not paused", "`fxgpt resume` ends the pause")
        return None

    def _in_doubt(self, connection: Connection, intent: Row[Any]) -> Denial | None:
        """What is not known of the symbol."""
        if refusal := self._comparison.refusal(intent.symbol):
            return Denial(
                "books_agree", refusal, "books that agree with the broker's", "`fxgpt live status` tells the difference"
            )
        unknown = (order_intents.c.account == self._account, order_intents.c.symbol == intent.symbol)
        n = select(func.count()).where(*unknown, order_intents.c.state == IntentState.UNKNOWN)
        if n_unknown := connection.execute(n).scalar_one():
            found = f"{n_unknown} orders on the symbol have an unknown outcome, 0 are allowed: wait for the broker"
            return Denial("unknown_orders", found, "0 are allowed", "wait for the broker")
        return None
