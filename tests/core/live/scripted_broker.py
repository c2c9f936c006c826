"""A broker that lives by itself and answers as a test scripts it: the whole role, in memory, nothing waits in real time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from quoted_broker import Clock

from fxgpt_core.brokers.broker import BrokerOrder, OrderResult, OrderState, Permit, Quote, Refusal, TradingTerms, permitted
from fxgpt_core.errors import NotReadyError
from fxgpt_core.market.orders import Account, Fill, OrderOutcome, OrderRequest, Position, Side
from fxgpt_core.market.timeframes import Timeframe

PRICES = {"EURUSD": 1.1, "GBPUSD": 1.25}
SPREAD = 0.0001
DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Answer:
    """What becomes of one command: whether it is done there, what is answered, and after what.

    `fills`: units of the parts an order is filled in at once; None: all of it. `breaks`: no answer comes. `seen_after_s`: how
    long the broker's books do not show an order they have. `waits`: answered once this is set. `shift`: how far from the wish the
    levels of the position lie.
    """

    outcome: OrderOutcome = OrderOutcome.CONFIRMED
    is_done: bool = True
    fills: tuple[int, ...] | None = None
    refusal: Refusal | None = None
    retry_after_s: float | None = None
    breaks: bool = False
    seen_after_s: float = 0.0
    waits: asyncio.Event | None = None
    shift: float = 0.0


DONE = Answer()
ACCEPTED = Answer(fills=())
NEVER_WRITTEN = Answer(OrderOutcome.DENIED, is_done=False)
LOST = Answer(is_done=False, breaks=True)
HIDDEN = Answer(breaks=True)
SWALLOWED = Answer(is_done=False)
"""Confirmed, and not done all the same."""


def refused(refusal: Refusal = Refusal.OTHER, retry_after_s: float | None = None) -> Answer:
    """The broker's no."""
    return Answer(OrderOutcome.REJECTED, False, refusal=refusal, retry_after_s=retry_after_s)


class ScriptedBroker:
    """One account. Commands take the next answer of their script, and are done where it is empty.

    `left` has the client order ids in the order in which they reached the broker, `accepted` those it took, `commands` every
    other command. `compared`: the connection of which its positions were last asked for.
    """

    def __init__(self, clock: Clock, name: str = "paper") -> None:
        self.name, self._clock = name, clock
        self.is_ready, self.connections, self.settles_within = False, 0, timedelta(seconds=5)
        self.places: deque[Answer] = deque()
        self.closes: deque[Answer] = deque()
        self.amends: deque[Answer] = deque()
        self.cancels: deque[Answer] = deque()
        self.left: list[str] = []
        self.commands: list[tuple[str, str]] = []
        self.book: dict[str, BrokerOrder] = {}
        self.held: dict[str, Position] = {}
        self.told: list[Fill] = []
        self.is_mute, self.min_units = False, 1000
        self.n_read_anew, self.equity = 0, 100_000.0
        self.since_us: int | None = None
        self.before_write: Callable[[], None] = lambda: None
        self.on_left: Callable[[OrderRequest], None] = lambda request: None
        self.asked: list[OrderRequest] = []
        self.accepted: list[str] = []
        self.compared = 0
        self._seen_from: dict[str, int] = {}
        self._quotes: dict[str, Quote] = {}
        self._number, self._from_us = 0, 0

    # What a test does at the broker.

    def tick(self) -> None:
        """A new price of everything, made now."""
        for name, bid in PRICES.items():
            self._quotes[name] = Quote(SPREAD, 1.0, bid, bid + SPREAD, self._clock.us)

    def lose(self) -> None:
        """The connection is lost: nothing is known, and nothing leaves."""
        self.is_ready = False

    def come_back(self) -> None:
        """A new connection, with the books read anew."""
        self.is_ready, self.connections = True, self.connections + 1

    def take(self, order: str, symbol: str, units: int) -> None:
        """The broker has an order of which it had said, or shown, that it has it not."""
        self.book[order] = BrokerOrder(self._next("o"), order, symbol, Side.LONG, units, OrderState.ACCEPTED, None, "")

    def fill(self, order: str, units: int | None = None, price: float | None = None) -> Fill:
        """Fill an order, by default all that is left of it."""
        known = self.book[order]
        units = known.units - known.filled_units if units is None else units
        bid = PRICES[known.symbol]
        price = (bid + SPREAD if known.side > 0 else bid) if price is None else price
        filled = known.filled_units + units
        state = OrderState.FILLED if filled >= known.units else OrderState.PARTLY_FILLED
        position = known.position_id or self._next("p")
        self.book[order] = replace(known, state=state, filled_units=filled, position_id=position)
        held = self.held.get(position)
        request = next((one for one in self.asked if one.client_order_id == order), None)
        if held is None:
            levels = (request.stop_price, request.target_price) if request else (1.096, 1.108)
            self.held[position] = Position(
                position, order, known.symbol, known.side, units, price, self._clock.us, *levels
            )  # fmt: skip
        else:
            average = (held.entry_price * held.units + price * units) / (held.units + units)
            self.held[position] = replace(held, units=held.units + units, entry_price=average)
        return self._deal(order, position, known.symbol, known.side, (units, price, "entry"))

    def leave(self, position: str, reason: str, units: int | None = None, price: float | None = None) -> Fill:
        """Units of a position leave it, by its stop or by hand; by default all of them."""
        held = self.held[position]
        units = held.units if units is None else units
        price = PRICES[held.symbol] if price is None else price
        if units == held.units:
            del self.held[position]
        else:
            self.held[position] = replace(held, units=held.units - units)
        return self._deal(held.client_order_id, position, held.symbol, held.side, (units, price, reason))

    def end(self, order: str, state: OrderState) -> None:
        """The broker ends an order that it has not filled whole."""
        self.book[order] = replace(self.book[order], state=state, reason="ended by the broker")

    def open_by_hand(self, symbol: str = "EURUSD", units: int = 3000) -> str:
        """A person opens a position at the broker."""
        position = self._next("p")
        self.held[position] = Position(position, "", symbol, Side.LONG, units, 1.1, self._clock.us, 1.09, 1.12)
        self._deal("", position, symbol, Side.LONG, (units, 1.1, "entry"))
        return position

    def wait_by_hand(self, symbol: str = "EURUSD") -> str:
        """A person leaves an order at the broker that waits for a price."""
        order = self._next("o")
        self.book[order] = BrokerOrder(order, "", symbol, Side.LONG, 1000, OrderState.ACCEPTED, None, "")
        return order

    def move(self, position: str, stop: float | None, target: float | None) -> None:
        """A person moves the levels of a position."""
        self.held[position] = replace(self.held[position], stop_price=stop, target_price=target)

    # The role.

    async def connect(self, since_us: int | None = None) -> None:
        self.since_us = since_us
        self._from_us = self._clock.us - DAY_US if since_us is None else since_us
        self.come_back()

    async def disconnect(self) -> None:
        self.lose()

    async def subscribe(self, symbols: Sequence[str]) -> None:
        self.tick()

    async def want_candles(self, symbol: str, timeframe: Timeframe, since_us: int | None = None) -> None:
        """It makes none: a test releases them."""

    async def place(self, request: OrderRequest, permit: Permit = permitted) -> OrderResult:
        answer = self.places.popleft() if self.places else DONE
        self.before_write()
        if refusal := permit():
            return OrderResult(OrderOutcome.DENIED, reason=refusal)
        if answer.outcome is OrderOutcome.DENIED or not self.is_ready:
            return OrderResult(OrderOutcome.DENIED, reason="no byte of it left")
        order = request.client_order_id
        self.on_left(request)
        self.left.append(order)
        self.asked.append(request)
        if answer.is_done:
            self._accept(request, answer)
        if answer.waits is not None:
            await answer.waits.wait()
        if answer.breaks:
            raise ConnectionError("the line went dead")
        if answer.outcome is not OrderOutcome.CONFIRMED or order not in self.book:
            return OrderResult(answer.outcome, None, None, "the broker's words", answer.refusal, answer.retry_after_s)
        known = self.book[order]
        return OrderResult(answer.outcome, known.order_id, known.position_id)

    async def cancel(self, order_id: str) -> OrderResult:
        self.commands.append(("cancel", order_id))
        answer = self.cancels.popleft() if self.cancels else DONE
        if answer is not DONE:
            return self._answered(answer, "")
        for name, order in self.book.items():
            if order.order_id == order_id:
                self.end(name, OrderState.CANCELLED)
        return OrderResult(OrderOutcome.CONFIRMED, order_id)

    async def amend_order(self, order_id: str, request: OrderRequest) -> OrderResult:
        raise NotImplementedError("the gateway amends no waiting order")

    async def amend(self, position_id: str, stop_price: float | None, target_price: float | None) -> OrderResult:
        answer = self.amends.popleft() if self.amends else DONE
        self.commands.append(("amend", position_id))
        if answer.is_done:
            self.move(position_id, stop_price, target_price)
        return self._answered(answer, position_id)

    async def close(self, position_id: str, client_order_id: str, reason: str, units: int | None = None) -> OrderResult:
        answer = self.closes.popleft() if self.closes else DONE
        self.commands.append(("close", position_id))
        if answer.is_done and position_id in self.held:
            self.leave(position_id, reason, units)
        return self._answered(answer, position_id)

    async def order(self, client_order_id: str, sent_at_us: int = 0) -> BrokerOrder | None:
        if self.is_mute:
            raise ConnectionError("no answer")
        self.commands.append(("look", client_order_id))
        return self.known_order(client_order_id)

    async def order_history(self, since_us: int, until_us: int) -> tuple[BrokerOrder, ...]:
        return tuple(self.book.values())

    async def deal_history(self, since_us: int, until_us: int) -> tuple[Fill, ...]:
        return tuple(fill for fill in self.told if since_us <= fill.time_us < until_us)

    async def reconcile(self) -> None:
        if self.is_mute:
            raise NotReadyError("the broker does not answer; wait")
        self.n_read_anew += 1

    async def expected_margin(self, name: str, side: Side, units: int) -> float | None:
        return units * PRICES[name] / 30.0

    async def wait_for_change(self, timeout_s: float) -> bool:
        await asyncio.sleep(timeout_s)
        return False

    def known_order(self, client_order_id: str) -> BrokerOrder | None:
        self._require_ready()
        if self._clock.us < self._seen_from.get(client_order_id, 0):
            return None
        return self.book.get(client_order_id)

    def orders(self) -> tuple[BrokerOrder, ...]:
        self._require_ready()
        return tuple(one for name, one in self.book.items() if one.state is OrderState.ACCEPTED and name == one.order_id)

    def positions(self) -> tuple[Position, ...]:
        self._require_ready()
        self.compared = self.connections
        return tuple(self.held.values())

    def account(self) -> Account:
        self._require_ready()
        margin = sum(held.units * PRICES[held.symbol] for held in self.held.values()) / 30.0
        return Account(100_000.0, self.equity, 30.0, margin)

    def quote(self, name: str) -> Quote | None:
        return self._quotes.get(name)

    def terms(self, name: str) -> TradingTerms | None:
        return TradingTerms(5, 0.0001, self.min_units, 5_000_000, 1000)

    def fills_since(self, cursor: int) -> tuple[tuple[int, Fill], ...]:
        self._require_ready()
        told = [fill for fill in self.told if fill.time_us >= self._from_us]
        return tuple(enumerate(told[cursor:], start=cursor + 1))

    def _accept(self, request: OrderRequest, answer: Answer) -> None:
        order = request.client_order_id
        self.accepted.append(order)
        self._seen_from[order] = self._clock.us + int(answer.seen_after_s * 1_000_000)
        self.book[order] = BrokerOrder(
            self._next("o"), order, request.symbol, request.side, request.units, OrderState.ACCEPTED, None, ""
        )  # fmt: skip
        for units in (request.units,) if answer.fills is None else answer.fills:
            self.fill(order, units)
        position = self.book[order].position_id
        if answer.shift and position and request.stop_price and request.target_price:
            self.move(position, request.stop_price + answer.shift, request.target_price + answer.shift)

    def _answered(self, answer: Answer, position: str) -> OrderResult:
        if answer.breaks:
            raise ConnectionError("the line went dead")
        reason = "" if answer.outcome is OrderOutcome.CONFIRMED else "the broker's words"
        return OrderResult(answer.outcome, None, position, reason, answer.refusal, answer.retry_after_s)

    def _deal(self, order: str, position: str, symbol: str, side: Side, what: tuple[int, float, str]) -> Fill:
        units, price, reason = what
        fill = Fill(self._next("f"), order, position, symbol, side, units, price, 0.25, self._clock.us, reason)
        self.told.append(fill)
        return fill

    def _require_ready(self) -> None:
        if not self.is_ready:
            raise NotReadyError("the broker's books are not known")

    def _next(self, kind: str) -> str:
        self._number += 1
        return f"{kind}{self._number}"
