"""The paper broker in quotes: orders of all kinds, brackets, parts and closes, each on a stage of its own.

A stage has EURUSD, a connected broker with an account of 100,000 dollars without commission, slippage or swap, and a market that
is moved by `quote`: when that returns, everything it causes has been told. Brokers differ in whether an order at the market fills
at the price before it or behind it, so that here it is always the same one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import pytest

from fxgpt_core.brokers.broker import Broker, OrderState, Refusal
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.errors import BadInputError, NotReadyError
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.orders import OrderOutcome, OrderRequest, OrderType, Position, Side
from fxgpt_core.market.swaps import SwapRates

SPREAD = 0.0002
WEDNESDAY_US = 1_515_578_400_000_000  # 2018-01-10 10:00 UTC


class Stage(Protocol):
    """A broker and its market."""

    @property
    def broker(self) -> Broker: ...

    @property
    def time_us(self) -> int:
        """The market's time: that of the last quote."""
        ...

    async def quote(self, bid: float, after_s: int = 1) -> None:
        """EURUSD is quoted `bid` and `bid` + `SPREAD`, some seconds later."""
        ...


Scenario = Callable[[Stage], Awaitable[None]]
Case = Callable[[Scenario], None]
Opening = Callable[[Path], AbstractAsyncContextManager[Stage]]


@dataclass
class PaperStage:
    broker: PaperBroker
    time_us: int = field(default=WEDNESDAY_US)

    async def quote(self, bid: float, after_s: int = 1) -> None:
        self.time_us += after_s * 1_000_000
        assert self.broker.on_quote("EURUSD", bid, bid + SPREAD, self.time_us)


@asynccontextmanager
async def paper(folder: Path) -> AsyncIterator[Stage]:
    free = Charges(commission=0.0, slippage=0.0, impact=0.0, swap=SwapRates(0.0, 0.0))
    broker = PaperBroker(folder / "book.db", {"EURUSD": free})
    await broker.connect()
    yield PaperStage(broker)
    await broker.disconnect()


@pytest.fixture(params=[paper], ids=["paper"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    opening: Opening = request.param

    def played(scenario: Scenario) -> None:
        async def whole() -> None:
            async with opening(tmp_path) as stage:
                await stage.broker.subscribe(["EURUSD"])
                await stage.quote(1.1)
                await scenario(stage)

        asyncio.run(whole())

    return played


def order(name: str = "fx1-a", side: Side = Side.LONG, units: int = 10_000, **more: object) -> OrderRequest:
    request = OrderRequest(name, "EURUSD", side, units, None, None, WEDNESDAY_US, stop_distance=0.05, target_distance=0.08)
    return replace(request, **more)  # type: ignore[arg-type]


async def held(stage: Stage, request: OrderRequest | None = None, bid: float = 1.1) -> Position:
    """The position that an order at the market becomes at a price."""
    assert (await stage.broker.place(request or order())).outcome is OrderOutcome.CONFIRMED
    await stage.quote(bid)
    return stage.broker.positions()[-1]


async def state_of(stage: Stage, name: str = "fx1-a") -> OrderState:
    known = await stage.broker.order(name)
    assert known is not None
    assert stage.broker.known_order(name) == known
    return known.state


@pytest.mark.parametrize("side", list(Side))
def test_broker_order_at_the_market_becomes_a_position_with_its_bracket(case: Case, side: Side) -> None:
    async def scenario(stage: Stage) -> None:
        found = await held(stage, order(side=side))
        price = 1.1 + SPREAD if side is Side.LONG else 1.1
        assert (found.side, found.units, found.client_order_id) == (side, 10_000, "fx1-a")
        assert found.entry_price == pytest.approx(price)
        assert found.stop_price == pytest.approx(price - side * 0.05)
        assert found.target_price == pytest.approx(price + side * 0.08)
        known = await stage.broker.order("fx1-a")
        assert known is not None
        assert (known.state, known.position_id, known.filled_units) == (OrderState.FILLED, found.position_id, 10_000)
        ((_, fill),) = stage.broker.fills_since(0)
        assert (fill.reason, fill.order_id, fill.position_id) == ("entry", known.order_id, found.position_id)
        assert stage.broker.orders() == ()

    case(scenario)


def test_broker_repeated_client_order_id_is_rejected_not_sent_twice(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        await held(stage)
        again = await stage.broker.place(order())
        assert again.outcome is OrderOutcome.REJECTED
        assert "fx1-a" in again.reason
        await stage.quote(1.1)
        assert len(stage.broker.positions()) == 1

    case(scenario)


def test_broker_order_it_never_received_is_unknown_to_it(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        assert await stage.broker.order("fx1-never", WEDNESDAY_US) is None
        assert stage.broker.known_order("fx1-never") is None

    case(scenario)


def test_broker_order_that_is_not_permitted_never_leaves(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        denied = await stage.broker.place(order(), lambda: "the switch is off")
        assert (denied.outcome, denied.reason) == (OrderOutcome.DENIED, "the switch is off")
        await stage.quote(1.1)
        assert stage.broker.positions() == ()
        assert await stage.broker.order("fx1-a", WEDNESDAY_US) is None

    case(scenario)


@pytest.mark.parametrize(("order_type", "prices", "away", "met", "fills_at"), [
    (OrderType.LIMIT, {"limit_price": 1.09}, 1.0901, 1.0898, (1.0899, 1.09)),
    (OrderType.STOP, {"trigger_price": 1.11}, 1.1097, 1.1099, (1.11, 1.1102)),
    (OrderType.STOP_LIMIT, {"trigger_price": 1.11, "limit_price": 1.112}, 1.1097, 1.1099, (1.11, 1.112)),
])  # fmt: skip
def test_broker_order_that_waits_fills_when_its_price_is_met(
    case: Case, order_type: OrderType, prices: dict[str, float], away: float, met: float, fills_at: tuple[float, float]
) -> None:
    async def scenario(stage: Stage) -> None:
        placed = await stage.broker.place(order(order_type=order_type, **prices))
        await stage.quote(away)
        (waiting,) = stage.broker.orders()
        assert (waiting.order_id, waiting.state, waiting.order_type) == (placed.order_id, OrderState.ACCEPTED, order_type)
        assert (waiting.limit_price, waiting.trigger_price) == (prices.get("limit_price"), prices.get("trigger_price"))
        assert stage.broker.positions() == ()
        await stage.quote(met)
        assert stage.broker.orders() == ()
        (found,) = stage.broker.positions()
        assert fills_at[0] - 1e-9 <= found.entry_price <= fills_at[1] + 1e-9

    case(scenario)


def test_broker_stop_limit_order_beyond_its_limit_waits_for_the_limit(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.broker.place(order(order_type=OrderType.STOP_LIMIT, trigger_price=1.11, limit_price=1.1105))
        await stage.quote(1.12)
        assert stage.broker.positions() == ()
        await stage.quote(1.1102)
        (found,) = stage.broker.positions()
        assert found.entry_price <= 1.1105 + 1e-9

    case(scenario)


def test_broker_cancelled_order_never_fills(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        placed = await stage.broker.place(order(order_type=OrderType.LIMIT, limit_price=1.09))
        assert placed.order_id is not None
        assert (await stage.broker.cancel(placed.order_id)).outcome is OrderOutcome.CONFIRMED
        assert stage.broker.orders() == ()
        await stage.quote(1.08)
        assert stage.broker.positions() == ()
        assert await state_of(stage) is OrderState.CANCELLED
        assert (await stage.broker.cancel(placed.order_id)).outcome is OrderOutcome.REJECTED

    case(scenario)


def test_broker_amended_order_fills_by_its_new_price_and_units(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        first = order(order_type=OrderType.LIMIT, limit_price=1.09)
        placed = await stage.broker.place(first)
        assert placed.order_id is not None
        changed = replace(first, limit_price=1.07, units=20_000)
        assert (await stage.broker.amend_order(placed.order_id, changed)).outcome is OrderOutcome.CONFIRMED
        await stage.quote(1.08)
        assert stage.broker.positions() == ()
        await stage.quote(1.069)
        (found,) = stage.broker.positions()
        assert (found.units, found.stop_price) == (20_000, pytest.approx(found.entry_price - 0.05))
        assert (await stage.broker.amend_order(placed.order_id, changed)).outcome is OrderOutcome.REJECTED

    case(scenario)


def test_broker_order_whose_time_is_over_expires(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        until = stage.time_us + 60_000_000
        await stage.broker.place(order(order_type=OrderType.LIMIT, limit_price=1.09, expires_at_us=until))
        await stage.quote(1.1, after_s=30)
        assert len(stage.broker.orders()) == 1
        await stage.quote(1.08, after_s=60)
        assert stage.broker.positions() == ()
        assert stage.broker.orders() == ()
        assert await state_of(stage) is OrderState.EXPIRED

    case(scenario)


def test_broker_amended_stop_is_the_one_that_fills(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        found = await held(stage)
        assert (await stage.broker.amend(found.position_id, 1.09, found.target_price)).outcome is OrderOutcome.CONFIRMED
        (moved,) = stage.broker.positions()
        assert (moved.stop_price, moved.target_price) == (1.09, found.target_price)
        await stage.quote(1.089)
        assert stage.broker.positions() == ()
        _, fill = stage.broker.fills_since(0)[-1]
        assert (fill.reason, fill.price) == ("stop", pytest.approx(1.089))

    case(scenario)


def test_broker_target_fills_at_its_price_or_better(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        found = await held(stage)
        assert found.target_price is not None
        await stage.quote(found.target_price + 0.001)
        _, fill = stage.broker.fills_since(0)[-1]
        assert fill.reason == "target"
        assert found.target_price - 1e-9 <= fill.price <= found.target_price + 0.001 + 1e-9

    case(scenario)


def test_broker_position_is_closed_in_parts_and_then_whole(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        found = await held(stage)
        part = await stage.broker.close(found.position_id, "fx1-a-part", "close", 4_000)
        assert part.outcome is OrderOutcome.CONFIRMED
        await stage.quote(1.1)
        (rest,) = stage.broker.positions()
        assert (rest.units, rest.stop_price) == (6_000, found.stop_price)
        await stage.broker.close(found.position_id, "fx1-a-close", "close")
        await stage.quote(1.1)
        assert stage.broker.positions() == ()
        exits = [fill for _, fill in stage.broker.fills_since(0) if fill.reason != "entry"]
        assert [(fill.units, fill.position_id) for fill in exits] == [(4_000, found.position_id), (6_000, found.position_id)]
        assert all(fill.price == pytest.approx(1.1) for fill in exits)
        assert len({fill.fill_id for _, fill in stage.broker.fills_since(0)}) == 3

    case(scenario)


@pytest.mark.parametrize("command", ["amend", "close"])
def test_broker_command_on_a_position_that_is_not_there_is_rejected(case: Case, command: str) -> None:
    async def scenario(stage: Stage) -> None:
        gone = await held(stage)
        await stage.broker.close(gone.position_id, "fx1-a-close", "close")
        await stage.quote(1.1)
        if command == "amend":
            answer = await stage.broker.amend(gone.position_id, 1.0, 2.0)
        else:
            answer = await stage.broker.close(gone.position_id, "x", "close")
        assert (answer.outcome, answer.refusal) == (OrderOutcome.REJECTED, Refusal.NO_SUCH_POSITION)

    case(scenario)


def test_broker_money_is_what_its_fills_say(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        before = stage.broker.account().balance
        found = await held(stage)
        await stage.quote(1.13)
        account = stage.broker.account()
        assert account.equity - account.balance == pytest.approx(10_000 * (1.13 - found.entry_price))
        assert account.margin > 0.0
        await stage.broker.close(found.position_id, "fx1-a-close", "close")
        await stage.quote(1.13)
        account = stage.broker.account()
        fills = [fill for _, fill in stage.broker.fills_since(0)]
        gross = [fill.gross_profit for fill in fills]
        assert gross == [None, pytest.approx(10_000 * (1.13 - found.entry_price))]
        paid = sum(fill.commission + fill.swap + fill.fee for fill in fills)
        assert account.balance - before == pytest.approx(10_000 * (1.13 - found.entry_price) - paid)
        assert (account.equity, account.margin) == (account.balance, 0.0)
        assert fills[-1].balance == pytest.approx(account.balance)
        assert fills[-1].balance_version is not None

    case(scenario)


def test_broker_fills_since_a_cursor_are_those_after_it(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        await held(stage)
        ((cursor, entry),) = stage.broker.fills_since(0)
        assert stage.broker.fills_since(cursor) == ()
        await stage.quote(1.2)
        ((_, exit_),) = stage.broker.fills_since(cursor)
        assert (exit_.reason, exit_.position_id) == ("target", entry.position_id)
        assert exit_.fill_id != entry.fill_id

    case(scenario)


def test_broker_history_of_a_time_has_its_orders_and_fills_and_no_others(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        await held(stage, order(requested_at_us=stage.time_us))
        await stage.quote(1.1, after_s=600)
        begin = stage.time_us
        await held(stage, order("fx1-b", requested_at_us=stage.time_us))
        orders = await stage.broker.order_history(begin, stage.time_us + 1_000_000)
        assert [one.client_order_id for one in orders] == ["fx1-b"]
        deals = await stage.broker.deal_history(begin, stage.time_us + 1_000_000)
        assert [one.client_order_id for one in deals] == ["fx1-b"]
        deals = await stage.broker.deal_history(WEDNESDAY_US, stage.time_us + 1_000_000)
        assert [one.fill_id for one in deals] == [fill.fill_id for _, fill in stage.broker.fills_since(0)]

    case(scenario)


def test_broker_books_read_anew_say_the_same(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        await held(stage)
        await stage.broker.place(order("fx1-b", order_type=OrderType.LIMIT, limit_price=1.09))
        before = (stage.broker.positions(), stage.broker.orders(), stage.broker.account())
        await stage.broker.reconcile()
        assert (stage.broker.positions(), stage.broker.orders(), stage.broker.account()) == before

    case(scenario)


def test_broker_tells_its_quote_and_what_an_order_would_bind(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.quote(1.2)
        quote = stage.broker.quote("EURUSD")
        assert quote is not None
        assert (quote.bid, quote.ask) == (pytest.approx(1.2), pytest.approx(1.2 + SPREAD))
        assert (quote.spread, quote.conversion, quote.time_us) == (pytest.approx(SPREAD), 1.0, stage.time_us)
        margin = await stage.broker.expected_margin("EURUSD", Side.LONG, 30_000)
        assert margin == pytest.approx(30_000 * 1.2 / stage.broker.account().leverage, rel=1e-3)
        terms = stage.broker.terms("EURUSD")
        assert terms is None or terms.min_units <= 10_000 <= terms.max_units

    case(scenario)


def test_broker_wait_ends_with_what_is_told_and_a_quote_alone_does_not_end_it(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        while await stage.broker.wait_for_change(0.01):
            pass
        await stage.quote(1.1)
        assert not await stage.broker.wait_for_change(0.01)
        waiting = asyncio.create_task(stage.broker.wait_for_change(5.0))
        await held(stage)
        assert await waiting

    case(scenario)


def test_broker_does_not_subscribe_to_what_is_not_traded_there(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        with pytest.raises(BadInputError, match="XXXYYY"):
            await stage.broker.subscribe(["EURUSD", "XXXYYY"])

    case(scenario)


def test_broker_that_is_not_connected_answers_nothing(case: Case) -> None:
    async def scenario(stage: Stage) -> None:
        assert stage.broker.is_ready
        assert stage.broker.connections >= 1
        await stage.broker.disconnect()
        assert not stage.broker.is_ready
        with pytest.raises(NotReadyError, match="connect"):
            stage.broker.positions()

    case(scenario)
