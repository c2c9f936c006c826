"""From signal to order: the guards a signal must pass, and its size by the account's equity."""

import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, func, select

from fxgpt_core.backtest.placing import Wish, placed
from fxgpt_core.brokers.broker import Broker, Refusal, TradingTerms
from fxgpt_core.live import state_of_trading
from fxgpt_core.live.deployed import Deployed
from fxgpt_core.live.equity_marks import day_start
from fxgpt_core.live.intents import IntentState
from fxgpt_core.live.order_id import client_order_id
from fxgpt_core.live.order_path import OrderPath
from fxgpt_core.market import fills
from fxgpt_core.market.charges import Charges, terms_of
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.orders import Account, OrderOutcome, OrderRequest, OrderType, Side
from fxgpt_core.market.positions import NOTHING, Candle, Held
from fxgpt_core.portfolio.limits import AccountSituation, Limits, denials
from fxgpt_core.registry.artifact_tables import deployment_evidence
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_records import DENIED, EXPIRED, NEW, move_signal
from fxgpt_core.registry.live_tables import decisions, order_intents, positions, signals
from fxgpt_core.registry.pauses import open_pauses
from fxgpt_core.registry.tables import deployment_configs

_MINUTE_US = 60_000_000


Dispatch = Callable[[Coroutine[Any, Any, bool]], Awaitable[bool]]
"""How an order is handed over: `at_once`, or beside others while the next signal is looked at."""


async def at_once(sending: Coroutine[Any, Any, bool]) -> bool:
    """Hand an order over and wait for what becomes of it."""
    return await sending


@dataclass(frozen=True)
class MarketMoment:
    """The market's own time: close of the last candle played, in µs; a signal made at another moment came too late."""

    symbol: str
    timeframe: str
    known_at_us: int
    costs: Costs | Charges


class Entries:
    """Turns the new signals of one account into orders, or writes down why not."""

    def __init__(self, ledger: Ledger, broker: Broker, account: str, path: OrderPath, dispatch: Dispatch = at_once) -> None:
        self._ledger, self._broker, self._account, self._path = ledger, broker, account, path
        self._dispatch = dispatch

    async def enter(self, deployment: Deployed, moment: MarketMoment) -> int:
        """Handle the new signals of a deployment at a market moment; returns how many orders were handed over."""
        sent = 0
        for signal in self._new_signals(deployment.deployment_id, moment.known_at_us):
            request, refusals = self._request(signal, deployment, moment)
            if refusals:
                state = EXPIRED if signal.known_at_us < moment.known_at_us else DENIED
                self._refuse(signal, state, "; ".join(refusals))
            elif self._path.plan(signal, request, deployment.deployment_id):
                sent += await self._dispatch(self._sent(signal, request, deployment.deployment_id))
        return sent

    async def _sent(self, signal: Row[Any], request: OrderRequest, deployment_id: int) -> bool:
        """Whether an order left. One for which the money was definitely too little is tried once more at half its size."""
        result = await self._path.send(request)
        if result.refusal is not Refusal.NOT_ENOUGH_MONEY:
            return result.outcome is not OrderOutcome.DENIED
        units = whole_units(request.units // 2, self._broker.terms(request.symbol))
        smaller = replace(request, client_order_id=client_order_id(str(signal.signal_key), 1), units=units)
        if units > 0 and self._path.plan(signal, smaller, deployment_id, retry=1):
            await self._path.send(smaller)
        return True

    def is_waiting(self) -> bool:
        """Whether any signal waits to be looked at; cheap enough to be asked all the time."""
        with self._ledger.reading() as connection:
            return connection.execute(select(signals.c.signal_key).where(signals.c.state == NEW).limit(1)).first() is not None

    def refuse_untraded(self, unplayed: Mapping[int, str]) -> None:
        """Deny the new signals of deployments that are not active any more, of paused series, and of those in `unplayed`.

        `unplayed`: the reason by deployment id.
        """
        place = (deployment_configs.c.symbol, deployment_configs.c.timeframe)
        asked = (
            select(signals, decisions.c.deployment_id, deployment_configs.c.is_active, *place)
            .join(decisions, decisions.c.id == signals.c.decision_id)
            .join(deployment_configs, deployment_configs.c.id == decisions.c.deployment_id)
            .join(deployment_evidence, deployment_evidence.c.deployment_id == decisions.c.deployment_id)
            .where(signals.c.state == NEW, deployment_evidence.c.broker == self._broker.name)
        )
        with self._ledger.reading() as connection:
            found = connection.execute(asked).all()
            paused = {(pause.symbol, pause.timeframe): pause.refusal for pause in open_pauses(connection)}
        for signal in found:
            inactive = f"deployment {signal.deployment_id} is not active any more; another one trades, or none"
            refusal = unplayed.get(signal.deployment_id) or paused.get((signal.symbol, signal.timeframe))
            if not signal.is_active or refusal:
                self._refuse(signal, DENIED, refusal if signal.is_active and refusal else inactive)

    async def continue_planned(self, moments: Mapping[str, int]) -> int:
        """Send intents that were planned but not sent when the process ended; those whose candle has passed expire unsent.

        `moments` has the market time of each symbol. Nothing of a PLANNED intent ever left this process; whether it still may
        is asked again when it is sent.
        """
        asked = (
            select(order_intents, decisions.c.known_at_us)
            .join(signals, signals.c.signal_key == order_intents.c.signal_key)
            .join(decisions, decisions.c.id == signals.c.decision_id)
            .where(order_intents.c.account == self._account, order_intents.c.state == IntentState.PLANNED)
        )
        with self._ledger.reading() as connection:
            planned = connection.execute(asked).all()
        sent = 0
        for intent in planned:
            request = _stored_request(intent)
            if intent.known_at_us == moments.get(intent.symbol):
                sent += await self._dispatch(self._again(request))
            else:
                self._path.drop(request.client_order_id, "planned before a restart; its candle has passed")
        return sent

    async def _again(self, request: OrderRequest) -> bool:
        return (await self._path.send(request)).outcome is not OrderOutcome.DENIED

    def _new_signals(self, deployment_id: int, until_us: int) -> list[Row[tuple[object, ...]]]:
        """Signals decided on candles this market has played; decisions may run ahead of it, theirs wait for their candle."""
        asked = (
            select(signals, decisions.c.known_at_us, decisions.c.payload_json)
            .join(decisions, decisions.c.id == signals.c.decision_id)
            .where(signals.c.state == NEW, decisions.c.deployment_id == deployment_id, decisions.c.known_at_us <= until_us)
            .order_by(decisions.c.known_at_us)
        )
        with self._ledger.reading() as connection:
            return list(connection.execute(asked).all())

    def _request(
        self, signal: Row[tuple[object, ...]], deployment: Deployed, moment: MarketMoment
    ) -> tuple[OrderRequest, tuple[str, ...]]:
        """The order a signal would become, and every reason why it may not."""
        numbers = json.loads(str(signal.payload_json))["decision"]["numbers"]
        close = float(numbers["close"])
        account, execution = self._broker.account(), deployment.execution_by(numbers)
        order = self._placed(signal, close, moment, account, execution.max_margin_fraction)
        units = 0 if order is None else whole_units(order.units, self._broker.terms(moment.symbol))
        stop, target = fills.bracket(signal.side, close, signal.stop_distance, signal.target_distance)
        request = OrderRequest(
            client_order_id(str(signal.signal_key)), moment.symbol, Side(signal.side), units, stop, target, moment.known_at_us
        )
        refusals = []
        if signal.known_at_us != moment.known_at_us:
            refusals.append(
                f"the signal is of {signal.known_at_us} µs and the market at {moment.known_at_us} µs: "
                "it may only be traded at the next open"
            )
        if order is None:
            refusals.append(f"the broker knows no price of {moment.symbol} in the account's money yet: wait for a candle")
        elif order == NOTHING:
            refusals.append(f"stop {stop} and target {target} do not enclose the price {close} after the spread")
        limits = Limits(daily_loss_limit=execution.daily_loss_limit)
        # An order that cannot be has no size, which is no reason of its own.
        sized = 1 if order is None or order == NOTHING else units
        return request, (*refusals, *denials(sized, self._situation(moment, account.equity), limits))

    def _placed(
        self, signal: Row[Any], close: float, moment: MarketMoment, account: Account, max_margin_fraction: float
    ) -> Held | None:
        """The order that the backtest makes of the signal at this close; None without a price to make it by."""
        quote = self._broker.quote(moment.symbol)
        if quote is None:
            return None
        candle = Candle(0, close, close, close, close, quote.spread, quote.spread, quote.conversion)
        wish = Wish(signal.side, signal.stop_distance, signal.target_distance, signal.risk_fraction, 0.0, 0.0, False)
        terms = terms_of(moment.costs, account.balance, 1.0 / (1.0 / account.leverage))
        return placed(candle, wish, terms, account.equity, max_margin_fraction)

    def _situation(self, moment: MarketMoment, equity: float) -> AccountSituation:
        symbol = moment.symbol
        with self._ledger.reading() as connection:
            begun = day_start(connection, self._account)
            mine = (order_intents.c.account == self._account,)
            pending = (IntentState.PLANNED, IntentState.SENT, IntentState.ACCEPTED)
            return AccountSituation(
                state=state_of_trading.state(connection, self._account),
                equity=equity,
                day_start_equity=equity if begun is None else begun.equity,
                open_positions=_count(connection, positions.c.account == self._account, positions.c.symbol == symbol,
                                      positions.c.state == "open")
                + _count(connection, *mine, order_intents.c.symbol == symbol, order_intents.c.state.in_(pending)),
                unknown_orders=_count(connection, *mine, order_intents.c.symbol == symbol,
                                      order_intents.c.state == IntentState.UNKNOWN),
                orders_last_minute=self._orders_in_the_minute_to(connection, moment.known_at_us),
            )  # fmt: skip

    def _orders_in_the_minute_to(self, connection: Connection, known_at_us: int) -> int:
        """Orders sent on decisions of the minute up to a moment, in market time: a replay of a day in a minute is no burst.

        Another symbol's market may be ahead; its orders are not of this minute.
        """
        return connection.execute(
            select(func.count())
            .select_from(order_intents)
            .join(signals, signals.c.signal_key == order_intents.c.signal_key)
            .join(decisions, decisions.c.id == signals.c.decision_id)
            .where(order_intents.c.account == self._account, order_intents.c.sent_at.is_not(None))
            .where(decisions.c.known_at_us > known_at_us - _MINUTE_US, decisions.c.known_at_us <= known_at_us)
        ).scalar_one()

    def _refuse(self, signal: Row[tuple[object, ...]], state: str, reason: str) -> None:
        with self._ledger.begin() as connection:
            move_signal(connection, str(signal.signal_key), state, reason, self._ledger.now())


def _count(connection: Connection, *conditions: object) -> int:
    return connection.execute(select(func.count()).where(*conditions)).scalar_one()  # type: ignore[arg-type]


def whole_units(units: int, terms: TradingTerms | None) -> int:
    """Units rounded down to what may be ordered of a symbol; 0 where that is nothing."""
    if terms is None:
        return max(0, units)
    stepped = min(units, terms.max_units) // terms.step_units * terms.step_units
    return stepped if stepped >= terms.min_units else 0


def _stored_request(intent: Row[tuple[object, ...]]) -> OrderRequest:
    return OrderRequest(
        client_order_id=str(intent.client_order_id),
        symbol=str(intent.symbol),
        side=Side(intent.side),
        units=int(intent.units),
        stop_price=intent.stop_price,
        target_price=intent.target_price,
        requested_at_us=int(intent.known_at_us),
        order_type=OrderType(intent.order_type),
        stop_distance=intent.stop_distance,
        target_distance=intent.target_distance,
    )
