"""One connection of a client to the simulator: frames in, frames out, heartbeats, idle clients, and what breaks a frame."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.framing import abort, framed, read_frame
from fxgpt_core.brokers.ctrader_simulator.faults import FaultPlan
from fxgpt_core.brokers.ctrader_simulator.rate_limits import SlidingWindow
from fxgpt_core.brokers.ctrader_simulator.records import VenueQuote
from fxgpt_core.brokers.ctrader_simulator.shapes import with_unknown_fields
from fxgpt_core.errors import SourceAnswerError

LONGEST_FRAME: Final = 15_000_000
HEARTBEAT: Final = "ProtoHeartbeatEvent"


@dataclass(frozen=True)
class Pace:
    """How a server treats a connection: seconds, and requests a second."""

    heartbeat_s: float = 25.0
    idle_s: float = 30.0
    requests: int = 50
    historical: int = 5


@dataclass(eq=False)
class ClientConnection:
    """The state of one connection. `handle` takes each request; nothing is remembered when the connection ends."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    plan: FaultPlan
    pace: Pace
    handle: Callable[["ClientConnection", Any], Awaitable[None]]
    is_authorised: bool = False
    tokens: dict[int, str] = field(default_factory=dict)
    """Access token by authorised account."""
    spots: dict[tuple[int, int], bool] = field(default_factory=dict)
    """Subscribed (account, symbol), and whether with time stamps."""
    told: dict[tuple[int, int], VenueQuote] = field(default_factory=dict)
    live_bars: set[tuple[int, int, int]] = field(default_factory=set)
    """Subscribed (account, symbol, period)."""
    is_gone: bool = False

    def __post_init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.sent_at = self.heard_at = self._loop.time()
        self._goes_on = asyncio.Event()
        self._goes_on.set()
        self.requests, self.historical = SlidingWindow(self.pace.requests), SlidingWindow(self.pace.historical)

    async def serve(self) -> None:
        """Read requests until the connection ends; a client that is silent too long is closed."""
        beat = asyncio.create_task(self._beat())
        try:
            while not self.is_gone:
                try:
                    frame = await read_frame(self.reader)
                except (OSError, EOFError, SourceAnswerError):
                    # How a client ends is its own matter: it comes back or does not.
                    return
                await self._goes_on.wait()
                self.heard_at = math.inf  # a client is not idle while the server takes its time
                if not self.is_gone:
                    await self._take(frame)
                self.heard_at = self._loop.time()
        finally:
            beat.cancel()
            self.is_gone = True
            if not self.writer.is_closing():
                abort(self.writer)

    @property
    def is_still(self) -> bool:
        """Whether nothing is read or written, while the connection stays."""
        return not self._goes_on.is_set()

    def stand_still(self) -> None:
        """Read and write nothing any more."""
        self._goes_on.clear()

    def go_on(self) -> None:
        """Read and write again; what came meanwhile is read now."""
        self.heard_at = self._loop.time()
        self._goes_on.set()

    def send(self, message: Any, client_msg_id: str = "") -> None:
        """Write a message, unless a fault of frames comes; nothing is written to a connection that is gone or stands still."""
        if self.is_gone or self.is_still or self.writer.is_closing():
            return
        data = framed(protocol.encode(with_unknown_fields(message), client_msg_id))
        fault = None if message.DESCRIPTOR.name == HEARTBEAT else self.plan.draw_at("frame")
        self.sent_at = self._loop.time()
        if fault is None:
            self.writer.write(data)
        elif fault[0] == "truncated_frame":
            self.writer.write(data[: len(data) // 2])
            self.close()
        elif fault[0] == "oversized_frame":
            self.writer.write((LONGEST_FRAME + 1).to_bytes(4, "big") + data[4:])
        else:
            self.writer.write(framed(self.plan.random.randbytes(len(data))))

    def error(self, code: str, description: str, client_msg_id: str = "", **fields: Any) -> None:
        """Send a ProtoOAErrorRes."""
        self.send(protocol.new("ProtoOAErrorRes", errorCode=code, description=description, **fields), client_msg_id)

    def common_error(self, code: str, description: str, client_msg_id: str = "", **fields: Any) -> None:
        """Send a ProtoErrorRes."""
        self.send(protocol.new("ProtoErrorRes", errorCode=code, description=description, **fields), client_msg_id)

    def drop(self) -> None:
        """End the connection at once; what is not sent yet is lost."""
        self.is_gone = True
        self._goes_on.set()
        abort(self.writer)

    def close(self) -> None:
        """End the connection when what is written has been sent."""
        self.is_gone = True
        self.writer.close()

    def forget(self, account_id: int) -> None:
        """Drop all that belongs to the session of an account."""
        self.tokens.pop(account_id, None)
        self.spots = {key: value for key, value in self.spots.items() if key[0] != account_id}
        self.live_bars = {key for key in self.live_bars if key[0] != account_id}
        self.told = {key: value for key, value in self.told.items() if key[0] != account_id}

    async def _take(self, frame: bytes) -> None:
        try:
            envelope = protocol.decode(frame)
        except SourceAnswerError as error:
            self.common_error("INVALID_REQUEST", str(error)[:200])
            return
        if envelope.name != HEARTBEAT:
            await self.handle(self, envelope)

    async def _beat(self) -> None:
        """Heartbeats when the server is silent for long; a heartbeat of the client's is never answered."""
        while not self.is_gone:
            now = self._loop.time()
            if now - self.heard_at >= self.pace.idle_s and not self.is_still:
                self.drop()
                return
            if now - self.sent_at >= self.pace.heartbeat_s:
                self.send(protocol.new(HEARTBEAT))
                self.sent_at = now
            ends = min(self.heard_at + self.pace.idle_s, self.sent_at + self.pace.heartbeat_s)
            await asyncio.sleep(max(ends - now, 0.05))
