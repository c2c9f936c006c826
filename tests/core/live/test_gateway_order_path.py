"""Each order leaves at most once, whatever the broker does with it, and none is lost: the gateway on a scripted broker."""

import asyncio
import contextlib

import pytest
from live_account import LiveAccount, play
from scripted_broker import ACCEPTED, HIDDEN, LOST, NEVER_WRITTEN, Answer, refused

from fxgpt_core.brokers.broker import OrderState, Refusal
from fxgpt_core.market.orders import OrderOutcome
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry import lineage
from fxgpt_core.registry.gateway_tables import guard_denials
from fxgpt_core.registry.live_tables import order_intents, orders, positions, signals


def test_an_order_is_written_ahead_and_what_becomes_of_it_too(account: LiveAccount) -> None:
    """When it reaches the broker its intent is SENT in the ledger, with the prices of that moment."""
    seen = []

    async def story() -> None:
        await account.start()
        account.broker.before_write = lambda: seen.extend(account.rows(order_intents))
        order = await account.entered()
        (before,) = seen
        assert (before.client_order_id, before.state, before.order_id, before.filled_units) == (order, "SENT", None, 0)
        assert (before.bid, before.ask, before.attempts) == (1.1, 1.1001, 1)
        after = account.intent(order)
        assert (after.state, after.filled_units, after.order_id) == ("FILLED", after.units, "o1")
        assert account.broker.left == [order]
        (stored,) = account.rows(orders)
        assert (stored.order_id, stored.client_order_id, stored.state) == ("o1", order, "FILLED")

    play(story())
    with account.ledger.reading() as connection:
        steps = [entry.payload["to"] for entry in lineage.entries(connection) if entry.kind == "order_state"]
    assert steps[0] == "SENT"
    assert steps[-1] == "FILLED"


def test_an_order_is_accepted_first_and_filled_when_its_fill_is_told(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered(ACCEPTED)
        assert account.intent(order).state == "ACCEPTED"
        assert account.rows(positions) == []
        account.broker.fill(order)
        await account.run(1.0)
        assert account.intent(order).state == "FILLED"
        assert account.position().units == account.held().units == account.intent(order).units

    play(story())


@pytest.mark.parametrize("lost", [LOST, Answer(OrderOutcome.UNKNOWN, is_done=False)], ids=["breaks", "answers unknown"])
def test_an_unknown_order_blocks_its_symbol_only_and_is_never_sent_again(account: LiveAccount, lost: Answer) -> None:
    async def story() -> None:
        account.broker.is_mute = True
        await account.start()
        order = await account.entered(lost)
        assert account.intent(order).state == "UNKNOWN"
        assert account.alerts() == {"unknown_order"}
        await account.next_hour()
        await account.run(2.0)
        other = await account.entered(symbol="GBPUSD")
        blocked = await account.signal("EURUSD")
        await account.run(3.0)
        assert account.broker.left == [order, other]
        (refusal,) = account.rows(signals, signals.c.signal_key == blocked)
        assert refusal.state == "denied"
        assert "unknown outcome" in refusal.reason
        assert "unknown_orders" in {row.guard for row in account.rows(guard_denials)}

    play(story())


def test_an_unknown_order_is_adopted_as_soon_as_the_books_show_it(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered(Answer(breaks=True, fills=(), seen_after_s=3.0))
        assert account.intent(order).state == "UNKNOWN"
        await account.run(3.0)
        assert account.intent(order).state == "ACCEPTED"
        assert account.alerts() == set()
        account.broker.fill(order)
        await account.run(1.0)
        assert account.intent(order).state == "FILLED"
        assert account.broker.left == [order]

    play(story())


def test_an_order_that_was_lost_expires_by_a_complete_look_after_the_grace_and_never_before(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered(LOST)
        await account.run(3.0)  # 4 s of the 5 s within which the broker may still come to know it
        assert account.intent(order).state == "UNKNOWN"
        assert ("look", order) not in account.broker.commands
        await account.run(2.0)
        assert account.broker.commands.count(("look", order)) == 1
        row = account.intent(order)
        assert row.state == "EXPIRED"
        assert "not sent again" in row.reason
        await account.run(3.0)
        assert account.broker.left == [order]
        assert account.alerts() == set()

    play(story())


def test_no_answer_to_the_complete_look_is_no_answer(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        account.broker.is_mute = True
        order = await account.entered(LOST)
        await account.run(20.0)
        assert account.intent(order).state == "UNKNOWN"
        account.broker.is_mute = False
        await account.run(2.0)
        assert account.intent(order).state == "EXPIRED"

    play(story())


def test_what_never_left_is_sent_again_under_the_same_id_while_it_is_fresh(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered(NEVER_WRITTEN)
        await account.run(2.0)
        assert account.broker.left == [order]
        row = account.intent(order)
        assert (row.state, row.attempts, row.filled_units) == ("FILLED", 2, row.units)

    play(story())


def test_what_never_left_is_given_up_after_three_attempts(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered(*[NEVER_WRITTEN] * 5)
        await account.run(6.0)
        assert account.broker.left == []
        row = account.intent(order)
        assert (row.state, row.attempts) == ("REJECTED", 3)

    play(story())


def test_what_never_left_is_not_sent_when_it_has_become_old(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        account.broker.places.append(NEVER_WRITTEN)
        key = await account.signal()
        await account.run(0.5)
        order = account.intent_of(key).client_order_id
        assert account.intent(order).state == "PLANNED"
        await account.wait(20.0)  # the machine sleeps: the candle's close is 33 s ago then, and 30 are allowed
        await account.run(2.0)
        assert account.broker.left == []
        row = account.intent(order)
        assert row.state == "DENIED"
        assert "s old" in row.reason

    play(story())


def test_a_broker_that_was_asked_too_often_is_asked_again_after_its_peace(account: LiveAccount) -> None:
    """It wants four seconds; looking every second would have used up the three attempts."""

    async def story() -> None:
        await account.start()
        order = await account.entered(refused(Refusal.RATE_LIMIT, retry_after_s=4.0))
        await account.run(2.0)
        assert account.broker.left == [order]
        await account.run(3.0)
        assert account.broker.left == [order, order]
        row = account.intent(order)
        assert (row.state, row.attempts) == ("FILLED", 2)

    play(story())


@pytest.mark.parametrize("refusal", [Refusal.MARKET_CLOSED, Refusal.NO_SUCH_POSITION, Refusal.OTHER])
def test_a_refusal_is_final(account: LiveAccount, refusal: Refusal) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered(refused(refusal))
        await account.run(2.0)
        row = account.intent(order)
        assert (row.state, row.reason) == ("REJECTED", "the broker's words")
        assert account.broker.left == [order]
        assert account.state is TradingState.ACTIVE

    play(story())


def test_a_refused_account_is_halted(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered(refused(Refusal.ACCOUNT))
        assert account.intent(order).state == "REJECTED"
        assert account.state is TradingState.HALTED

    play(story())


def test_too_little_money_is_tried_once_more_at_half_the_size_on_the_grid(account: LiveAccount) -> None:
    """1 % of 100,000 at a stop of 0.004 is 250,000 units; half of it is on the grid of 1,000."""

    async def story() -> None:
        await account.start()
        account.broker.places.extend([refused(Refusal.NOT_ENOUGH_MONEY), refused(Refusal.NOT_ENOUGH_MONEY)])
        key = await account.signal()
        await account.run(3.0)
        first, second = account.intent_of(key), account.intent_of(key, retry=1)
        assert (first.units, first.state) == (250_000, "REJECTED")
        assert (second.units, second.state) == (125_000, "REJECTED")
        assert account.broker.left == [first.client_order_id, second.client_order_id]
        assert len(account.rows(order_intents)) == 2

    play(story())


def test_half_of_the_smallest_size_is_not_ordered(account: LiveAccount) -> None:
    async def story() -> None:
        account.broker.min_units = 130_000
        await account.start()
        order = await account.entered(refused(Refusal.NOT_ENOUGH_MONEY))
        assert account.broker.left == [order]
        assert len(account.rows(order_intents)) == 1

    play(story())


def test_an_order_that_the_broker_ends_unfilled_is_cancelled(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered(ACCEPTED)
        account.broker.end(order, OrderState.EXPIRED)
        await account.run(1.5)
        assert account.intent(order).state == "CANCELLED"
        assert account.rows(positions) == []

    play(story())


def test_several_orders_are_on_their_way_at_once(account: LiveAccount) -> None:
    """The second does not wait for the answer to the first."""

    async def story() -> None:
        await account.start()
        answered = asyncio.Event()
        account.broker.places.append(Answer(waits=answered))
        await account.signal("EURUSD")
        await account.signal("GBPUSD")
        await account.run(1.0)
        assert len(account.broker.left) == 2
        assert sorted(row.state for row in account.rows(order_intents)) == ["FILLED", "FILLED"]
        answered.set()
        await account.run(1.0)
        assert sorted(row.state for row in account.rows(order_intents)) == ["FILLED", "FILLED"]

    play(story())


@pytest.mark.parametrize("point", ["planned", "sent", "placed", "settled"])
@pytest.mark.parametrize("answer", [Answer(), HIDDEN, LOST], ids=["filled", "hidden", "lost"])
def test_a_crash_at_any_point_of_an_order_places_it_at_most_once(account: LiveAccount, point: str, answer: Answer) -> None:
    class Died(BaseException):
        pass

    def die(step: str) -> None:
        if step == point:
            raise Died

    async def story() -> None:
        await account.start(die)
        account.broker.places.append(answer)
        key = await account.signal()
        with contextlib.suppress(Died):
            await account.run(1.0)
        account.crash()
        account.broker.places.clear()
        await account.start()
        await account.run(8.0)
        row = account.intent_of(key)
        n_left = {"sent": 0}.get(point, 1)
        assert account.broker.left == [row.client_order_id] * n_left
        was_lost = answer is LOST and point in ("placed", "settled")
        assert row.state == ("EXPIRED" if point == "sent" or was_lost else "FILLED")
        assert len(account.rows(positions)) == len(account.broker.held) == (row.state == "FILLED")

    play(story())
