"""Books that differ: a foreign position blocks its symbol, one of ours that is missing blocks all and halts after the grace."""

import pytest
from live_account import LiveAccount, play
from scripted_broker import LOST

from fxgpt_core.errors import RefusedError
from fxgpt_core.live.adopt import adopt
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry.live_tables import alerts, positions, signals


def test_a_foreign_position_blocks_its_symbol_only_and_is_told_after_the_grace(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        position = account.broker.open_by_hand("EURUSD")
        await account.run(2.0)
        assert account.alerts() == set()
        blocked = await account.signal("EURUSD")
        other = await account.entered(symbol="GBPUSD")
        assert account.broker.left == [other]
        (row,) = account.rows(signals, signals.c.signal_key == blocked)
        assert row.state == "denied"
        await account.run(4.0)
        assert account.alerts() == {"foreign_position"}
        assert account.state is TradingState.ACTIVE
        account.broker.leave(position, "close")
        await account.run(2.0)
        assert account.alerts() == set()
        await account.next_hour()
        await account.run(2.0)
        again = await account.entered(symbol="EURUSD")
        assert account.broker.left == [other, again]

    play(story())


def test_one_of_ours_that_is_missing_blocks_all_at_once_and_halts_after_the_grace(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered()
        account.broker.held.clear()
        await account.run(1.5)
        await account.signal("GBPUSD")
        await account.run(2.0)
        assert account.broker.left == [order]
        assert account.state is TradingState.ACTIVE
        await account.run(4.0)
        assert account.state is TradingState.HALTED
        assert account.alerts() == {"mismatch"}
        assert account.position().state == "open"  # nothing is done to make the books agree

    play(story())


def test_one_of_another_size_halts_after_the_grace(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        await account.entered()
        position = account.held().position_id
        account.broker.leave(position, "close", 50_000)
        account.broker.told.pop()
        await account.run(8.0)
        assert account.state is TradingState.HALTED
        (row,) = account.rows(alerts, alerts.c.kind == "mismatch")
        assert "250000" in row.message
        assert "200000" in row.message

    play(story())


def test_a_difference_that_passes_within_the_grace_is_nobodys_business(account: LiveAccount) -> None:
    """Position first, fill four seconds later."""

    async def story() -> None:
        await account.start()
        await account.entered()
        fill = account.broker.leave(account.held().position_id, "stop")
        account.broker.told.remove(fill)
        await account.run(4.0)
        account.broker.told.append(fill)
        await account.run(6.0)
        assert account.state is TradingState.ACTIVE
        assert account.alerts() == set()
        assert account.position().state == "closed"

    play(story())


def test_what_was_told_of_a_difference_is_resolved_when_the_next_process_finds_the_books_agree(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        await account.entered()
        fill = account.broker.leave(account.held().position_id, "stop")
        account.broker.told.remove(fill)
        account.broker.open_by_hand("GBPUSD")
        await account.run(8.0)
        assert account.alerts() == {"mismatch", "foreign_position"}
        account.crash()
        account.broker.told.append(fill)
        account.broker.held.clear()
        await account.start()
        assert account.alerts() == set()
        assert account.state is TradingState.HALTED  # only a person resumes

    play(story())


def test_an_adopted_position_is_ours_and_no_deployment_manages_it(account: LiveAccount) -> None:
    async def story() -> None:
        position = account.broker.open_by_hand("EURUSD", 3000)
        await account.start()
        await account.run(8.0)
        assert account.alerts() == {"foreign_position"}
        assert account.gateway is not None
        await account.gateway.stop()
        await adopt(account.ledger, account.broker, "paper", position, by="ada", reason="I opened it")
        assert account.alerts() == set()
        row = account.position()
        assert (row.position_id, row.units, row.state) == (position, 3000, "open")
        assert (row.stop_price, row.target_price) == (1.09, 1.12)
        await account.start()
        await account.run(8.0)
        assert account.state is TradingState.ACTIVE
        assert account.alerts() == set()
        account.broker.leave(position, "stop", None, 1.09)
        await account.run(2.0)
        (row,) = account.rows(positions)
        assert (row.state, row.exit_price) == ("closed", 1.09)

    play(story())


def test_an_exit_before_the_adoption_does_not_reduce_what_was_adopted(account: LiveAccount) -> None:
    """Of 3,000 units 1,000 were closed by hand while no gateway listened; 2,000 are adopted, and stay 2,000."""

    async def story() -> None:
        position = account.broker.open_by_hand("EURUSD", 3000)
        account.broker.leave(position, "close", 1000)
        await adopt(account.ledger, account.broker, "paper", position, by="ada", reason="I opened it")
        await account.start()
        await account.run(8.0)
        row = account.position()
        assert row.units - row.closed_units == 2000
        assert account.state is TradingState.ACTIVE

    play(story())


def test_the_position_of_an_order_of_ours_is_booked_by_the_gateway_and_never_adopted(account: LiveAccount) -> None:
    """Its fill was told while no gateway listened: were it adopted, that fill would come on top of it."""

    async def story() -> None:
        await account.start()
        order = await account.entered(LOST)
        account.crash()
        units = account.intent(order).units
        account.broker.take(order, "EURUSD", units)
        account.broker.fill(order)
        with pytest.raises(RefusedError, match=f"by order {order} of ours, which is UNKNOWN"):
            await adopt(account.ledger, account.broker, "paper", account.held().position_id, by="ada", reason="it looks foreign")
        await account.start()
        await account.run(8.0)
        row = account.position()
        assert (row.units, row.client_order_id) == (units, order)
        assert account.intent(order).state == "FILLED"
        assert account.state is TradingState.ACTIVE

    play(story())
