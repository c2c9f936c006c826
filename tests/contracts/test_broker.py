"""What every broker must do, whoever it is; a new implementation is one more market in MARKETS."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from broker_markets import Market, ctrader_market, paper_market

from fxgpt_core.brokers.broker import OrderState, Refusal
from fxgpt_core.errors import NotReadyError
from fxgpt_core.market.orders import Fill, OrderOutcome, OrderRequest, OrderType, Position, Side

CONFIRMED, REJECTED, DENIED, UNKNOWN = OrderOutcome
MARKETS = {"paper": paper_market, "ctrader": ctrader_market}
COMMISSION = 0.00002
SLIPPED = 1.1001 + 0.25 * 0.0001
"""What a long order at the market is filled at: the ask, and a quarter of the spread."""


@pytest.fixture(params=MARKETS)
def market(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Market]:
    with MARKETS[request.param](tmp_path) as made:
        yield made


def order(name: str = "fx1-a", side: Side = Side.LONG, units: int = 10_000, **given: Any) -> OrderRequest:
    stop, target = (1.05, 1.15) if side is Side.LONG else (1.15, 1.05)
    bracket = {"stop_price": stop, "target_price": target} | given
    return OrderRequest(name, "EURUSD", side, units, requested_at_us=0, **bracket)


def entered(market: Market, request: OrderRequest | None = None) -> Position:
    """The position of an order that was filled at the next price, which is the last one again."""
    assert market.run(market.broker.place(request or order())).outcome is CONFIRMED
    market.quote(1.1, 1.1001)
    return market.broker.positions()[-1]


def fills(market: Market) -> list[Fill]:
    return [fill for _, fill in market.broker.fills_since(0)]


def test_broker_order_at_next_price_becomes_a_position_with_its_bracket(market: Market) -> None:
    held = entered(market, order(stop_price=None, target_price=None, stop_distance=0.01, target_distance=0.02))
    assert (held.side, held.units, held.client_order_id) == (Side.LONG, 10_000, "fx1-a")
    assert held.entry_price == pytest.approx(SLIPPED, abs=1e-5)
    assert held.stop_price == pytest.approx(held.entry_price - 0.01, abs=2e-5)
    assert held.target_price == pytest.approx(held.entry_price + 0.02, abs=2e-5)
    known = market.run(market.broker.order("fx1-a", market.now_us))
    assert known is not None
    assert (known.state, known.position_id, known.filled_units) == (OrderState.FILLED, held.position_id, 10_000)
    assert market.broker.known_order("fx1-a") == known


def test_broker_repeated_client_order_id_is_rejected_not_sent_twice(market: Market) -> None:
    market.run(market.broker.place(order()))
    again = market.run(market.broker.place(order()))
    assert again.outcome is REJECTED
    assert "fx1-a" in again.reason
    market.quote(1.1, 1.1001)
    assert len(market.broker.positions()) == 1


def test_broker_order_it_never_received_is_unknown_to_it(market: Market) -> None:
    assert market.broker.known_order("fx1-never") is None
    assert market.run(market.broker.order("fx1-never", market.now_us)) is None


def test_broker_asks_the_permit_and_an_order_without_it_never_left(market: Market) -> None:
    denied = market.run(market.broker.place(order(), permit=lambda: "halted by a person"))
    assert denied.outcome is DENIED
    assert "halted by a person" in denied.reason
    market.quote(1.1, 1.1001)
    assert market.broker.positions() == ()
    assert entered(market).client_order_id == "fx1-a"


def test_broker_amended_stop_is_the_one_that_fills(market: Market) -> None:
    held = entered(market)
    assert market.run(market.broker.amend(held.position_id, 1.095, held.target_price)).outcome is CONFIRMED
    assert market.broker.positions()[0].stop_price == 1.095
    market.quote(1.09, 1.0901)
    assert market.broker.positions() == ()
    assert (fills(market)[-1].reason, fills(market)[-1].client_order_id) == ("stop", "fx1-a")
    assert fills(market)[-1].price == pytest.approx(1.09 - 0.25 * 0.0001, abs=1e-5)


def test_broker_target_that_is_reached_fills_at_it_or_better(market: Market) -> None:
    held = entered(market)
    market.quote(1.151, 1.1511)
    assert market.broker.positions() == ()
    assert (fills(market)[-1].reason, fills(market)[-1].position_id) == ("target", held.position_id)
    assert 1.15 <= fills(market)[-1].price <= 1.151


def test_broker_level_that_is_not_given_is_removed(market: Market) -> None:
    held = entered(market)
    assert market.run(market.broker.amend(held.position_id, 1.05, None)).outcome is CONFIRMED
    assert (market.broker.positions()[0].stop_price, market.broker.positions()[0].target_price) == (1.05, None)
    market.quote(1.2, 1.2001)
    assert len(market.broker.positions()) == 1


def test_broker_close_ends_the_position_at_the_next_price_with_its_reason(market: Market) -> None:
    held = entered(market, order(side=Side.SHORT))
    assert market.run(market.broker.close(held.position_id, "fx1-a-time", "time")).outcome is CONFIRMED
    market.quote(1.1, 1.1001)
    assert market.broker.positions() == ()
    (entry, exit_) = fills(market)
    assert (exit_.reason, exit_.client_order_id, exit_.side, exit_.units) == ("time", "fx1-a-time", Side.SHORT, 10_000)
    assert (entry.reason, entry.position_id) == ("entry", exit_.position_id)


def test_broker_closes_a_part_and_keeps_the_rest_protected(market: Market) -> None:
    held = entered(market)
    assert market.run(market.broker.close(held.position_id, "fx1-a-close", "close", units=4_000)).outcome is CONFIRMED
    market.quote(1.1, 1.1001)
    (rest,) = market.broker.positions()
    assert (rest.units, rest.stop_price, rest.target_price) == (6_000, held.stop_price, held.target_price)
    assert (fills(market)[-1].units, fills(market)[-1].reason) == (4_000, "close")
    market.quote(1.04, 1.0401)
    assert market.broker.positions() == ()
    assert (fills(market)[-1].units, fills(market)[-1].reason) == (6_000, "stop")


@pytest.mark.parametrize("position_id", ["none-1", "999"])
def test_broker_command_on_what_is_not_there_is_rejected(market: Market, position_id: str) -> None:
    broker = market.broker
    for answer in (
        market.run(broker.amend(position_id, 1.0, 2.0)),
        market.run(broker.close(position_id, "fx1-x", "close")),
    ):
        assert (answer.outcome, answer.refusal) == (REJECTED, Refusal.NO_SUCH_POSITION)
        assert position_id in answer.reason
    assert market.run(broker.cancel(position_id)).outcome is REJECTED
    assert market.run(broker.amend_order(position_id, order())).outcome is REJECTED


def test_broker_money_moves_by_profit_and_commission_of_both_sides(market: Market) -> None:
    before = market.broker.account()
    held = entered(market)
    open_ = market.broker.account()
    assert open_.margin == pytest.approx(10_000 * 1.1001 / 30, rel=1e-3)
    market.quote(1.12, 1.1201)
    now = market.broker.account()
    profit = 10_000 * (1.12 - held.entry_price)
    # Some brokers charge the entry at once, some with the exit: the equity knows of it either way.
    assert now.equity - before.equity == pytest.approx(profit - 10_000 * held.entry_price * COMMISSION, abs=0.02)
    market.run(market.broker.close(held.position_id, "fx1-a-close", "close"))
    market.quote(1.12, 1.1201)
    (entry, exit_) = fills(market)
    after = market.broker.account()
    commissions = 10_000 * COMMISSION * (entry.price + exit_.price)
    assert entry.commission + exit_.commission == pytest.approx(commissions, abs=0.01)
    assert exit_.gross_profit == pytest.approx(10_000 * (exit_.price - entry.price), abs=0.01)
    assert after.balance - before.balance == pytest.approx(10_000 * (exit_.price - entry.price) - commissions, abs=0.02)
    assert exit_.balance == pytest.approx(after.balance)
    assert after.equity == pytest.approx(after.balance)
    assert after.margin == 0.0


def test_broker_fills_since_a_cursor_are_those_after_it(market: Market) -> None:
    entered(market)
    ((cursor, entry),) = market.broker.fills_since(0)
    assert entry.reason == "entry"
    assert market.broker.fills_since(cursor) == ()
    market.quote(1.16, 1.1601)
    ((_, exit_),) = market.broker.fills_since(cursor)
    assert (exit_.reason, exit_.position_id) == ("target", entry.position_id)
    assert exit_.fill_id != entry.fill_id


WAITING: dict[OrderType, tuple[dict[str, Any], tuple[float, float]]] = {
    OrderType.LIMIT: ({"limit_price": 1.095}, (1.0949, 1.0950)),
    OrderType.STOP: ({"trigger_price": 1.105}, (1.1050, 1.1051)),
    OrderType.STOP_LIMIT: ({"trigger_price": 1.105, "limit_price": 1.106}, (1.1050, 1.1051)),
}


@pytest.mark.parametrize("kind", WAITING)
def test_broker_order_waits_until_its_price_is_reached(market: Market, kind: OrderType) -> None:
    prices, reached = WAITING[kind]
    request = order(order_type=kind, **prices)
    assert market.run(market.broker.place(request)).outcome is CONFIRMED
    market.quote(1.1, 1.1001)
    (waiting,) = market.broker.orders()
    assert (waiting.client_order_id, waiting.order_type, waiting.units) == ("fx1-a", kind, 10_000)
    assert (waiting.state, waiting.filled_units, waiting.trigger_price) == (OrderState.ACCEPTED, 0, request.trigger_price)
    assert market.broker.positions() == ()
    market.quote(*reached)
    assert market.broker.orders() == ()
    (held,) = market.broker.positions()
    assert (held.client_order_id, held.stop_price, held.target_price) == ("fx1-a", 1.05, 1.15)
    # A limit is filled at it or better; a stop at the market beyond it, with its slippage.
    assert held.entry_price <= (1.095 if kind is OrderType.LIMIT else 1.1052)


def test_broker_order_that_is_taken_back_never_fills(market: Market) -> None:
    market.run(market.broker.place(order(order_type=OrderType.LIMIT, limit_price=1.095)))
    (waiting,) = market.broker.orders()
    assert market.run(market.broker.cancel(waiting.order_id)).outcome is CONFIRMED
    assert market.broker.orders() == ()
    market.quote(1.09, 1.0901)
    assert market.broker.positions() == ()
    known = market.broker.known_order("fx1-a")
    assert known is not None
    assert known.state is OrderState.CANCELLED
    assert market.run(market.broker.cancel(waiting.order_id)).outcome is REJECTED


def test_broker_order_that_is_changed_fills_as_it_is_then(market: Market) -> None:
    first = order(order_type=OrderType.LIMIT, limit_price=1.095)
    market.run(market.broker.place(first))
    (waiting,) = market.broker.orders()
    changed = dataclasses.replace(first, units=7_000, limit_price=1.09, stop_price=1.06, target_price=1.14)
    assert market.run(market.broker.amend_order(waiting.order_id, changed)).outcome is CONFIRMED
    market.quote(1.094, 1.0941)
    assert market.broker.positions() == ()
    assert market.broker.orders()[0].limit_price == 1.09
    market.quote(1.0898, 1.0899)
    (held,) = market.broker.positions()
    assert (held.units, held.stop_price, held.target_price) == (7_000, 1.06, 1.14)


def test_broker_order_ends_when_its_time_is_over(market: Market) -> None:
    ends = market.now_us + 60_000_000
    market.run(market.broker.place(order(order_type=OrderType.LIMIT, limit_price=1.095, expires_at_us=ends)))
    market.pass_time(30)
    market.quote(1.1, 1.1001)
    assert len(market.broker.orders()) == 1
    market.pass_time(60)
    market.quote(1.09, 1.0901)
    assert market.broker.orders() == ()
    assert market.broker.positions() == ()
    known = market.broker.known_order("fx1-a")
    assert known is not None
    assert known.state is OrderState.EXPIRED


def test_broker_histories_tell_what_was(market: Market) -> None:
    since = market.now_us
    held = entered(market, dataclasses.replace(order(), requested_at_us=since))
    market.run(market.broker.close(held.position_id, "fx1-a-close", "close"))
    market.quote(1.1, 1.1001)
    told = market.run(market.broker.deal_history(since, market.now_us))
    assert [(fill.fill_id, fill.price, fill.units) for fill in told] == [
        (fill.fill_id, fill.price, fill.units) for fill in fills(market)
    ]
    orders = market.run(market.broker.order_history(since, market.now_us))
    assert [one.client_order_id for one in orders if one.client_order_id] == ["fx1-a"]
    assert market.run(market.broker.deal_history(since - 10_000_000, since - 1_000_000)) == ()


def test_broker_quotes_and_margins_are_of_the_last_price(market: Market) -> None:
    market.quote(1.2, 1.2002)
    quote = market.broker.quote("EURUSD")
    assert quote is not None
    assert quote.conversion == 1.0
    assert quote.bid == pytest.approx(1.2)
    assert quote.ask == pytest.approx(1.2002)
    assert quote.spread == pytest.approx(0.0002)
    assert quote.time_us == market.now_us
    margin = market.run(market.broker.expected_margin("EURUSD", Side.LONG, 10_000))
    assert margin == pytest.approx(10_000 * 1.2002 / 30, rel=1e-3)


def test_broker_tells_when_something_changed(market: Market) -> None:
    market.run(market.broker.wait_for_change(0.01))
    assert market.run(market.broker.wait_for_change(0.01)) is False
    market.run(market.broker.place(order()))
    assert market.run(market.broker.wait_for_change(0.01)) is True
    assert market.run(market.broker.wait_for_change(0.01)) is False


def test_broker_that_comes_back_has_the_same_books(market: Market) -> None:
    since = market.now_us
    entered(market)
    market.run(market.broker.place(order("fx1-b", order_type=OrderType.LIMIT, limit_price=1.09)))
    held, waiting, known = market.broker.positions(), market.broker.orders(), fills(market)
    market.run(market.broker.disconnect())
    market.run(market.broker.connect(since))
    assert market.broker.is_ready
    assert (market.broker.positions(), market.broker.orders(), fills(market)) == (held, waiting, known)
    market.run(market.broker.reconcile())
    assert (market.broker.positions(), market.broker.orders(), fills(market)) == (held, waiting, known)


def test_broker_that_is_not_connected_is_not_ready_and_places_nothing(market: Market) -> None:
    market.run(market.broker.disconnect())
    assert not market.broker.is_ready
    try:
        outcome = market.run(market.broker.place(order())).outcome
    except NotReadyError:
        outcome = DENIED
    assert outcome is DENIED
    market.run(market.broker.connect())
    assert market.broker.positions() == ()
