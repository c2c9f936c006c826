"""Nothing leaves once somebody said stop, and what is to be flat is closed until the broker, asked anew, has nothing."""

import pytest
from live_account import LiveAccount, play
from scripted_broker import ACCEPTED, HIDDEN, LOST, NEVER_WRITTEN, Answer, refused

from fxgpt_core.brokers.broker import Refusal
from fxgpt_core.live import kill_switch
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry.gateway_tables import closes, flatten_requests
from fxgpt_core.registry.live_tables import order_intents


@pytest.mark.parametrize("name", ["halt", "flatten"])
def test_a_file_written_between_decision_and_write_lets_nothing_leave(account: LiveAccount, name: str) -> None:
    async def story() -> None:
        await account.start()
        account.broker.before_write = lambda: account.write(name)
        order = await account.entered()
        assert account.broker.left == []
        row = account.intent(order)
        assert (row.state, row.sent_at) == ("DENIED", None)
        assert f"the file {account.folder / name} halts the account" in row.reason
        assert account.state is TradingState.HALTED

    play(story())


def test_the_file_halts_by_itself_also_after_somebody_resumed(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        file = account.write("halt", "the news")
        await account.run(1.0)
        assert account.state is TradingState.HALTED
        account.resume()
        await account.run(1.0)
        assert account.state is TradingState.HALTED
        file.unlink()
        account.resume()
        await account.run(1.0)
        assert account.state is TradingState.ACTIVE
        await account.entered()
        assert len(account.broker.left) == 1

    play(story())


def test_a_halt_survives_a_restart(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        account.write("halt").rename(account.folder / "halted before")
        (account.folder / "halted before").rename(account.folder / "halt")
        await account.run(1.0)
        (account.folder / "halt").unlink()
        account.crash()
        await account.start()
        assert account.state is TradingState.HALTED
        await account.signal()
        await account.run(2.0)
        assert account.broker.left == []
        assert account.rows(order_intents) == []

    play(story())


@pytest.mark.parametrize(
    "answers",
    [(), (LOST, LOST), (HIDDEN,), (refused(Refusal.MARKET_CLOSED), refused()), (NEVER_WRITTEN,), (Answer(is_done=False),)],
    ids=["done", "lost", "hidden", "refused", "never written", "confirmed and not done"],
)
def test_flatten_closes_and_cancels_everything_whoever_opened_it(account: LiveAccount, answers: tuple[Answer, ...]) -> None:
    """Ours, a person's and a person's waiting order; done only when the broker, asked anew, has none of them."""

    async def story() -> None:
        await account.start()
        await account.entered()
        account.broker.open_by_hand("GBPUSD")
        account.broker.wait_by_hand()
        account.broker.closes.extend(answers)
        number = kill_switch.ask_to_flatten(account.ledger, "paper", by="ada", reason="enough")
        n_read = account.broker.n_read_anew
        await account.run(12.0)
        assert account.broker.held == {}
        assert account.broker.orders() == ()
        assert account.broker.n_read_anew > n_read
        request = kill_switch.flatten_request(account.ledger, number)
        assert request.done_at is not None
        assert "flat" in request.detail
        assert account.state is TradingState.HALTED
        assert {row.state for row in account.rows(closes)} == {"DONE"}
        await account.run(5.0)  # a halted account stays as it is
        assert len(account.broker.left) == 1

    play(story())


def test_flatten_is_not_done_while_the_broker_cannot_be_asked(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        await account.entered()
        number = kill_switch.ask_to_flatten(account.ledger, "paper", by="ada", reason="enough")
        account.broker.is_mute = True
        await account.run(3.0)
        assert account.broker.held == {}
        assert kill_switch.flatten_request(account.ledger, number).done_at is None
        account.broker.is_mute = False
        await account.run(1.0)
        assert kill_switch.flatten_request(account.ledger, number).done_at is not None

    play(story())


def test_flatten_goes_on_after_a_crash(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        await account.entered()
        account.broker.closes.extend([LOST] * 3)
        number = kill_switch.ask_to_flatten(account.ledger, "paper", by="ada", reason="enough")
        await account.run(1.0)
        account.crash()
        await account.start()
        await account.run(10.0)
        assert account.broker.held == {}
        assert kill_switch.flatten_request(account.ledger, number).done_at is not None

    play(story())


def test_an_order_filled_while_the_account_is_made_flat_is_closed_too(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        order = await account.entered(ACCEPTED)
        account.broker.cancels.extend([refused()] * 10)
        number = kill_switch.ask_to_flatten(account.ledger, "paper", by="ada", reason="enough")
        await account.run(1.0)
        assert kill_switch.flatten_request(account.ledger, number).done_at is None
        account.broker.fill(order)
        await account.run(3.0)
        assert account.broker.held == {}
        assert account.position().state == "closed"
        assert kill_switch.flatten_request(account.ledger, number).done_at is not None

    play(story())


def test_a_flatten_file_is_obeyed_once_and_what_a_person_opens_later_is_theirs(account: LiveAccount) -> None:
    async def story() -> None:
        await account.start()
        await account.entered()
        account.write("flatten", "the model has gone wild")
        await account.run(3.0)
        assert account.broker.held == {}
        account.broker.open_by_hand()
        await account.run(3.0)
        assert len(account.broker.held) == 1
        (request,) = account.rows(flatten_requests)
        assert "the model has gone wild" in request.reason

    play(story())
