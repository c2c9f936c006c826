"""A cTrader broker at the simulator over TLS, both in one loop: what the tests of the broker stand on."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulator_client import WEDNESDAY_US, Rehearsal, rehearsal
from virtual_time import loop_clock_us

from fxgpt_core.brokers.ctrader.broker import CTraderBroker, CTraderSettings
from fxgpt_core.brokers.ctrader.connection import OnEvent
from fxgpt_core.brokers.ctrader.endpoint import Endpoint
from fxgpt_core.brokers.ctrader.redaction import Secret
from fxgpt_core.brokers.ctrader.session import OnReady, Session, SessionSettings
from fxgpt_core.brokers.ctrader.tokens import Credentials, TokenKeeper, TokenPair
from fxgpt_core.brokers.ctrader_simulator.venue import VenueSettings
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.orders import OrderRequest, Side

YEAR_US = 365 * 86_400 * 1_000_000


@dataclass
class MemoryStore:
    """Tokens that do not survive the test."""

    pair: TokenPair | None

    def read(self) -> TokenPair | None:
        return self.pair

    def write(self, pair: TokenPair) -> None:
        self.pair = pair


@dataclass
class Stage:
    """The broker, the venue, and all frames the broker was given."""

    broker: CTraderBroker
    house: Rehearsal
    frames: list[tuple[str, str, bytes]]

    def quote(self, bid: float, ask: float, name: str = "EURUSD") -> None:
        self.house.server.quote(name, bid, ask)

    async def heard(self) -> None:
        """Until the broker has all that the venue has sent: answers come after it."""
        await self.broker.expected_margin("EURUSD", Side.LONG, 1000)

    def fault(self, name: str, **detail: Any) -> None:
        self.house.server.faults.next(name, **detail)


def made_session(house: Rehearsal, folder: Path, now_us: Callable[[], int]) -> Callable[[OnEvent, OnReady], Session]:
    keys = house.server.credentials
    pair = TokenPair(Secret(keys.access_token), Secret(keys.refresh_token), now_us() + YEAR_US)
    keeper = TokenKeeper(MemoryStore(pair), folder / "tokens.lock", now_us)
    credentials = Credentials(keys.client_id, Secret(keys.client_secret))
    where = Endpoint("127.0.0.1", house.port, is_live=False)
    session = SessionSettings(where, house.certificates.client_context(), credentials, house.account_id)
    # The seed is of waits, not of secrets.
    return lambda on_event, on_ready: Session(session, keeper, on_event, on_ready, random.Random(7))  # noqa: S311


def made_broker(
    house: Rehearsal, folder: Path, now_us: Callable[[], int], settings: CTraderSettings | None = None, **given: Any
) -> CTraderBroker:
    chosen = replace(settings or CTraderSettings(0), account_id=house.account_id)
    return CTraderBroker(made_session(house, folder, now_us), chosen, now_us, **given)


@asynccontextmanager
async def stage(
    folder: Path,
    settings: CTraderSettings | None = None,
    charges: Charges | None = None,
    symbols: tuple[str, ...] = ("EURUSD",),
    **given: Any,
) -> AsyncIterator[Stage]:
    """A connected broker with prices of its symbols, in the loop's own time."""
    now_us = loop_clock_us(WEDNESDAY_US)
    venue = VenueSettings(charges=charges or Charges())
    frames: list[tuple[str, str, bytes]] = []
    async with rehearsal(folder, venue=venue, now_us=now_us) as house:
        given["on_frame"] = lambda source, kind, frame: frames.append((source, kind, frame))
        broker = made_broker(house, folder, now_us, settings, **given)
        await broker.subscribe(symbols)
        await broker.connect()
        try:
            yield Stage(broker, house, frames)
        finally:
            await broker.disconnect()


def order(name: str = "fx1-a", side: Side = Side.LONG, units: int = 4000, **given: Any) -> OrderRequest:
    """A market order on EURUSD with a stop 100 pips and a target 200 pips away."""
    bracket = {"stop_distance": 0.01, "target_distance": 0.02} | given
    return OrderRequest(
        name, "EURUSD", side, units, bracket.pop("stop_price", None), bracket.pop("target_price", None), 0, **bracket
    )


def differences(at: Stage) -> list[str]:
    """Where the broker's books are not the venue's: positions with their stops, deals, balance."""
    (truth,) = at.house.venue.snapshot().values()
    held = {one.position_id: (one.symbol, one.side.name, one.units * 100, one.stop_price, one.target_price)
            for one in at.broker.positions()}  # fmt: skip
    sides = {"BUY": "LONG", "SELL": "SHORT"}
    theirs = {number: (one["symbol"], sides[one["side"]], one["volume"], one["stop_loss"], one["take_profit"])
              for number, one in truth["positions"].items()}  # fmt: skip
    fills = {fill.fill_id: (fill.position_id, fill.units * 100, fill.price) for _, fill in at.broker.fills_since(0)}
    deals = {number: (str(one["position_id"]), one["volume"], one["price"]) for number, one in truth["deals"].items()}
    money = (round(at.broker.account().balance * 100), truth["balance"])
    found = [f"positions {held}, at the venue {theirs}"] if held != theirs else []
    found += [f"fills {fills}, at the venue {deals}"] if fills != deals else []
    return found + ([f"balance {money[0]}, at the venue {money[1]}"] if money[0] != money[1] else [])


async def agreed(at: Stage, within_s: float = 120.0) -> None:
    """Until the broker is ready and its books are the venue's."""
    for _ in range(round(within_s / 0.25)):
        if at.broker.is_ready and not differences(at):
            return
        await asyncio.sleep(0.25)
    raise AssertionError(f"ready: {at.broker.is_ready}; {differences(at)}")
