"""A process that dies again and again must not trade: only ends without order count, and only recent ones."""

import asyncio

import pytest
from live_account import LiveAccount, play

from fxgpt_core.errors import NotReadyError
from fxgpt_core.live.gateway import Gateway
from fxgpt_core.live.running import run
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry.gateway_tables import gateway_starts


def test_the_third_start_after_crashes_halts_the_account(account: LiveAccount) -> None:
    async def story() -> None:
        for state in (TradingState.ACTIVE, TradingState.ACTIVE, TradingState.HALTED):
            await account.start()
            assert account.state is state
            account.crash()
        assert account.alerts() == {"crash_loop"}
        assert [row.ended_at for row in account.rows(gateway_starts)] == [None] * 3
        await account.start()
        await account.signal()
        await account.run(2.0)
        assert account.broker.left == []

    play(story())


def test_ends_in_order_do_not_count_and_are_written_down(account: LiveAccount) -> None:
    async def story() -> None:
        for _ in range(5):
            await account.start()
            assert account.gateway is not None
            await account.gateway.stop()
        assert account.state is TradingState.ACTIVE
        found = account.rows(gateway_starts)
        assert [row.reason for row in found] == ["stopped"] * 5
        assert all(row.started_at < row.ended_at for row in found)

    play(story())


def test_crashes_of_long_ago_do_not_count(account: LiveAccount) -> None:
    async def story() -> None:
        for _ in range(4):
            await account.start()
            account.crash()
            await account.wait(400.0)
        assert account.state is TradingState.ACTIVE

    play(story())


class Raising(Gateway):
    """A gateway whose first step raises."""

    def __init__(self, account: LiveAccount, error: Exception) -> None:
        super().__init__(account.lake, account.broker, "paper", settings=account.settings)
        self._error = error

    async def step(self) -> bool:
        raise self._error


@pytest.mark.parametrize(
    ("error", "reason"), [(KeyError("a defect"), None), (NotReadyError("the disk is full"), "stopped")], ids=["defect", "named"]
)
def test_an_error_without_a_name_is_a_crash_and_one_with_a_name_is_an_end(
    account: LiveAccount, error: Exception, reason: str | None
) -> None:
    async def story() -> None:
        with pytest.raises(type(error), match=str(error)):
            await run(Raising(account, error), stop=asyncio.Event())

    play(story())
    (row,) = account.rows(gateway_starts)
    assert row.reason == reason
