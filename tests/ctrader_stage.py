"""A cTrader broker at the simulator over TLS, both in one loop: what the tests of the broker stand on."""

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
        await self.broker.expected_margin("EURUSD", 1, 1000)  # type: ignore[arg-type]

    def fault(self, name: str, **detail: Any) -> None:
        self.house.server.faults.next(name, **detail)


def made_broker(
    house: Rehearsal, folder: Path, now_us: Callable[[], int], settings: CTraderSettings | None = None, **given: Any
) -> CTraderBroker:
    keys = house.server.credentials
    pair = TokenPair(Secret(keys.access_token), Secret(keys.refresh_token), now_us() + YEAR_US)
    keeper = TokenKeeper(MemoryStore(pair), folder / "tokens.lock", now_us)
    credentials = Credentials(keys.client_id, Secret(keys.client_secret))
    where = Endpoint("127.0.0.1", house.port, is_live=False)
    session = SessionSettings(where, house.certificates.client_context(), credentials, house.account_id)

    def make_session(on_event: OnEvent, on_ready: OnReady) -> Session:
        return Session(session, keeper, on_event, on_ready, random.Random(7))

    chosen = replace(settings or CTraderSettings(0), account_id=house.account_id)
    return CTraderBroker(make_session, chosen, now_us, **given)


@asynccontextmanager
async def stage(
    folder: Path,
    settings: CTraderSettings | None = None,
    charges: Charges | None = None,
    symbols: tuple[str, ...] = ("EURUSD",),
) -> AsyncIterator[Stage]:
    """A connected broker with prices of its symbols, in the loop's own time."""
    now_us = loop_clock_us(WEDNESDAY_US)
    venue = VenueSettings(charges=charges or Charges())
    frames: list[tuple[str, str, bytes]] = []
    async with rehearsal(folder, venue=venue, now_us=now_us) as house:
        broker = made_broker(
            house, folder, now_us, settings, on_frame=lambda source, kind, frame: frames.append((source, kind, frame))
        )
        await broker.subscribe(symbols)
        await broker.connect()
        try:
            yield Stage(broker, house, frames)
        finally:
            await broker.disconnect()
