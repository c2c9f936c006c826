"""From signal to order: the guards a signal must pass, and its size by the account's equity."""

import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, select

from fxgpt_core.backtest.placing import Wish, placed
from fxgpt_core.brokers.broker import Broker, Refusal
from fxgpt_core.live.denials import told
from fxgpt_core.live.deployed import Deployed
from fxgpt_core.live.guarding import Entry, Guarding
from fxgpt_core.live.intents import IntentState
from fxgpt_core.live.order_id import client_order_id
from fxgpt_core.live.order_path import OrderPath
from fxgpt_core.market import fills
from fxgpt_core.market.charges import Charges, terms_of
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.orders import Account, OrderOutcome, OrderRequest, OrderType, Side
from fxgpt_core.market.positions import NOTHING, Candle, Held
from fxgpt_core.market.symbols import symbol as symbol_of
from fxgpt_core.portfolio.guards.denial import Denial
from fxgpt_core.portfolio.guards.volume import units_on_grid
from fxgpt_core.registry.artifact_tables import deployment_evidence
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_records import DENIED, EXPIRED, NEW, move_signal
from fxgpt_core.registry.live_tables import decisions, order_intents, signals
from fxgpt_core.registry.pauses import open_pauses
from fxgpt_core.registry.tables import deployment_configs

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

    @property
    def account_currency(self) -> str:
        """What the account is kept in: with flat costs the quote currency, else what the charges name."""
        return self.costs.account_currency if isinstance(self.costs, Charges) else symbol_of(self.symbol).quote


class Entries:
    """Turns the new signals of one account into orders, or writes down why not."""

    def __init__(
        self, ledger: Ledger, broker: Broker, account: str, path: OrderPath, guarding: Guarding, dispatch: Dispatch = at_once
    ) -> None:
        self._ledger, self._broker, self._account, self._path = ledger, broker, account, path
        self._guarding, self._dispatch = guarding, dispatch

    async def enter(self, deployment: Deployed, moment: MarketMoment) -> int:
        """Handle the new signals of a deployment at a market moment; returns how many orders were handed over."""
        sent = 0
        for signal in self._new_signals(deployment.deployment_id, moment.known_at_us):
            if self._guarding.waits_for_prices(moment.symbol, int(signal.known_at_us)):
                continue
            request, found = await self._request(signal, deployment, moment)
            if found:
                state = EXPIRED if any(denial.guard == "signal_age" for denial in found) else DENIED
                self._refuse(signal, state, told(found), found)
            elif self._path.plan(signal, request, deployment.deployment_id):
                sent += await self._dispatch(self._sent(signal, request, deployment.deployment_id))
        return sent

    async def _sent(self, signal: Row[Any], request: OrderRequest, deployment_id: int) -> bool:
        """Whether an order left. One for which the money was definitely too little is tried once more at half its size."""
        result = await self._path.send(request)
        if result.refusal is not Refusal.NOT_ENOUGH_MONEY:
            return result.outcome is not OrderOutcome.DENIED
        units = units_on_grid(request.units // 2, self._broker.terms(request.symbol))
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
                reason = refusal if signal.is_active and refusal else inactive
                wanted = "an active deployment, a series that is played and not paused"
                remedy = "`fxgpt deployments` and `fxgpt live status` tell what trades"
                self._refuse(signal, DENIED, reason, (Denial("deployment_trades", reason, wanted, remedy),))

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
            if self._path.is_in_peace or self._guarding.waits_for_prices(intent.symbol, int(intent.known_at_us)):
                continue
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

    async def _request(
        self, signal: Row[tuple[object, ...]], deployment: Deployed, moment: MarketMoment
    ) -> tuple[OrderRequest, tuple[Denial, ...]]:
        """The order a signal would become, and every reason why it may not."""
        numbers = json.loads(str(signal.payload_json))["decision"]["numbers"]
        close = float(numbers["close"])
        account, execution = self._broker.account(), deployment.execution_by(numbers)
        order = self._placed(signal, close, moment, account, execution.max_margin_fraction)
        units = 0 if order is None else units_on_grid(order.units, self._broker.terms(moment.symbol))
        stop, target = fills.bracket(signal.side, close, signal.stop_distance, signal.target_distance)
        request = OrderRequest(
            client_order_id(str(signal.signal_key)), moment.symbol, Side(signal.side), units, stop, target, moment.known_at_us
        )
        entry = Entry(
            deployment, int(signal.side), units, close, int(signal.known_at_us), moment.known_at_us, execution.daily_loss_limit,
            moment.account_currency,
        )  # fmt: skip
        found = await self._guarding.refusals(entry)
        impossible = _impossible(order, moment.symbol, f"stop {stop:.6g} and target {target:.6g} around {close:.6g}")
        if impossible is None:
            return request, found
        # An order that cannot be has no size, which is no reason of its own.
        return request, (impossible, *(denial for denial in found if denial.guard != "volume"))

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

    def _refuse(self, signal: Row[Any], state: str, reason: str, found: Sequence[Denial]) -> None:
        with self._ledger.begin() as connection:
            move_signal(connection, signal.signal_key, state, reason, self._ledger.now())
            self._guarding.refused(connection, (_symbol_of(signal), signal.signal_key), found)


def _symbol_of(signal: Row[Any]) -> str:
    return str(signal.signal_key).split(":")[1]


def _impossible(order: Held | None, symbol: str, bracket: str) -> Denial | None:
    """Why no order can be made of a signal at all; None when one can."""
    if order is None:
        found = f"the broker knows no price of {symbol} in the account's money yet"
        return Denial("price", found, "a price of the symbol", "wait for a candle")
    if order == NOTHING:
        remedy = "the stop is within the spread: a wider stop, or a symbol with a narrower spread"
        return Denial("bracket", f"{bracket} do not enclose the price after the spread", "a stop and a target beyond it", remedy)
    return None


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
