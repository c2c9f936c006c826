"""The server: connections over TLS on loopback, events pushed to every session, faults of time and of connections."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from fxgpt_core.brokers.ctrader.framing import abort
from fxgpt_core.brokers.ctrader_simulator import weather
from fxgpt_core.brokers.ctrader_simulator.answers import answer
from fxgpt_core.brokers.ctrader_simulator.bars import BarStore
from fxgpt_core.brokers.ctrader_simulator.client_connection import ClientConnection, Pace
from fxgpt_core.brokers.ctrader_simulator.faults import FaultPlan, Faults
from fxgpt_core.brokers.ctrader_simulator.grants import Grants
from fxgpt_core.brokers.ctrader_simulator.pushes import push
from fxgpt_core.brokers.ctrader_simulator.records import VenueEvent, VenueQuote
from fxgpt_core.brokers.ctrader_simulator.venue import Venue
from fxgpt_core.brokers.ctrader_simulator.venue_clock import VenueClock

HOST: Final = "127.0.0.1"
VERSION: Final = "91"


@dataclass(frozen=True)
class Credentials:
    """What a client needs to come in; of no worth anywhere else."""

    client_id: str
    client_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


@dataclass(frozen=True)
class ServerSettings:
    """How the server behaves: `page` rows a list, newest first or oldest; at most `connections` at a time."""

    pace: Pace = field(default_factory=Pace)
    connections: int = 20
    page: int = 1000
    is_newest_first: bool = False
    client_id: str = "fxgpt-simulator"


class Origin(NamedTuple):
    """Who asked for what happens now."""

    client: ClientConnection
    client_msg_id: str


class SimulatorServer:
    """A venue behind the protocol. `faults` says what goes wrong; `context` is the TLS of the server.

    Everything runs in the loop that calls `start`. `server.faults.next(name)` lets one fault come once.
    """

    def __init__(
        self, venue: Venue, faults: Faults | None, context: ssl.SSLContext, settings: ServerSettings | None = None
    ) -> None:
        self.venue, self.settings = venue, settings or ServerSettings()
        self.clock = VenueClock(venue.book.now_us)
        venue.book.now_us = self.clock
        self.faults = FaultPlan(faults or Faults())
        self.faults.strike = lambda name, detail: weather.strike(self, name, detail)
        self.grants = Grants(venue.settings.seed)
        self.bars = BarStore(venue.book.symbols, venue.settings.seed, self.clock)
        self.weather = weather.Weather()
        self.clients: set[ClientConnection] = set()
        self.origin: Origin | None = None
        self.held: list[Callable[[], None]] = []
        self.captured: list[VenueEvent] | None = None
        self.is_changed = asyncio.Event()
        grant = self.grants.issue(tuple(venue.book.accounts), self.clock())
        secret = f"sim-secret-{self.faults.random.randbytes(16).hex()}"
        self.credentials = Credentials(self.settings.client_id, secret, grant.access_token, grant.refresh_token)
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.peak_requests = self.peak_historical = 0
        venue.listen(self.on_event)

    async def start(self, port: int = 0) -> int:
        """Listen on loopback; returns the port. 0 takes a free one."""
        self._server = await asyncio.start_server(self._accept, HOST, port)
        self.later(0.0, self._pass_time)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close everything."""
        for client in tuple(self.clients):
            client.drop()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def quote(self, name: str, bid: float, ask: float) -> None:
        """A new price of a symbol, by what the weather makes of it."""
        weather.quoted(self, name, bid, ask)

    def on_event(self, event: VenueEvent) -> None:
        """Push what happened to every session it concerns; kept back while a command captures its events."""
        if isinstance(event, VenueQuote):
            self.bars.add(event)
        else:
            self.is_changed.set()
        if self.captured is not None:
            self.captured.append(event)
        else:
            push(self, event, self.origin)

    @contextmanager
    def asked_by(self, client: ClientConnection, client_msg_id: str) -> Iterator[None]:
        """What happens inside was asked for by a client: its events carry the id of its message, on its connection."""
        before, self.origin = self.origin, Origin(client, client_msg_id)
        try:
            yield
        finally:
            self.origin = before

    def sessions(self, account_id: int) -> list[ClientConnection]:
        """Connections on which an account is authorised."""
        return [client for client in self.clients if account_id in client.tokens and not client.is_gone]

    def later(self, delay_s: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something after a while, unless the server stops before."""
        task = asyncio.create_task(_after(delay_s, work))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def release_held(self) -> None:
        """Push the events that waited for a list."""
        waiting, self.held = self.held, []
        for send in waiting:
            send()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _report(task.exception())

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.faults.draw("tls_hang") is not None:
            with contextlib.suppress(OSError):
                # Bytes are taken and nothing is answered, until the client gives up.
                while await reader.read(4096):
                    pass
            writer.close()
            return
        wrong = self.faults.draw("wrong_certificate") is not None
        try:
            await writer.start_tls(weather.foreign_context() if wrong else self._context)
        except (OSError, ssl.SSLError):
            abort(writer)
            return
        client = ClientConnection(reader, writer, self.faults, self.settings.pace, lambda one, asked: answer(self, one, asked))
        self.clients.add(client)
        try:
            await client.serve()
        except Exception as error:  # noqa: BLE001
            _report(error)
        finally:
            self.clients.discard(client)
            self.peak_requests = max(self.peak_requests, client.requests.peak)
            self.peak_historical = max(self.peak_historical, client.historical.peak)

    async def _pass_time(self) -> None:
        """Once a second: faults of time, and orders that expire."""
        while True:
            await asyncio.sleep(1.0)
            weather.pass_second(self)


async def _after(delay_s: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    await asyncio.sleep(delay_s)
    await work()


def _report(error: BaseException | None) -> None:
    """Hand a defect of the simulator's own to the loop: it must not look like a fault that is played."""
    asyncio.get_running_loop().call_exception_handler({"message": "the simulator failed", "exception": error})
