"""What happens to the account while nobody orders: lost connections, lagging histories, people in the terminal, broken quotes."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from ctrader_stage import Stage, agreed, made_broker, order, stage
from simulator_client import WEDNESDAY_US
from virtual_time import loop_clock_us, run_in_virtual_time

from fxgpt_core.brokers.ctrader_simulator.codes import OrderType, TradeSide
from fxgpt_core.brokers.ctrader_simulator.records import OrderTicket
from fxgpt_core.errors import NotReadyError
from fxgpt_core.market.orders import OrderOutcome, Side
from fxgpt_core.market.orders import OrderType as OurType

CONFIRMED, REJECTED, DENIED, UNKNOWN = OrderOutcome


def played(story: Any, folder: Path, **given: Any) -> None:
    async def play() -> None:
        async with stage(folder, **given) as at:
            await story(at)

    run_in_virtual_time(play())


@pytest.mark.parametrize(
    "fault",
    ["client_disconnect", "account_disconnect", "token_invalidated", "half_open", "truncated_frame", "garbage_payload",
     "oversized_frame"],
)  # fmt: skip
def test_a_lost_connection_is_made_again_and_what_happened_meanwhile_is_known(fault: str, tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        await at.broker.place(order())
        await at.broker.place(order("fx1-b", order_type=OurType.LIMIT, limit_price=1.09, stop_price=1.08))
        await agreed(at)
        at.fault(fault)
        at.quote(1.101, 1.1011)
        await asyncio.sleep(0.01)
        # Nobody hears of it: the limit is filled, and the first position stopped, while the connection is gone.
        at.quote(1.0899, 1.09)
        await asyncio.sleep(75.0)
        await agreed(at)
        assert at.broker.connections == 2
        assert [one.client_order_id for one in at.broker.positions()] == ["fx1-b"]
        assert at.broker.orders() == ()
        assert sorted(fill.reason for _, fill in at.broker.fills_since(0)) == ["entry", "entry", "stop"]

    played(story, tmp_path)


def test_nothing_is_asked_and_nothing_answered_from_empty_books_before_the_first_connection(tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        fresh = made_broker(at.house, tmp_path, loop_clock_us(WEDNESDAY_US))
        for ask in (fresh.positions, fresh.orders, fresh.account, lambda: fresh.fills_since(0)):
            with pytest.raises(NotReadyError, match="not read yet"):
                ask()
        assert (await fresh.place(order())).outcome is DENIED
        assert (await fresh.close("500001", "fx1-a-time", "time")).outcome is DENIED
        assert fresh.connections == 0

    played(story, tmp_path)


def test_a_history_that_lags_is_waited_for_before_the_account_is_ready(tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        await at.broker.place(order())
        await agreed(at)
        clock = asyncio.get_running_loop().time
        begun = clock()
        for _ in range(2 * 12):
            at.fault("history_lag", seconds=600)
        fresh = made_broker(at.house, tmp_path, loop_clock_us(WEDNESDAY_US))
        await fresh.connect()
        assert clock() - begun > 10
        assert fresh.is_ready
        assert [fill.fill_id for _, fill in fresh.fills_since(0)] == [fill.fill_id for _, fill in at.broker.fills_since(0)]
        assert fresh.positions() == at.broker.positions()
        await fresh.disconnect()

    played(story, tmp_path)


def test_a_history_that_never_explains_does_not_keep_the_account_shut_for_ever(tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        await at.broker.place(order())
        await agreed(at)
        at.house.server.faults.faults.probabilities["history_lag"] = 1.0
        fresh = made_broker(at.house, tmp_path, loop_clock_us(WEDNESDAY_US))
        await fresh.connect()
        await asyncio.sleep(70.0)
        assert fresh.is_ready
        (held,) = fresh.positions()
        assert (held.units, held.stop_price) == (4000, at.broker.positions()[0].stop_price)
        await fresh.disconnect()

    played(story, tmp_path)


def test_pages_of_three_rows_and_equal_milliseconds_tell_everything(tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        at.fault("equal_milliseconds")
        for number in range(9):
            await at.broker.place(order(f"fx1-{number}"))
            await asyncio.sleep(0.3)
        await agreed(at)
        for _ in range(6):
            at.fault("short_pages")
        fresh = made_broker(at.house, tmp_path, loop_clock_us(WEDNESDAY_US))
        await fresh.connect()
        assert {fill.fill_id for _, fill in fresh.fills_since(0)} == {fill.fill_id for _, fill in at.broker.fills_since(0)}
        assert fresh.positions() == at.broker.positions()
        assert at.house.server.faults.fired["short_pages"] == 6
        await fresh.disconnect()

    played(story, tmp_path)


def test_a_person_trades_moves_and_closes_in_the_terminal(tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        venue = at.house.venue
        ticket = OrderTicket(venue.symbol_id("EURUSD"), OrderType.MARKET, TradeSide.SELL, 500_000)
        venue.place(at.house.account_id, ticket)
        await at.heard()
        (foreign,) = at.broker.positions()
        assert (foreign.client_order_id, foreign.side, foreign.units) == ("", Side.SHORT, 5000)
        await at.broker.place(order())
        await agreed(at)
        ours = at.broker.positions()[1]
        venue.close(at.house.account_id, int(ours.position_id), 400_000)
        await agreed(at)
        exit_ = at.broker.fills_since(0)[-1][1]
        assert (exit_.reason, exit_.client_order_id, exit_.position_id) == ("close", "fx1-a", ours.position_id)

    played(story, tmp_path)


def test_what_a_person_opens_where_nobody_looked_is_priced_and_counts(tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        at.quote(150.0, 150.02, "USDJPY")
        at.quote(190.0, 190.05, "GBPJPY")
        venue, before = at.house.venue, at.broker.account().equity
        ticket = OrderTicket(venue.symbol_id("GBPJPY"), OrderType.MARKET, TradeSide.BUY, 1_000_000)
        venue.place(at.house.account_id, ticket)
        await asyncio.sleep(1.0)
        at.quote(191.0, 191.05, "GBPJPY")
        await at.heard()
        (held,) = at.broker.positions()
        assert (held.symbol, held.units) == ("GBPJPY", 10_000)
        profit = 10_000 * (191.0 - held.entry_price) / 150.0
        assert at.broker.account().equity - before == pytest.approx(profit, abs=1.0)

    played(story, tmp_path)


def test_a_stop_that_a_person_moves_or_removes_is_in_the_books(tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        await at.broker.place(order())
        await agreed(at)
        before = at.broker.positions()[0]
        at.fault("manual_stop_move")
        await agreed(at)
        after = at.broker.positions()[0]
        assert after.stop_price != before.stop_price
        assert after.target_price is None

    played(story, tmp_path)


def test_a_stop_out_says_so(tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        await at.broker.place(order())
        await agreed(at)
        at.fault("stop_out")
        await agreed(at)
        exit_ = at.broker.fills_since(0)[-1][1]
        assert (exit_.reason, exit_.client_order_id) == ("stop_out", "fx1-a")

    played(story, tmp_path)


def test_money_that_comes_and_goes_is_no_missed_event(tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        at.house.venue.move_cash(at.house.account_id, 5_000.0)
        await at.broker.place(order())
        await agreed(at)
        await at.broker.close(at.broker.positions()[0].position_id, "fx1-a-close", "close")
        at.house.venue.move_cash(at.house.account_id, -1_000.0)
        await agreed(at)
        at.fault("client_disconnect")
        at.house.venue.move_cash(at.house.account_id, -500.0)
        await asyncio.sleep(10.0)
        await agreed(at)
        assert at.broker.is_ready
        assert at.broker.account().balance == pytest.approx(103_500.0, abs=5.0)

    played(story, tmp_path)


def test_quotes_that_tell_one_side_keep_the_other_with_its_own_time(tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        first = at.broker.quote("EURUSD")
        await asyncio.sleep(30.0)
        at.quote(1.1002, 1.1004)
        await at.heard()
        both = at.broker.quote("EURUSD")
        await asyncio.sleep(7.0)
        at.quote(1.1003, 1.1004)
        await at.heard()
        one = at.broker.quote("EURUSD")
        assert first is not None
        assert both is not None
        assert one is not None
        assert both.time_us == (first.time_us or 0) + 30_000_000
        assert (one.bid, one.ask, one.time_us) == (1.1003, 1.1004, both.time_us)

    played(story, tmp_path)


def test_changed_terms_are_asked_for_again(tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        at.house.venue.change_symbol("EURUSD", min_volume=200_000, step_volume=200_000)
        await asyncio.sleep(1.0)
        terms = at.broker.terms("EURUSD")
        assert terms is not None
        assert (terms.min_units, terms.step_units) == (2_000, 2_000)
        refused = await at.broker.place(order(units=3_000))
        assert refused.outcome is REJECTED
        assert "2000 to 10000000 in steps of 2000" in refused.reason

    played(story, tmp_path)


def test_a_profit_in_another_currency_is_worth_what_its_chain_says(tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        for name, bid in (("EURGBP", 0.85), ("GBPUSD", 1.25), ("USDJPY", 150.0), ("EURJPY", 165.0)):
            at.quote(bid, bid + 0.01, name)
        await at.broker.subscribe(["EURGBP", "USDJPY", "EURJPY"])
        await at.heard()
        for name, worth in (("EURGBP", 1.25), ("USDJPY", 1 / 150.0), ("EURJPY", 1 / 150.0)):
            quote = at.broker.quote(name)
            assert quote is not None
            assert quote.conversion == pytest.approx(worth)

    played(story, tmp_path)


def test_every_execution_frame_is_handed_over_and_makes_the_same_books_again(tmp_path: Path) -> None:
    from fxgpt_core.brokers.ctrader import protocol
    from fxgpt_core.brokers.ctrader.account_book import AccountBook

    async def story(at: Stage) -> None:
        for number in range(3):
            await at.broker.place(order(f"fx1-{number}"))
        await agreed(at)
        await at.broker.close(at.broker.positions()[0].position_id, "fx1-0-time", "time")
        await agreed(at)
        book = AccountBook()
        for source, kind, frame in at.frames:
            assert (source, kind) == ("push", "ProtoOAExecutionEvent")
            event = protocol.new(kind)
            event.MergeFromString(frame)
            book.take_event(event)
        assert [str(number) for number, one in book.positions.items() if one.volume] == [
            one.position_id for one in at.broker.positions()
        ]
        assert [str(number) for number in book.fills] == [fill.fill_id for _, fill in at.broker.fills_since(0)]

    played(story, tmp_path)
