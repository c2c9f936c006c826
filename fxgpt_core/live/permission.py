"""Whether an order may leave: asked in the transaction that marks it sent, and at the very last moment once more."""

from typing import Any

from sqlalchemy import Connection, Row, func, select

from fxgpt_core.brokers.broker import Broker
from fxgpt_core.live import state_of_trading
from fxgpt_core.live.intents import IntentState
from fxgpt_core.live.kill_switch import KillSwitch
from fxgpt_core.live.lease import LeasedLedger
from fxgpt_core.registry.deployment_records import deployment_by_id
from fxgpt_core.registry.live_tables import order_intents
from fxgpt_core.registry.pauses import pause_of


class Permission:
    """What one account's orders need to leave; `compared` is the connection of which the books were compared last."""

    def __init__(self, ledger: LeasedLedger, broker: Broker, account: str, switch: KillSwitch) -> None:
        self._ledger, self._broker, self._account, self._switch = ledger, broker, account, switch
        self.compared = 0

    def last_word(self) -> str:
        """Why nothing may leave at this very moment, empty if it may: the books, the switch, the lease."""
        if self.compared != self._broker.connections:
            return "the books of this connection are not compared yet: nothing is entered before they are"
        return self._switch.refusal() or self._ledger.refusal()

    def may_send(self, connection: Connection, intent: Row[Any]) -> str:
        """Why an intent may not leave, in the transaction that would mark it sent; empty if it may."""
        state = state_of_trading.state(connection, self._account)
        if not state.may_enter:
            return f"trading is {state}; only an active account enters: resume it first"
        deployment = deployment_by_id(connection, intent.deployment_id)
        if not deployment.is_active:
            return f"deployment {intent.deployment_id} is not active any more; another one trades, or none"
        if pause := pause_of(connection, deployment.symbol, deployment.timeframe):
            return pause.refusal
        unknown = (order_intents.c.account == self._account, order_intents.c.symbol == intent.symbol)
        n = select(func.count()).where(*unknown, order_intents.c.state == IntentState.UNKNOWN)
        if n_unknown := connection.execute(n).scalar_one():
            return f"{n_unknown} orders on the symbol have an unknown outcome, 0 are allowed: wait for the broker"
        return ""
