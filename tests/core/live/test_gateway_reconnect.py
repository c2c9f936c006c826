"""After a lost connection, a lost lease and a restart: nothing leaves before the books are compared, or by another's right."""

import asyncio

import pytest
from live_account import STEP_S, LiveAccount, play
from scripted_broker import ACCEPTED, HIDDEN, Answer
from sqlalchemy import update

from fxgpt_core.errors import RefusedError
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry.gateway_tables import equity_marks, gateway_starts
from fxgpt_core.registry.live_tables import heartbeats, leases, order_intents, signals


def test_nothing_leaves_while_the_connection_is_lost_and_what_is_fresh_leaves_after_it(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        account.broker.lose()
        key = await account.signal()
        await account.run(3.0)
        assert account.broker.left == []
        assert account.rows(order_intents) == []
        account.broker.come_back()
        await account.run(5.0)
        assert account.broker.left == [account.intent_of(key).client_order_id]

    play(story())


def test_after_a_reconnect_nothing_leaves_before_the_books_are_compared(account: LiveAccount) -> None:
    """The order was marked sent on the old connection; it reaches the wire on a new one, of which nothing is known."""

    async def story() -> None:
        await account.start()
        account.broker.before_write = account.broker.come_back
        order = await account.entered()
        assert account.broker.left == []
        row = account.intent(order)
        assert row.state == "DENIED"
        assert "not compared yet" in row.reason

    play(story())


def test_a_position_that_is_missing_after_a_reconnect_lets_nothing_leave(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        await account.entered()
        account.broker.lose()
        await account.run(1.0)
        await account.next_hour()
        account.broker.held.clear()
        await account.signal("GBPUSD")
        account.broker.come_back()
        await account.run(12.0)
        assert len(account.broker.left) == 1
        assert account.state is TradingState.HALTED

    play(story())


def test_fills_of_the_time_without_a_connection_are_booked_by_the_next_one(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered(ACCEPTED)
        account.broker.lose()
        await account.run(2.0)
        account.broker.fill(order)
        account.broker.leave(account.held().position_id, "stop", None, 1.096)
        account.broker.come_back()
        await account.run(1.0)
        assert account.intent(order).state == "FILLED"
        row = account.position()
        assert (row.state, row.exit_price, row.exit_reason) == ("closed", 1.096, "stop")
        assert account.state is TradingState.ACTIVE

    play(story())


def test_a_broker_that_is_not_there_yet_is_waited_for(account: LiveAccount) -> None:
    async def story() -> None:
        connect = account.broker.connect

        async def refuse(since_us: int | None = None) -> None:
            await connect(since_us)
            account.broker.lose()

        account.broker.connect = refuse  # type: ignore[method-assign]
        key = await account.signal()
        await account.start()
        await account.run(2.0)
        assert account.broker.left == []
        account.broker.come_back()
        await account.run(4.0)
        assert account.broker.left == [account.intent_of(key).client_order_id]

    play(story())


def test_when_the_lease_is_lost_nothing_leaves_and_the_process_ends(account: LiveAccount) -> None:
    def takes_over() -> None:
        with account.ledger.begin() as connection:
            connection.execute(update(leases).values(owner="another", fence=leases.c.fence + 1))

    async def story() -> None:
        await account.start()
        account.broker.before_write = takes_over
        await account.signal()
        with pytest.raises(RefusedError, match="taken over by another process"):
            await account.run(5.0)
        assert account.broker.left == []
        assert account.gateway is not None
        await account.gateway.stop()
        assert not account.broker.is_ready
        (row,) = account.rows(leases)
        assert row.owner == "another"

    play(story())


def test_an_order_that_fails_on_its_way_of_a_defect_is_no_secret(account: LiveAccount) -> None:
    def fail(step: str) -> None:
        if step == "placed":
            raise KeyError("a defect")

    async def story() -> None:
        await account.start(fail)
        await account.signal()
        with pytest.raises(KeyError, match="a defect"):
            await account.run(3.0)

    play(story())


def test_stop_waits_for_the_order_that_is_on_its_way(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        answered = asyncio.Event()
        account.broker.places.append(Answer(fills=(), waits=answered))
        key = await account.signal()
        await account.run(STEP_S)
        assert account.gateway is not None
        stopping = asyncio.create_task(account.gateway.stop())
        await account.wait(1.0)
        assert not stopping.done()
        answered.set()
        await stopping
        assert account.intent_of(key).state == "ACCEPTED"
        (row,) = account.rows(gateway_starts)
        assert row.reason == "stopped"

    play(story())


@pytest.mark.parametrize("n_orders", [1, 2])
def test_an_order_on_its_way_at_a_crash_is_found_again_by_its_own_moment(account: LiveAccount, n_orders: int) -> None:
    """The broker is asked from a minute before the oldest one; two days later it is still found."""

    async def story() -> None:
        await account.start()
        account.broker.is_mute = True
        for symbol in ("EURUSD", "GBPUSD")[:n_orders]:
            account.broker.places.append(Answer(breaks=True, fills=(), seen_after_s=60.0))
            await account.entered(symbol=symbol)
        oldest = min(row.sent_at for row in account.rows(order_intents))
        account.crash()
        account.broker.is_mute = False
        await account.wait(48 * 3600.0)
        for order in account.broker.left:
            account.broker.fill(order)
        await account.start()
        await account.run(2.0)
        assert account.broker.since_us == int(oldest.timestamp() * 1_000_000) - 60_000_000
        assert {row.state for row in account.rows(order_intents)} == {"FILLED"}
        assert account.state is TradingState.ACTIVE

    play(story())


def test_unknown_orders_are_settled_before_a_restarted_gateway_sends_anything(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered(HIDDEN)
        account.crash()
        await account.wait(1.0)
        key = await account.signal("EURUSD") if not account.rows(order_intents) else ""
        await account.start()
        await account.run(2.0)
        assert key == ""
        assert account.broker.left == [order]
        assert account.intent(order).state == "FILLED"

    play(story())


def test_the_heartbeat_and_the_equity_of_the_day_are_kept(account: LiveAccount) -> None:
    """The day of FX ends at 17:00 New York, 22:00 UTC: the 5th of March is day 19787 since the epoch, the next begins then."""

    async def story() -> None:
        await account.start()
        account.broker.equity = 101_000.0
        await account.run(4.0)
        account.broker.equity = 99_000.0
        await account.run(4.0)
        (beat,) = account.rows(heartbeats)
        assert (account.clock.time - beat.at).total_seconds() <= 3.0
        (mark,) = account.rows(equity_marks)
        seen = (mark.day_start_equity, mark.high_water, mark.lowest, mark.last_equity)
        assert seen == (100_000.0, 101_000.0, 99_000.0, 99_000.0)
        await account.wait(8 * 3600.0)  # 22:00:18 UTC
        await account.run(4.0)
        first, second = account.rows(equity_marks)
        assert second.fx_day == first.fx_day + 1
        assert second.day_start_equity == 99_000.0

    play(story())


def test_a_signal_that_came_while_nobody_traded_expires_by_its_age(account: LiveAccount) -> None:
    async def story() -> None:
        key = await account.signal()
        await account.wait(60.0)
        await account.start()
        await account.run(2.0)
        (row,) = account.rows(signals, signals.c.signal_key == key)
        assert row.state == "expired"
        assert account.broker.left == []

    play(story())
