"""One TLS connection to the venue: requests with their answers, events, heartbeats, and the watch over a silent peer.

A lost connection is never repaired here, and nothing is kept for the next one: whoever holds it opens another.
"""

import asyncio
import contextlib
import logging
import ssl
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from google.protobuf.message import Message

from fxgpt_core.brokers.broker import Permit, permitted
from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.endpoint import Endpoint, drop_what_is_not_taken, require_verifying
from fxgpt_core.brokers.ctrader.framing import abort, framed, read_frame
from fxgpt_core.brokers.ctrader.limiter import Limiter
from fxgpt_core.brokers.ctrader.outcomes import ErrorAnswer, NeverWritten, PerhapsWritten
from fxgpt_core.brokers.ctrader.redaction import scrubbed
from fxgpt_core.errors import SourceAnswerError

ERRORS = frozenset({"ProtoErrorRes", "ProtoOAErrorRes", "ProtoOAOrderErrorEvent"})
BLOCKED = frozenset({"BLOCKED_PAYLOAD_TYPE", "REQUEST_FREQUENCY_EXCEEDED"})
SECOND_US = 1_000_000
MILLISECOND_US = 1_000
TICK_S = 1.0
SECOND_ADDRESS_S = 0.25

OnEvent = Callable[[str, Message], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """Seconds: to connect with TLS, of our own silence until a heartbeat, of the venue's silence until it is given up, and for
    which bytes that its machine did not acknowledge are tried again.
    """

    connect_s: float = 15.0
    heartbeat_s: float = 10.0
    silence_s: float = 60.0
    unsent_s: float = 15.0


@dataclass
class _Pending:
    name: str
    answer: asyncio.Future[Message] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Connection:
    """An open connection; made by `Connection.open`.

    `on_event(name, message)` is told everything that answers no request, and every message whose name ends in Event also when
    it answers one, in the order of arrival. An event that it cannot take ends the connection: what is known of the account is
    no longer whole then.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_event: OnEvent,
        limiter: Limiter,
        patience: Patience = Patience(),
    ) -> None:
        self._reader, self._writer = reader, writer
        self._on_event, self._limiter, self._patience = on_event, limiter, patience
        self._pending: dict[str, _Pending] = {}
        # Execution events of others arrive with ids that we never gave: ours must be unlike any other's.
        self._ids, self._count = uuid.uuid4().hex, 0
        self._silent_in = self._silent_out = 0.0
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._keep_alive())]

    @classmethod
    async def open(
        cls,
        endpoint: Endpoint,
        context: ssl.SSLContext,
        on_event: OnEvent,
        limiter: Limiter | None = None,
        patience: Patience = Patience(),
    ) -> "Connection":
        """Connect, verified. Raises `NeverWritten` when nobody answers, or who answers cannot prove who it is."""
        require_verifying(context)
        try:
            async with asyncio.timeout(patience.connect_s):
                reader, writer = await asyncio.open_connection(
                    endpoint.host,
                    endpoint.port,
                    ssl=context,
                    server_hostname=endpoint.host,
                    happy_eyeballs_delay=SECOND_ADDRESS_S,
                )
        except TimeoutError:
            raise NeverWritten(f"{endpoint} did not answer within {patience.connect_s:g} s") from None
        except ssl.SSLCertVerificationError as error:
            raise NeverWritten(
                f"{endpoint} has no certificate to be trusted ({error.verify_message}); nothing was sent"
            ) from error
        except OSError as error:
            raise NeverWritten(f"{endpoint} cannot be reached: {_told(error)}") from error
        drop_what_is_not_taken(writer.get_extra_info("socket"), patience.unsent_s)
        return cls(reader, writer, on_event, limiter or Limiter(), patience)

    @property
    def is_open(self) -> bool:
        """Whether a request may be given."""
        return not self._lost.done()

    @property
    def pending(self) -> int:
        """How many requests wait for their answer."""
        return len(self._pending)

    async def lost(self) -> str:
        """Wait until the connection is lost; why."""
        return await asyncio.shield(self._lost)

    async def request(self, message: Message, *, timeout_s: float = 15.0, permit: Permit = permitted) -> Message:
        """Send a message when its turn has come and return its answer; `permit` is asked in the moment of writing.

        Raises `NeverWritten` (refused by the permit, not its turn within the time, no connection), `PerhapsWritten` (no
        readable answer) and `ErrorAnswer`. What the permit itself raises is raised, and nothing was written.
        """
        name, pending = message.DESCRIPTOR.name, _Pending(message.DESCRIPTOR.name)
        self._count += 1
        client_msg_id = f"{self._ids}-{self._count}"
        frame = framed(protocol.encode(message, client_msg_id))
        await self._turn(name, timeout_s)
        self._write(name, frame, client_msg_id, pending, permit)
        try:
            async with asyncio.timeout(timeout_s):
                await self._drain()
                return await pending.answer
        except TimeoutError:
            raise PerhapsWritten(f"{name} was not answered within {timeout_s:g} s; its outcome is unknown") from None
        finally:
            del self._pending[client_msg_id]

    def abandon(self, reason: str) -> None:
        """End the connection at once; what still waits for an answer stays unknown. It may be called while an event is told."""
        self._lose(reason)

    async def close(self, reason: str = "closed by us") -> None:
        """End the connection and wait for its end; what still waits for an answer stays unknown."""
        self._lose(reason)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(OSError, TimeoutError):
            # Its end is all that matters; the other side may be gone already.
            async with asyncio.timeout(TICK_S):
                await self._writer.wait_closed()

    async def _turn(self, name: str, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._limiter.turn(name)
        except TimeoutError:
            raise NeverWritten(f"{name} had no turn within {timeout_s:g} s: too many requests; it was not sent") from None

    def _write(self, name: str, frame: bytes, client_msg_id: str, pending: _Pending, permit: Permit) -> None:
        """Ask the permit and write, with nothing in between."""
        if self._lost.done():
            raise NeverWritten(f"{name} was not sent: the connection is lost ({self._lost.result()})")
        if refusal := permit():
            raise NeverWritten(f"{name} was not sent: {refusal}")
        self._pending[client_msg_id] = pending
        self._silent_out = 0.0
        self._writer.write(frame)

    async def _drain(self) -> None:
        try:
            await self._writer.drain()
        except OSError as error:
            # Every request that waits is told so, this one among them.
            self._lose(_told(error))

    async def _read(self) -> None:
        try:
            while True:
                data = await read_frame(self._reader)
                self._silent_in = 0.0
                self._take(protocol.decode(data))
        except SourceAnswerError as error:
            self._lose(str(error))
        except asyncio.IncompleteReadError as error:
            self._lose("closed by the other side" + (" in the middle of a frame" if error.partial else ""))
        except OSError as error:
            self._lose(_told(error))
        except Exception as error:
            log.exception("an event of the venue could not be taken")
            self._lose(f"an event could not be taken: {type(error).__name__}")

    def _take(self, envelope: protocol.Envelope) -> None:
        if envelope.name == "ProtoHeartbeatEvent":
            return
        pending = self._pending.get(envelope.client_msg_id)
        if pending is not None and not pending.answer.done():
            self._answer(pending, envelope)
            if not envelope.name.endswith("Event"):
                return
        if envelope.name:
            self._on_event(envelope.name, envelope.message)
        else:
            log.warning("a message of unknown type %d was received and left aside", envelope.payload_type)

    def _answer(self, pending: _Pending, envelope: protocol.Envelope) -> None:
        name = pending.name
        if not envelope.name:
            unread = PerhapsWritten(f"{name} was answered by a message of unknown type {envelope.payload_type}")
            pending.answer.set_exception(unread)
        elif envelope.name in ERRORS:
            error = _error(name, envelope)
            if error.code in BLOCKED:
                error.retry_after_s = self._limiter.hold(name, error.retry_after_s or 0.0)
            pending.answer.set_exception(error)
        else:
            self._limiter.answered(name)
            pending.answer.set_result(envelope.message)

    async def _keep_alive(self) -> None:
        """Silence is counted in ticks of our own: a process that was stopped does not take its pause for the peer's."""
        while True:
            await asyncio.sleep(TICK_S)
            self._silent_in += TICK_S
            self._silent_out += TICK_S
            if self._silent_in >= self._patience.silence_s:
                self._lose(f"nothing was heard for {self._patience.silence_s:g} s")
                return
            if self._silent_out >= self._patience.heartbeat_s:
                self._silent_out = 0.0
                self._limiter.count("ProtoHeartbeatEvent")
                self._writer.write(HEARTBEAT)

    def _lose(self, reason: str) -> None:
        if self._lost.done():
            return
        log.info("the connection is lost: %s", reason)
        self._lost.set_result(reason)
        for pending in self._pending.values():
            if not pending.answer.done():
                unknown = f"the connection was lost ({reason}) before {pending.name} was answered; its outcome is unknown"
                pending.answer.set_exception(PerhapsWritten(unknown))
        for task in self._tasks:
            task.cancel()
        abort(self._writer)


HEARTBEAT = framed(protocol.encode(protocol.new("ProtoHeartbeatEvent")))


def _error(request: str, envelope: protocol.Envelope) -> ErrorAnswer:
    message = envelope.message
    answer = ErrorAnswer(request, scrubbed(message.errorCode), scrubbed(message.description))
    if envelope.name == "ProtoOAErrorRes" and message.HasField("retryAfter"):
        answer.retry_after_s = float(message.retryAfter)
    if envelope.name != "ProtoOAOrderErrorEvent" and message.HasField("maintenanceEndTimestamp"):
        # The two messages tell it in different units.
        unit = SECOND_US if envelope.name == "ProtoOAErrorRes" else MILLISECOND_US
        answer.maintenance_end_us = message.maintenanceEndTimestamp * unit
    return answer


def _told(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
