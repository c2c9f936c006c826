"""What every broker must do, whoever it is; a new implementation is one more fixture parameter."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from awaited import awaited

from fxgpt_core.brokers.broker import Broker, OrderState
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.brokers.paper_quotes import PlayedCandle
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.orders import OrderOutcome, OrderRequest, Side

HOUR_US = 3_600_000_000
Quote = Callable[[Broker, int, float], None]


def paper(folder: Path) -> tuple[Broker, Quote]:
    broker = PaperBroker(folder / "book.db", {"EURUSD": Costs(0.0001, 0.00002)})

    def quote(broker: Broker, hour: int, price: float) -> None:
        assert isinstance(broker, PaperBroker)
        broker.on_candle(PlayedCandle("EURUSD", hour * HOUR_US, (hour + 1) * HOUR_US, price, price, price, price))

    return broker, quote


@pytest.fixture(params=[paper], ids=["paper"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Broker, Quote]]:
    broker, quote = request.param(tmp_path)
    awaited(broker.connect())
    yield broker, quote
    awaited(broker.disconnect())


def order(name: str = "fx1-a", side: Side = Side.LONG, units: int = 1000) -> OrderRequest:
    stop, target = (0.9, 1.5) if side is Side.LONG else (1.5, 0.9)
    return OrderRequest(name, "EURUSD", side, units, stop, target, 0)


def test_broker_order_at_next_price_becomes_a_position(case: tuple[Broker, Quote]) -> None:
    broker, quote = case
    quote(broker, 0, 1.1)
    assert awaited(broker.place(order())).outcome is OrderOutcome.CONFIRMED
    assert broker.positions() == ()
    quote(broker, 1, 1.2)
    (held,) = broker.positions()
    assert (held.side, held.units, held.client_order_id) == (Side.LONG, 1000, "fx1-a")
    assert held.entry_price == pytest.approx(1.2 * 1.0001)
    known = awaited(broker.order("fx1-a"))
    assert known is not None
    assert (known.state, known.position_id) == (OrderState.FILLED, held.position_id)


def test_broker_repeated_client_order_id_is_rejected_not_sent_twice(case: tuple[Broker, Quote]) -> None:
    broker, quote = case
    awaited(broker.place(order()))
    again = awaited(broker.place(order()))
    assert again.outcome is OrderOutcome.REJECTED
    assert "fx1-a" in again.reason
    quote(broker, 1, 1.2)
    assert len(broker.positions()) == 1


def test_broker_order_it_never_received_is_unknown_to_it(case: tuple[Broker, Quote]) -> None:
    assert awaited(case[0].order("fx1-never")) is None


def test_broker_amended_stop_is_the_one_that_fills(case: tuple[Broker, Quote]) -> None:
    broker, quote = case
    awaited(broker.place(order()))
    quote(broker, 1, 1.2)
    (held,) = broker.positions()
    assert awaited(broker.amend(held.position_id, 1.19, held.target_price)).outcome is OrderOutcome.CONFIRMED
    quote(broker, 2, 1.18)
    assert broker.positions() == ()
    assert [(fill.reason, fill.price) for _, fill in broker.fills_since(0)][-1] == ("stop", 1.18)


def test_broker_close_ends_the_position_at_the_next_price_with_its_reason(case: tuple[Broker, Quote]) -> None:
    broker, quote = case
    awaited(broker.place(order(side=Side.SHORT)))
    quote(broker, 1, 1.2)
    (held,) = broker.positions()
    assert awaited(broker.close(held.position_id, "fx1-a-time", "time")).outcome is OrderOutcome.CONFIRMED
    quote(broker, 2, 1.1)
    assert broker.positions() == ()
    _, fill = broker.fills_since(0)[-1]
    assert (fill.reason, fill.price, fill.client_order_id) == ("time", 1.1, "fx1-a-time")


@pytest.mark.parametrize("command", ["amend", "close"])
def test_broker_command_on_a_position_that_is_not_there_is_rejected(case: tuple[Broker, Quote], command: str) -> None:
    broker, _ = case
    answer = awaited(broker.amend("none-1", 1.0, 2.0)) if command == "amend" else awaited(broker.close("none-1", "x", "close"))
    assert answer.outcome is OrderOutcome.REJECTED
    assert "none-1" in answer.reason


def test_broker_money_moves_by_profit_and_commission_of_both_sides(case: tuple[Broker, Quote]) -> None:
    broker, quote = case
    before = broker.account().balance
    awaited(broker.place(order()))
    quote(broker, 1, 1.2)
    entry = 1.2 * 1.0001
    quote(broker, 2, 1.3)
    assert broker.account().equity - broker.account().balance == pytest.approx(1000 * (1.3 - entry))
    (held,) = broker.positions()
    awaited(broker.close(held.position_id, "fx1-a-close", "close"))
    quote(broker, 3, 1.4)
    commissions = 1000 * 0.00002 * (entry + 1.4)
    assert broker.account().balance - before == pytest.approx(1000 * (1.4 - entry) - commissions)
    assert broker.account().equity == broker.account().balance


def test_broker_fills_since_a_cursor_are_those_after_it(case: tuple[Broker, Quote]) -> None:
    broker, quote = case
    awaited(broker.place(order()))
    quote(broker, 1, 1.2)
    ((cursor, entry),) = broker.fills_since(0)
    assert entry.reason == "entry"
    assert broker.fills_since(cursor) == ()
    quote(broker, 2, 1.6)
    ((_, exit_),) = broker.fills_since(cursor)
    assert (exit_.reason, exit_.position_id) == ("target", entry.position_id)
    assert exit_.fill_id != entry.fill_id
