"""Fills are booked once, with everything they change; what should not have been filled halts or is closed again."""

import pytest
from live_account import LiveAccount, play
from scripted_broker import ACCEPTED, LOST, Answer, refused

from fxgpt_core.brokers.broker import OrderState
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry.gateway_tables import closes
from fxgpt_core.registry.live_tables import fills, positions


def test_parts_add_up_to_one_position_at_their_average_price(account: LiveAccount) -> None:
    """100,000 at 1.1001 and 150,000 at 1.1006 are 250,000 at 1.1004."""

    async def story() -> None:
        await account.start()
        order = await account.entered(ACCEPTED)
        account.broker.fill(order, 100_000, 1.1001)
        await account.run(1.0)
        row = account.intent(order)
        assert (row.state, row.filled_units, account.position().units) == ("PARTLY_FILLED", 100_000, 100_000)
        account.broker.fill(order, 150_000, 1.1006)
        await account.run(1.0)
        row = account.intent(order)
        assert (row.state, row.filled_units, account.position().units) == ("FILLED", 250_000, 250_000)
        assert account.position().entry_price == pytest.approx(1.1004, abs=1e-12)
        assert [fill.units for fill in account.rows(fills)] == [100_000, 150_000]
        assert account.state is TradingState.ACTIVE

    play(story())


def test_the_rest_of_an_order_that_the_broker_ends_is_over_and_its_part_is_kept(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered(Answer(fills=(100_000,)))
        account.broker.end(order, OrderState.CANCELLED)
        await account.run(1.5)
        row = account.intent(order)
        assert (row.state, row.filled_units) == ("CANCELLED", 100_000)
        assert (account.position().state, account.position().units) == ("open", 100_000)
        await account.run(8.0)
        assert account.rows(closes) == []

    play(story())


def test_an_order_whose_cancellation_is_told_before_its_last_part_waits_for_that_part(account: LiveAccount) -> None:
    """The broker says: cancelled, 100,000 were filled; the fill itself comes later and is no surprise then."""

    async def story() -> None:
        await account.start()
        order = await account.entered(ACCEPTED)
        fill = account.broker.fill(order, 100_000)
        account.broker.told.remove(fill)
        account.broker.end(order, OrderState.CANCELLED)
        await account.run(2.0)
        assert account.intent(order).state == "ACCEPTED"
        account.broker.told.append(fill)
        await account.run(2.0)
        assert account.intent(order).state == "CANCELLED"
        assert account.position().units == 100_000
        assert account.rows(closes) == []
        assert account.state is TradingState.ACTIVE

    play(story())


def test_a_fill_that_is_told_twice_and_again_after_a_reconnect_is_booked_once(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered()
        account.broker.told.append(account.broker.told[0])
        await account.run(1.0)
        account.broker.lose()
        await account.run(1.0)
        account.broker.come_back()
        await account.run(1.0)
        account.crash()
        await account.start()
        assert len(account.rows(fills)) == 1
        assert account.intent(order).filled_units == account.position().units == 250_000

    play(story())


def test_more_than_was_ordered_halts_the_account(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered()
        account.broker.fill(order, 50_000)
        await account.run(1.0)
        assert account.state is TradingState.HALTED
        assert "overfill" in account.alerts()
        assert account.position().units == account.held().units == 300_000
        assert account.intent(order).filled_units == 300_000

    play(story())


@pytest.mark.parametrize("dead", [LOST, refused()], ids=["expired", "rejected"])
def test_an_order_that_was_taken_for_dead_and_is_filled_after_all_is_told_and_closed(account: LiveAccount, dead: Answer) -> None:
    async def story() -> None:
        await account.start()
        account.broker.places.append(dead)
        key = await account.signal()
        await account.run(7.0)
        order = account.intent_of(key).client_order_id
        assert account.intent(order).state in ("EXPIRED", "REJECTED")
        account.broker.take(order, "EURUSD", 250_000)
        account.broker.fill(order)
        await account.run(2.0)
        assert "late_fill" in account.alerts()
        assert account.intent(order).state == "FILLED"
        (close,) = account.rows(closes)
        assert (close.state, close.reason, close.units) == ("DONE", "close", 250_000)
        assert account.broker.held == {}
        assert account.position().state == "closed"
        assert account.broker.left == [order]
        await account.run(8.0)
        assert account.state is TradingState.ACTIVE

    play(story())


def test_a_position_that_grows_after_it_was_closed_is_open_again(account: LiveAccount) -> None:
    """A part that comes after the close is a position all the same: the books say so, and agree with the broker's."""

    async def story() -> None:
        await account.start()
        order = await account.entered(Answer(fills=(100_000,)))
        position = account.held()
        account.broker.leave(position.position_id, "close")
        await account.run(1.0)
        assert account.position().state == "closed"
        account.broker.fill(order, 30_000)
        await account.run(1.0)
        row = account.position()
        assert (row.state, row.units - row.closed_units, account.held().units) == ("open", 30_000, 30_000)
        await account.run(8.0)
        assert account.state is TradingState.ACTIVE

    play(story())


def test_exits_in_parts_close_the_position_with_the_last_one_at_their_average(account: LiveAccount) -> None:
    """50,000 at 1.1010 and 200,000 at 1.1020 left at 1.1018."""

    async def story() -> None:
        await account.start()
        await account.entered()
        position = account.held().position_id
        account.broker.leave(position, "close", 50_000, 1.1010)
        await account.run(1.0)
        row = account.position()
        assert (row.state, row.units, row.closed_units) == ("open", 250_000, 50_000)
        account.broker.leave(position, "close", None, 1.1020)
        await account.run(1.0)
        row = account.position()
        assert (row.state, row.closed_units, row.exit_reason) == ("closed", 250_000, "close")
        assert row.exit_price == pytest.approx(1.1018, abs=1e-12)
        assert account.state is TradingState.ACTIVE

    play(story())


def test_an_exit_while_the_gateway_was_down_for_days_is_booked_when_it_comes_back(account: LiveAccount) -> None:
    """The stop was hit on Wednesday, the gateway starts on Friday; the broker tells the last day unless it is asked for more."""

    async def story() -> None:
        await account.start()
        await account.entered()
        entered_us = account.position().entry_time_us
        account.crash()
        await account.wait(24 * 3600.0)
        account.broker.leave(account.held().position_id, "stop", None, 1.096)
        await account.wait(48 * 3600.0)
        await account.start()
        assert account.broker.since_us is not None
        assert account.broker.since_us < entered_us
        await account.run(8.0)
        row = account.position()
        assert (row.state, row.exit_reason, row.exit_price) == ("closed", "stop", 1.096)
        assert account.state is TradingState.ACTIVE
        assert account.rows(positions, positions.c.state == "open") == []

    play(story())
