"""Brokers with a market that a test moves, whatever the broker needs for it; what the contract of the role is played on."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ctrader_stage import stage
from simulator_client import WEDNESDAY_US
from virtual_time import VirtualTimeLoop

from fxgpt_core.brokers.broker import Broker
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.market.charges import Charges

T = TypeVar("T")
SECOND_US = 1_000_000


class Market(Protocol):
    """A connected broker, EURUSD at 1.1 / 1.1001 and 100,000 dollars, charged by the default `Charges`."""

    @property
    def broker(self) -> Broker: ...

    @property
    def now_us(self) -> int: ...

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What an awaited method returns; always in the same loop."""
        ...

    def quote(self, bid: float, ask: float) -> None:
        """The next price of EURUSD a second later; when this returns the broker knows everything it did."""
        ...

    def pass_time(self, seconds: int) -> None:
        """Let time pass; the next quote is that much later."""
        ...


class PaperMarket:
    def __init__(self, folder: Path, runner: asyncio.Runner) -> None:
        self.broker = PaperBroker(folder / "book.db", {"EURUSD": Charges()})
        self.now_us = WEDNESDAY_US
        self._runner = runner
        self.run(self.broker.connect())
        self.quote(1.1, 1.1001)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def quote(self, bid: float, ask: float) -> None:
        self.pass_time(1)
        assert self.broker.on_quote("EURUSD", bid, ask, self.now_us)

    def pass_time(self, seconds: int) -> None:
        self.now_us += seconds * SECOND_US


class CTraderMarket:
    def __init__(self, folder: Path, runner: asyncio.Runner) -> None:
        self._runner, self._stack = runner, AsyncExitStack()
        self._stage = self.run(self._stack.enter_async_context(stage(folder)))
        self.broker = self._stage.broker

    @property
    def now_us(self) -> int:
        return WEDNESDAY_US + round(self._runner.get_loop().time() * SECOND_US)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def quote(self, bid: float, ask: float) -> None:
        self.pass_time(1)
        self.run(self._quote(bid, ask))

    def pass_time(self, seconds: int) -> None:
        self.run(asyncio.sleep(seconds))

    def close(self) -> None:
        self.run(self._stack.aclose())

    async def _quote(self, bid: float, ask: float) -> None:
        self._stage.quote(bid, ask)
        await self._stage.heard()


@contextmanager
def paper_market(folder: Path) -> Iterator[Market]:
    with asyncio.Runner() as runner:
        market = PaperMarket(folder, runner)
        yield market
        market.run(market.broker.disconnect())


@contextmanager
def ctrader_market(folder: Path) -> Iterator[Market]:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        market = CTraderMarket(folder, runner)
        try:
            yield market
        finally:
            market.close()
