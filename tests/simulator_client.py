"""A plain client of the simulator for tests: frames and ids, no session, no repair; and a server with a venue to talk to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.framing import abort, framed, read_frame
from fxgpt_core.brokers.ctrader_simulator.certificates import Certificates, make_certificates
from fxgpt_core.brokers.ctrader_simulator.faults import Faults
from fxgpt_core.brokers.ctrader_simulator.server import ServerSettings, SimulatorServer
from fxgpt_core.brokers.ctrader_simulator.venue import Venue, VenueSettings

WEDNESDAY_US = 1_790_172_000_000_000
"""2026-09-23 14:00 UTC."""


@dataclass
class PlainClient:
    """One connection; `inbox` keeps every message that came, with the id it came under."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    inbox: list[Any] = field(default_factory=list)
    _number: int = 0

    def send(self, name: str, **fields: Any) -> str:
        self._number += 1
        number = f"client-{id(self)}-{self._number}"
        self.writer.write(framed(protocol.encode(protocol.new(name, **fields), number)))
        return number

    async def read(self) -> Any:
        envelope = protocol.decode(await asyncio.wait_for(read_frame(self.reader), 5))
        self.inbox.append(envelope)
        return envelope

    async def answer_to(self, number: str) -> Any:
        """The next message under an id; what comes in between is in the inbox."""
        while True:
            envelope = await self.read()
            if envelope.client_msg_id == number:
                return envelope.message

    async def ask(self, name: str, **fields: Any) -> Any:
        return await self.answer_to(self.send(name, **fields))

    async def until(self, wanted: Callable[[Any], bool]) -> Any:
        """The next message that is wanted."""
        while True:
            envelope = await self.read()
            if wanted(envelope):
                return envelope.message

    async def drained(self) -> list[Any]:
        """All that came until the answer to a question about the version."""
        before = len(self.inbox)
        await self.ask("ProtoOAVersionReq")
        return self.inbox[before:-1]

    async def is_ended(self) -> bool:
        """Whether the server ends the connection."""
        try:
            while await asyncio.wait_for(self.reader.read(65536), 5):
                pass
        except (ConnectionError, OSError):
            return True
        return True

    def close(self) -> None:
        abort(self.writer)


@dataclass
class Rehearsal:
    """A server in this loop, its venue, and how to come in."""

    server: SimulatorServer
    certificates: Certificates
    port: int
    clients: list[PlainClient] = field(default_factory=list)

    @property
    def venue(self) -> Venue:
        return self.server.venue

    @property
    def account_id(self) -> int:
        return self.venue.account_id

    async def connected(self) -> PlainClient:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.certificates.client_context(), server_hostname="127.0.0.1"
        )
        self.clients.append(PlainClient(reader, writer))
        return self.clients[-1]

    async def authorised(self) -> PlainClient:
        """A client whose application and first account are authorised."""
        client, keys = await self.connected(), self.server.credentials
        await client.ask("ProtoOAApplicationAuthReq", clientId=keys.client_id, clientSecret=keys.client_secret)
        await client.ask("ProtoOAAccountAuthReq", ctidTraderAccountId=self.account_id, accessToken=keys.access_token)
        return client

    async def order(self, client: PlainClient, **fields: Any) -> str:
        """Send a market order of 0.1 lot EURUSD, or what the fields make of it; returns its id on the wire."""
        wanted = {
            "ctidTraderAccountId": self.account_id, "symbolId": self.venue.symbol_id("EURUSD"), "orderType": 1, "tradeSide": 1,
            "volume": 1_000_000, **fields,
        }  # fmt: skip
        return client.send("ProtoOANewOrderReq", **wanted)


@asynccontextmanager
async def rehearsal(
    folder: Path,
    faults: Faults | None = None,
    settings: ServerSettings | None = None,
    venue: VenueSettings | None = None,
    now_us: Callable[[], int] = lambda: WEDNESDAY_US,
) -> AsyncIterator[Rehearsal]:
    """A server with EURUSD quoted at 1.1 / 1.1001, on a Wednesday afternoon that does not pass unless `now_us` does."""
    certificates = make_certificates(folder)
    server = SimulatorServer(Venue(now_us, venue), faults, certificates.server_context(), settings)
    port = await server.start()
    server.quote("EURUSD", 1.1, 1.1001)
    defects: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: defects.append(context))
    rehearsed = Rehearsal(server, certificates, port)
    try:
        yield rehearsed
    finally:
        for client in rehearsed.clients:
            client.close()
        await server.stop()
        await asyncio.sleep(0)
    assert not defects, defects
