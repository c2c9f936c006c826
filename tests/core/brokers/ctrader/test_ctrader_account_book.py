"""The book converges on the venue's in one pass, however events come: twice, late, in any order, not at all, and by lists.

The truth is the simulator's venue, whose own books never see an event.
"""

import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulator_client import WEDNESDAY_US

from fxgpt_core.brokers.broker import OrderState
from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.account_book import AccountBook
from fxgpt_core.brokers.ctrader.prices import money
from fxgpt_core.brokers.ctrader_simulator import orders, shapes
from fxgpt_core.brokers.ctrader_simulator.codes import OrderType, TradeSide
from fxgpt_core.brokers.ctrader_simulator.records import Execution, OrderTicket, Protection, Refusal, VenueEvent
from fxgpt_core.brokers.ctrader_simulator.venue import Venue

SECOND_US = 1_000_000
ACTIONS = ("market", "part", "limit", "close", "close_part", "amend", "unprotect", "cancel", "move", "drop", "rise", "deposit")


class Story:
    """A venue on which things happen, and every execution event of it as a message, each in its own second."""

    def __init__(self, actions: list[str], seed: int = 7) -> None:
        self.now_us = WEDNESDAY_US
        self.venue = Venue(lambda: self.now_us)
        self.random = random.Random(seed)  # noqa: S311
        self.events: list[Any] = []
        self.venue.listen(self._hear)
        self.bid, self.numbers = 1.1, itertools.count()
        self.symbol_id = self.venue.symbol_id("EURUSD")
        self.account_id = self.venue.account_id
        self._quote()
        for action in actions:
            self.now_us += SECOND_US
            try:
                getattr(self, f"_{action}")()
            except Refusal:
                # A venue refuses what does not fit; nothing happens then, and nothing is told.
                continue

    def _hear(self, event: VenueEvent) -> None:
        if isinstance(event, Execution):
            self.events.append(protocol.new("ProtoOAExecutionEvent", **shapes.execution_fields(self.venue.book, event)))

    def _quote(self) -> None:
        self.venue.quote("EURUSD", self.bid, self.bid + 0.0001)

    def _ticket(self, kind: OrderType, **given_: Any) -> OrderTicket:
        name = f"fx1-{next(self.numbers)}"
        return OrderTicket(self.symbol_id, kind, TradeSide.BUY, 400_000, client_order_id=name, label="fxgpt", **given_)

    def _market(self) -> None:
        self.venue.place(self.account_id, self._ticket(OrderType.MARKET, relative_stop_loss=1_000, relative_take_profit=2_000))

    def _part(self) -> None:
        order = orders.accept(self.venue.book, self.account_id, self._ticket(OrderType.MARKET, relative_stop_loss=1_000))
        orders.execute(self.venue.book, order, 100_000)
        orders.execute(self.venue.book, order, 200_000)
        orders.cancel_rest(self.venue.book, order)

    def _limit(self) -> None:
        limit = round(self.bid - 0.001, 5)
        ticket = self._ticket(OrderType.LIMIT, limit_price=limit, stop_loss=round(limit - 0.01, 5))
        self.venue.place(self.account_id, ticket)

    def _close(self) -> None:
        held = self._one_held()
        self.venue.close(self.account_id, held.position_id, held.volume)

    def _close_part(self) -> None:
        self.venue.close(self.account_id, self._one_held().position_id, 100_000)

    def _amend(self) -> None:
        levels = Protection(round(self.bid - 0.02, 5), round(self.bid + 0.02, 5))
        self.venue.amend_position(self.account_id, self._one_held().position_id, levels)

    def _unprotect(self) -> None:
        self.venue.amend_position(self.account_id, self._one_held().position_id, Protection(None, None))

    def _cancel(self) -> None:
        waiting = self.venue.book.orders_of(self.account_id)
        if waiting:
            self.venue.cancel(self.account_id, self.random.choice(waiting).order_id)

    def _move(self) -> None:
        self.bid = round(self.bid + self.random.choice((-0.0005, 0.0005)), 5)
        self._quote()

    def _drop(self) -> None:
        self.bid = round(self.bid - 0.002, 5)
        self._quote()

    def _rise(self) -> None:
        self.bid = round(self.bid + 0.012, 5)
        self._quote()

    def _deposit(self) -> None:
        self.venue.move_cash(self.account_id, 100.0)

    def _one_held(self) -> Any:
        held = self.venue.book.positions_of(self.account_id)
        if not held:
            raise Refusal("POSITION_NOT_FOUND", "")
        return self.random.choice(held)

    def tell_lists(self, book: AccountBook) -> None:
        venue = self.venue.book
        rows = [protocol.new("ProtoOAOrder", **shapes.order_fields(one)) for one in venue.orders.values()]
        deals = [protocol.new("ProtoOADeal", **shapes.deal_fields(one)) for one in venue.deals.values()]
        book.take_rows(rows, deals)
        for flow in venue.flows:
            book.take_cash_flow(protocol.new("ProtoOADepositWithdraw", **shapes.flow_fields(flow)))

    def tell_state(self, book: AccountBook, asked_at: int | None = None) -> tuple[int, ...]:
        venue = self.venue.book
        account = venue.accounts[self.account_id]
        book.balance.take_told(money(account.balance, 2), account.balance_version)
        return book.take_state(self.state(), book.n_told if asked_at is None else asked_at)

    def state(self) -> Any:
        venue = self.venue.book
        held = [shapes.position_fields(venue, one) for one in venue.positions_of(self.account_id)]
        waiting = [shapes.order_fields(one) for one in venue.orders_of(self.account_id)]
        return protocol.new("ProtoOAReconcileRes", ctidTraderAccountId=self.account_id, position=held, order=waiting)

    def require_equal(self, book: AccountBook) -> None:
        venue = self.venue.book
        held = {one.position_id: (one.volume, one.stop_price, one.target_price) for one in book.positions.values() if one.volume}
        assert held == {
            one.position_id: (one.volume, one.stop_loss, one.take_profit) for one in venue.positions_of(self.account_id)
        }
        for one in venue.positions_of(self.account_id):
            assert book.positions[one.position_id].entry_price == pytest.approx(one.price)
        assert sorted(book.fills) == sorted(venue.deals)
        waiting = {number for number, one in book.orders.items() if book.waits(one)}
        assert waiting == {one.order_id for one in venue.orders_of(self.account_id)}
        executed = {one.order_id: one.executed_volume for one in venue.orders.values()}
        assert {number: book.orders[number].executed for number in executed} == executed
        assert book.balance.balance == money(venue.accounts[self.account_id].balance, 2)
        assert (book.balance.missing, book.balance.unbalanced, book.homeless()) == ((), [], ())


actions = st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(actions, st.randoms(use_true_random=False))
def test_events_in_any_order_and_any_of_them_twice_make_the_same_book(wished: list[str], chance: random.Random) -> None:
    story, book = Story(["market", *wished]), AccountBook()
    book.balance.take_told(money(10_000_000, 2), 1)
    told = [*story.events, *chance.sample(story.events, len(story.events) // 2)]
    chance.shuffle(told)
    for event in told:
        book.take_event(event)
    story.require_equal(book)


@settings(max_examples=60, deadline=None)
@given(actions, st.randoms(use_true_random=False))
def test_what_events_left_out_is_completed_by_lists_and_state_in_one_pass(wished: list[str], chance: random.Random) -> None:
    story, book = Story(["market", *wished]), AccountBook()
    book.balance.take_told(money(10_000_000, 2), 1)
    heard = [event for event in story.events if chance.random() < 0.5]
    chance.shuffle(heard)
    cut = chance.randint(0, len(heard))
    for event in heard[:cut]:
        book.take_event(event)
    story.tell_lists(book)
    assert story.tell_state(book) == ()
    story.require_equal(book)
    for event in heard[cut:]:
        book.take_event(event)
    story.require_equal(book)


@settings(max_examples=60, deadline=None)
@given(actions, st.randoms(use_true_random=False))
def test_a_state_without_its_deals_is_explained_by_them_when_they_come(wished: list[str], chance: random.Random) -> None:
    story, book = Story(["market", *wished]), AccountBook()
    story.tell_state(book)
    held = {one.position_id: one.volume for one in story.venue.book.positions_of(story.account_id)}
    assert {one.position_id: one.volume for one in book.positions.values() if one.volume} == held
    assert bool(book.unexplained(0)) == bool(held)
    if chance.random() < 0.5:
        story.tell_lists(book)
        story.tell_state(book)
    else:
        for event in story.events:
            book.take_event(event)
    story.tell_state(book)
    story.tell_lists(book)
    assert book.unexplained(0) == ()
    story.require_equal(book)


@pytest.mark.slow
@pytest.mark.parametrize(
    "promise",
    [
        test_events_in_any_order_and_any_of_them_twice_make_the_same_book,
        test_what_events_left_out_is_completed_by_lists_and_state_in_one_pass,
        test_a_state_without_its_deals_is_explained_by_them_when_they_come,
    ],
)
def test_ten_thousand_stories_converge(promise: Any) -> None:
    played = 0

    def counted(wished: list[str], chance: random.Random) -> None:
        nonlocal played
        played += 1
        promise.hypothesis.inner_test(wished, chance)

    settings(max_examples=10_000, deadline=None)(given(actions, st.randoms(use_true_random=False))(counted))()
    assert played >= 10_000


def test_a_state_that_was_asked_before_a_deal_and_told_after_it_does_not_undo_it() -> None:
    story, book = Story([]), AccountBook()
    before, asked_at = story.state(), book.n_told
    story._market()
    for event in story.events:
        book.take_event(event)
    (position_id,) = (one.position_id for one in story.venue.book.positions_of(story.account_id))
    assert book.take_state(before, asked_at) == (position_id,)
    assert book.positions[position_id].volume == 400_000
    assert story.tell_state(book) == ()
    assert book.positions[position_id].volume == 400_000


def test_an_order_that_vanished_from_the_state_is_told() -> None:
    story, book = Story(["limit"]), AccountBook()
    for event in story.events:
        book.take_event(event)
    assert len([one for one in book.orders.values() if book.waits(one)]) == 1
    story._cancel()
    assert book.vanished(story.state(), book.n_told) == tuple(book.orders)


def test_an_event_about_a_volume_that_no_deal_makes_is_a_doubt() -> None:
    story, book = Story(["market", "amend"]), AccountBook()
    book.take_event(story.events[-1])
    doubtful = book.is_doubtful
    story.tell_lists(book)
    story.tell_state(book)
    assert (doubtful, book.is_doubtful) == (True, False)


def test_a_change_of_the_balance_that_was_skipped_shows_and_one_that_does_not_add_up_too() -> None:
    story, book = Story(["market", "market", "close", "close"]), AccountBook()
    book.balance.take_told(money(10_000_000, 2), 1)
    closings = [event for event in story.events if event.deal.HasField("closePositionDetail")]
    book.take_event(closings[1])
    assert book.balance.missing == (2,)
    book.take_event(closings[0])
    assert len(book.balance.missing) == len(book.balance.unbalanced) == 0
    wrong = protocol.new("ProtoOAExecutionEvent")
    wrong.CopyFrom(closings[1])
    wrong.deal.dealId, wrong.deal.closePositionDetail.balanceVersion = 999, 4
    book.take_event(wrong)
    assert len(book.balance.unbalanced) == 1


def test_a_cancelled_order_that_turns_out_filled_is_filled_and_never_goes_back() -> None:
    story, book = Story(["market"]), AccountBook()
    cancelled = protocol.new("ProtoOAExecutionEvent")
    cancelled.CopyFrom(story.events[0])
    cancelled.order.orderStatus = protocol.value("ProtoOAOrderStatus", "ORDER_STATUS_CANCELLED")
    book.take_event(cancelled)
    (order,) = book.orders.values()
    assert order.state is OrderState.CANCELLED
    for event in [*story.events, cancelled, story.events[0]]:
        book.take_event(event)
    assert book.orders[order.order_id].state is OrderState.FILLED


def test_an_id_that_a_server_gave_to_a_foreign_order_is_not_ours() -> None:
    story, book = Story([]), AccountBook()
    foreign = OrderTicket(story.symbol_id, OrderType.MARKET, TradeSide.BUY, 400_000, client_order_id="terminal-77")
    story.venue.place(story.account_id, foreign)
    for event in story.events:
        book.take_event(event)
    assert book.known("terminal-77") is None
    (order,) = book.orders.values()
    assert order.client_order_id == ""
