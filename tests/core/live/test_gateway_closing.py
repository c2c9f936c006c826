"""A close is written ahead, verified by the position itself and repeated until it is gone."""

import pytest
from live_account import LiveAccount, play
from scripted_broker import HIDDEN, LOST, Answer, refused

from fxgpt_core.brokers.broker import Refusal
from fxgpt_core.live import kill_switch, state_of_trading
from fxgpt_core.live.closing import plan_within
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry.gateway_tables import closes
from fxgpt_core.registry.live_tables import fills


def wanted(account: LiveAccount, reason: str = "time") -> str:
    """A close that a rule or a person wants."""
    with account.ledger.begin() as connection:
        name = plan_within(connection, account.ledger, "paper", account.held(), (reason, "the words"))
    assert name is not None
    return name


def test_a_close_is_written_ahead_and_its_row_tells_what_became_of_it(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered()
        position = account.held()
        name = wanted(account)
        (row,) = account.rows(closes)
        assert (row.close_id, row.state, row.attempts, row.sent_at) == (f"{order}-time", "PLANNED", 0, None)
        assert (row.position_id, row.symbol, row.units, row.reason) == (position.position_id, "EURUSD", 250_000, "time")
        await account.run(2.0)
        (row,) = account.rows(closes)
        assert (row.close_id, row.state, row.attempts) == (name, "DONE", 1)
        assert row.sent_at is not None
        assert account.broker.commands.count(("close", position.position_id)) == 1
        assert account.position().exit_reason == "time"

    play(story())


@pytest.mark.parametrize(
    ("answer", "n_sent"),
    [(LOST, 2), (HIDDEN, 1), (refused(), 2), (refused(Refusal.MARKET_CLOSED), 2), (Answer(is_done=False), 2)],
    ids=["lost", "hidden", "refused", "closed market", "confirmed and not done"],
)
def test_a_close_is_repeated_only_while_the_position_is_there(account: LiveAccount, answer: Answer, n_sent: int) -> None:
    async def story() -> None:
        await account.start()
        await account.entered()
        position = account.held().position_id
        account.broker.closes.append(answer)
        wanted(account)
        await account.run(8.0)
        assert account.broker.commands.count(("close", position)) == n_sent
        (row,) = account.rows(closes)
        assert (row.state, row.attempts) == ("DONE", n_sent)
        assert sorted(fill.reason for fill in account.rows(fills)) == ["entry", "time"]

    play(story())


def test_a_close_refused_three_times_is_told_and_tried_on(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        await account.entered()
        account.broker.closes.extend([refused()] * 4)
        wanted(account)
        await account.run(4.0)
        assert account.alerts() == set()
        await account.run(4.0)
        assert account.alerts() == {"close_refused"}
        await account.run(4.0)
        assert account.broker.held == {}
        assert account.alerts() == set()

    play(story())


def test_a_halted_account_sends_no_close_by_rule_and_does_when_it_is_to_be_flat(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        await account.entered()
        state_of_trading.change(account.ledger, "paper", TradingState.HALTED, by="ada", reason="wait")
        wanted(account)
        await account.run(5.0)
        assert ("close", account.held().position_id) not in account.broker.commands
        kill_switch.ask_to_flatten(account.ledger, "paper", by="ada", reason="enough")
        await account.run(3.0)
        assert account.broker.held == {}

    play(story())


def test_a_position_that_its_stop_closes_meanwhile_is_not_closed_twice(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        await account.entered()
        position = account.held().position_id
        wanted(account)
        account.broker.leave(position, "stop", None, 1.096)
        await account.run(2.0)
        assert ("close", position) not in account.broker.commands
        (row,) = account.rows(closes)
        assert (row.state, row.detail) == ("DONE", "the words")
        assert account.position().exit_reason == "stop"

    play(story())
