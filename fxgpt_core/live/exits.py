"""After each close: fills written down, stops tightened, positions closed whose time is up. The rules are the backtest's."""

import json
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from fxgpt_core.brokers.broker import Broker
from fxgpt_core.live import state_of_trading
from fxgpt_core.live.candle_feed import ClosedCandle
from fxgpt_core.live.deployed import Deployed
from fxgpt_core.live.order_path import Checkpoint, IntentState, no_checkpoint
from fxgpt_core.market import fills as fill_rule
from fxgpt_core.market.orders import Fill, OrderOutcome, Position
from fxgpt_core.registry import lineage
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import decisions, fills, live_candles, order_intents, orders, positions, signals

_STOP_CODES = {"stop": fill_rule.REASON_STOP, "breakeven": fill_rule.REASON_BREAKEVEN, "trailing": fill_rule.REASON_TRAILING}


class Exits:
    """Books fills and manages the open positions of one account."""

    def __init__(self, ledger: Ledger, broker: Broker, account: str, checkpoint: Checkpoint = no_checkpoint) -> None:
        self.ledger, self.broker, self.account = ledger, broker, account
        self._checkpoint = checkpoint
        # Of this process only: after a restart all fills are looked at again, and those in the ledger are left alone.
        self._cursor = 0

    def book_fills(self) -> int:
        """Write every fill the broker has and the ledger has not, each in one transaction; returns how many."""
        n_new = 0
        for cursor, fill in self.broker.fills_since(self._cursor):
            with self.ledger.begin() as connection:
                if connection.execute(select(fills.c.fill_id).where(fills.c.fill_id == fill.fill_id)).first() is None:
                    self._book(connection, fill)
                    n_new += 1
            self._cursor = cursor
        return n_new

    async def manage(self, deployment: Deployed, candle: ClosedCandle) -> None:
        """Apply the deployment's exit rules to the open positions of its symbol, at a candle's close.

        A halted account sends nothing: its positions keep the stops and targets that rest at the broker.
        """
        for held in self.broker.positions():
            if held.symbol != deployment.symbol or self._deployment_of(held) != deployment.deployment_id:
                continue
            numbers = self._numbers(held)
            execution = deployment.execution_by(numbers)
            if fill_rule.time_is_up(self._candles_held(held, deployment, candle), execution.max_candles):
                if self._may_close():
                    await self.broker.close(held.position_id, f"{held.client_order_id}-time", "time")
                    self._checkpoint("closing")
            else:
                await self._tighten(held, execution.plan_of(numbers.get("pattern_led") == 1.0), candle)

    def _may_close(self) -> bool:
        """Asked right before each command; raises in a process that is not the gateway any more."""
        with self.ledger.begin() as connection:
            return state_of_trading.state(connection, self.account).may_close

    async def _tighten(self, held: Position, plan: fill_rule.ExitPlan, candle: ClosedCandle) -> None:
        quote = self.broker.quote(held.symbol)
        if held.stop_price is None or quote is None:
            return
        with self.ledger.reading() as connection:
            first, booked = self._stops(connection, held)
        code = _STOP_CODES[_stop_reason(held.entry_price, held.stop_price, first)]
        close = candle.close + fill_rule.bought_above(-int(held.side), quote.spread)
        stop, _ = fill_rule.tightened_stop(int(held.side), held.entry_price, close, held.stop_price, code, plan)
        if stop != held.stop_price and not self._may_close():
            stop = held.stop_price
        if stop != held.stop_price:
            amended = await self.broker.amend(held.position_id, stop, held.target_price)
            if amended.outcome is not OrderOutcome.CONFIRMED:
                return  # it was closed meanwhile; its fill says how
            self._checkpoint("amended")
        # Asked of the ledger, not of the broker: the process may have ended between the two.
        if booked is not None and stop != booked:
            with self.ledger.begin() as connection:
                moved = update(positions).where(positions.c.position_id == held.position_id)
                connection.execute(moved.values(stop_price=stop))
                fact = {"position_id": held.position_id, "stop_price": stop, "open_time_us": candle.open_time_us}
                lineage.append(connection, "stop_tightened", fact, self.ledger.now())

    def _book(self, connection: Connection, fill: Fill) -> None:
        """One fill with everything it changes."""
        intent = connection.execute(
            select(order_intents).where(order_intents.c.client_order_id == fill.client_order_id)
        ).one_or_none()
        reason = self._named(connection, fill)
        row = {
            "fill_id": fill.fill_id,
            "order_id": intent.order_id if intent else None,
            "client_order_id": fill.client_order_id,
            "position_id": fill.position_id,
            "account": self.account,
            "symbol": fill.symbol,
            "side": int(fill.side),
            "units": fill.units,
            "price": fill.price,
            "commission": fill.commission,
            "reason": reason,
            "time_us": fill.time_us,
        }
        connection.execute(insert(fills), {**row, "created_at": self.ledger.now()})
        lineage.append(connection, "fill", row, self.ledger.now())
        if fill.reason == "entry":
            # One that we never ordered is a fill and no position of ours: the comparison of the books finds it and halts.
            if intent is not None:
                self._book_entry(connection, fill, intent)
        else:
            closed = {"state": "closed", "exit_price": fill.price, "exit_time_us": fill.time_us, "exit_reason": reason}
            connection.execute(update(positions).where(positions.c.position_id == fill.position_id).values(**closed))

    def _book_entry(self, connection: Connection, fill: Fill, intent: Row[Any]) -> None:
        now = self.ledger.now()
        mine = order_intents.c.client_order_id == fill.client_order_id
        filled = {"state": IntentState.FILLED, "position_id": fill.position_id, "updated_at": now}
        connection.execute(update(order_intents).where(mine).values(**filled))
        if intent.state != IntentState.FILLED:
            fact = {"client_order_id": fill.client_order_id, "from": intent.state, "to": str(IntentState.FILLED), "reason": ""}
            lineage.append(connection, "order_state", fact, now)
        by_id = orders.c.client_order_id == fill.client_order_id
        connection.execute(update(orders).where(by_id).values(state=IntentState.FILLED, updated_at=now))
        row = {
            "position_id": fill.position_id,
            "client_order_id": fill.client_order_id,
            "account": self.account,
            "symbol": fill.symbol,
            "side": int(fill.side),
            "units": fill.units,
            "entry_price": fill.price,
            "entry_time_us": fill.time_us,
            "stop_price": intent.stop_price,
            "target_price": intent.target_price,
            "state": "open",
        }
        connection.execute(insert(positions), row)

    def _named(self, connection: Connection, fill: Fill) -> str:
        """The reason of a fill: a broker says "stop", we know which of our rules had put the stop there."""
        if fill.reason != "stop":
            return fill.reason
        held = connection.execute(select(positions).where(positions.c.position_id == fill.position_id)).one_or_none()
        if held is None or held.stop_price is None:
            return fill.reason
        asked = select(order_intents.c.stop_price).where(order_intents.c.client_order_id == held.client_order_id)
        return _stop_reason(held.entry_price, held.stop_price, connection.execute(asked).scalar_one_or_none())

    def _stops(self, connection: Connection, held: Position) -> tuple[float | None, float | None]:
        """The stop the order was sent with, and the one in our books now."""
        asked = (
            select(order_intents.c.stop_price.label("first"), positions.c.stop_price.label("booked"))
            .join(positions, positions.c.client_order_id == order_intents.c.client_order_id)
            .where(positions.c.position_id == held.position_id)
        )
        found = connection.execute(asked).one_or_none()
        return (None, None) if found is None else (found.first, found.booked)

    def _deployment_of(self, held: Position) -> int | None:
        asked = select(order_intents.c.deployment_id).where(order_intents.c.client_order_id == held.client_order_id)
        with self.ledger.reading() as connection:
            return connection.execute(asked).scalar_one_or_none()

    def _numbers(self, held: Position) -> dict[str, float | None]:
        """Those of the decision that the position's order was made of, so that a restart changes nothing."""
        asked = (
            select(decisions.c.payload_json)
            .join(signals, signals.c.decision_id == decisions.c.id)
            .join(order_intents, order_intents.c.signal_key == signals.c.signal_key)
            .where(order_intents.c.client_order_id == held.client_order_id)
        )
        with self.ledger.reading() as connection:
            payload = connection.execute(asked).scalar_one()
        numbers: dict[str, float | None] = json.loads(payload)["decision"]["numbers"]
        return numbers

    def _candles_held(self, held: Position, deployment: Deployed, candle: ClosedCandle) -> int:
        """Candles since the entry, the entry candle included."""
        asked = select(func.count()).where(
            live_candles.c.symbol == deployment.symbol,
            live_candles.c.timeframe == deployment.timeframe,
            live_candles.c.open_time_us.between(held.entry_time_us, candle.open_time_us),
        )
        with self.ledger.reading() as connection:
            return connection.execute(asked).scalar_one()


def _stop_reason(entry_price: float, stop_price: float, first_stop: float | None) -> str:
    if stop_price == first_stop:
        return "stop"
    return "breakeven" if stop_price == entry_price else "trailing"
