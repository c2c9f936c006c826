"""After each candle: stops tightened, positions closed whose time is up. The rules are the backtest's."""

import json

from sqlalchemy import Connection, func, select, update

from fxgpt_core.brokers.broker import Broker
from fxgpt_core.live import state_of_trading
from fxgpt_core.live.candle_feed import ClosedCandle
from fxgpt_core.live.closing import BY_RULE, Closing
from fxgpt_core.live.command import outcome_of
from fxgpt_core.live.deployed import Deployed
from fxgpt_core.live.intents import stop_reason
from fxgpt_core.live.order_path import Checkpoint, no_checkpoint
from fxgpt_core.live.protection import same_price
from fxgpt_core.market import fills as fill_rule
from fxgpt_core.market.orders import OrderOutcome, Position
from fxgpt_core.registry import lineage
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import decisions, live_candles, order_intents, positions, signals

_STOP_CODES = {"stop": fill_rule.REASON_STOP, "breakeven": fill_rule.REASON_BREAKEVEN, "trailing": fill_rule.REASON_TRAILING}


class Exits:
    """Manages the open positions of one account."""

    def __init__(
        self, ledger: Ledger, broker: Broker, account: str, closing: Closing, checkpoint: Checkpoint = no_checkpoint
    ) -> None:
        self.ledger, self.broker, self.account = ledger, broker, account
        self._closing, self._checkpoint = closing, checkpoint

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
                if self._may_close() and self._closing.plan(held, BY_RULE) is not None:
                    await self._closing.drive()
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
        # Of the ledger, where there is one: a broker rounds it, and the process may have ended between the two.
        before = held.stop_price if booked is None else booked
        code = _STOP_CODES[stop_reason(held.entry_price, before, first)]
        close = candle.close + fill_rule.bought_above(-int(held.side), quote.spread)
        stop, _ = fill_rule.tightened_stop(int(held.side), held.entry_price, close, before, code, plan)
        if stop == before or not self._may_close():
            return
        if not same_price(stop, held.stop_price, self.broker.terms(held.symbol)):
            amended = await outcome_of(self.broker.amend(held.position_id, stop, held.target_price))
            if amended.outcome is not OrderOutcome.CONFIRMED:
                return  # closed meanwhile, as its fill will say; or not known, and the next candle tightens it again
            self._checkpoint("amended")
        if booked is not None:
            with self.ledger.begin() as connection:
                moved = update(positions).where(positions.c.position_id == held.position_id)
                connection.execute(moved.values(stop_price=stop))
                fact = {"position_id": held.position_id, "stop_price": stop, "open_time_us": candle.open_time_us}
                lineage.append(connection, "stop_tightened", fact, self.ledger.now())

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
