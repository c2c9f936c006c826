"""No position without a stop: one that is missing is put back, one that cannot be is closed, one a person moved is theirs."""

import pytest
from live_account import LiveAccount, play
from scripted_broker import LOST, SWALLOWED, Answer, refused

from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry import lineage
from fxgpt_core.registry.gateway_tables import closes
from fxgpt_core.registry.live_tables import risk_events


def test_stop_and_target_of_the_decision_are_held_and_stamped(account: LiveAccount) -> None:
    """Close 1.1, distances 0.004 and 0.008: the broker had put them around its fill at 1.1001."""

    async def story() -> None:
        await account.start()
        account.broker.places.append(Answer(shift=0.0001))
        await account.signal()
        await account.run(2.0)
        held, row = account.held(), account.position()
        assert (held.stop_price, held.target_price) == (1.096, 1.108)
        assert (row.stop_price, row.target_price) == (1.096, 1.108)
        assert row.protected_at is not None
        assert account.broker.commands == [("amend", held.position_id)]

    play(story())


def test_a_stop_that_is_missing_is_put_back(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        await account.entered()
        position = account.held().position_id
        account.broker.move(position, None, 1.108)
        await account.run(1.5)
        assert account.held().stop_price == 1.096
        await account.run(6.0)
        assert account.rows(closes) == []
        assert account.alerts() == set()

    play(story())


@pytest.mark.parametrize("answer", [refused(), LOST, SWALLOWED], ids=["refused", "lost", "confirmed and not done"])
def test_a_position_that_cannot_be_given_a_stop_is_closed_after_five_seconds(account: LiveAccount, answer: Answer) -> None:
    async def story() -> None:
        await account.start()
        await account.entered()
        position = account.held().position_id
        account.broker.amends.extend([answer] * 100)
        account.broker.move(position, None, None)
        await account.run(4.5)
        assert account.rows(closes) == []
        await account.run(3.0)
        (row,) = account.rows(closes)
        assert (row.reason, row.state) == ("close", "DONE")
        assert "no stop" in row.detail
        assert "unprotected" in account.alerts()
        assert account.broker.held == {}
        assert account.state is TradingState.ACTIVE

    play(story())


def test_a_stop_that_comes_back_in_time_begins_the_five_seconds_anew(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        await account.entered()
        position = account.held().position_id
        for _ in range(3):
            account.broker.amends.extend([refused()] * 6)
            account.broker.move(position, None, None)
            await account.run(4.0)
            assert account.held().stop_price == 1.096
        assert account.rows(closes) == []

    play(story())


@pytest.mark.parametrize(("stop", "target"), [(1.098, 1.108), (1.096, 1.12), (1.09, None)], ids=["stop", "target", "no target"])
def test_a_level_that_a_person_moved_is_theirs_and_our_books_follow(
    account: LiveAccount, stop: float, target: float | None
) -> None:
    async def story() -> None:
        await account.start()
        await account.entered()
        position = account.held().position_id
        account.broker.move(position, stop, target)
        await account.run(2.0)
        assert (account.held().stop_price, account.held().target_price) == (stop, target)
        assert (account.position().stop_price, account.position().target_price) == (stop, target)
        assert ("amend", position) not in account.broker.commands
        assert "level_moved_at_broker" in {row.kind for row in account.rows(risk_events)}

    play(story())
    with account.ledger.reading() as connection:
        assert "level_moved_at_broker" in {entry.kind for entry in lineage.entries(connection)}


def test_levels_that_the_broker_does_not_take_are_told_and_those_it_holds_are_kept(account: LiveAccount) -> None:
    """The price has run through the target that was wanted: it is refused again and again, and there is a stop all the same."""

    async def story() -> None:
        await account.start()
        account.broker.amends.extend([refused()] * 1000)
        account.broker.places.append(Answer(shift=0.0001))
        await account.signal()
        await account.run(20.0)
        held, row = account.held(), account.position()
        assert held.stop_price == pytest.approx(1.0961)
        assert (row.stop_price, row.target_price) == (held.stop_price, held.target_price)
        assert row.protected_at is not None
        assert "levels_refused" in {event.kind for event in account.rows(risk_events)}
        assert len(account.broker.commands) < 15
        assert account.rows(closes) == []

    play(story())
