"""A connection that is kept authorised for as long as the process lives: whatever ends it, another is made.

Each connection goes the whole way: TLS, application, version, tokens, account list, account, and then `on_ready`, which reads
symbols, orders and positions anew. Only after that the session is ready; it is not from the moment the connection is lost. It
never gives up: after `DEGRADED_AFTER` failures in a row it says that it is degraded, and where the venue refuses what only a
person can change it says so.
"""

import asyncio
import contextlib
import logging
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from google.protobuf.message import Message

from fxgpt_core.brokers.broker import Permit, permitted
from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.authorisation import accounts, asked, authorise_application
from fxgpt_core.brokers.ctrader.connection import ERRORS, Connection, OnEvent, Patience
from fxgpt_core.brokers.ctrader.endpoint import Endpoint
from fxgpt_core.brokers.ctrader.error_codes import Reaction, reaction
from fxgpt_core.brokers.ctrader.limiter import Limiter, Rates
from fxgpt_core.brokers.ctrader.outcomes import ErrorAnswer, NeverWritten
from fxgpt_core.brokers.ctrader.redaction import Secret, scrubbed
from fxgpt_core.brokers.ctrader.session_ends import ends_session, needs_a_person
from fxgpt_core.brokers.ctrader.tokens import LOGIN, Credentials, TokenKeeper, TokenPair
from fxgpt_core.errors import FxgptError, NotReadyError, RefusedError

DEGRADED_AFTER = 5
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
SETTLED_S = 60.0
DAY_S = 86_400.0
TOKEN_IS_OVER = frozenset({"OA_AUTH_TOKEN_EXPIRED", "CH_ACCESS_TOKEN_INVALID"})
SLOW = frozenset({"CONNECTIONS_LIMIT_EXCEEDED", "SERVER_IS_UNDER_MAINTENANCE"})

OnReady = Callable[[Connection], Awaitable[None]]

log = logging.getLogger(__name__)


class SessionState(StrEnum):
    """What the session is doing."""

    STOPPED = "stopped"
    CONNECTING = "connecting"
    READY = "ready"
    DEGRADED = "degraded"  # failed several times in a row; still trying
    REFUSED = "refused"  # the venue wants something that only a person can change; tried again every minute


@dataclass(frozen=True)
class SessionSettings:
    """Who connects where, for which account, with how much patience.

    A pair of tokens with less than `renew_ahead_s` left is renewed when a connection is made anyway; with less than
    `renew_now_s` left a connection is made anew for it, in a moment in which no request waits. A lost connection is tried again
    after a drawn time of up to `first_wait_s`, twice as long each time, and at most `longest_wait_s`.
    """

    endpoint: Endpoint
    context: ssl.SSLContext
    credentials: Credentials
    account_id: int
    patience: Patience = field(default_factory=Patience)
    rates: Rates = field(default_factory=Rates)
    renew_ahead_s: float = 10 * DAY_S
    renew_now_s: float = DAY_S
    renewal_check_s: float = 3_600.0
    renewals_apart_s: float = 600.0
    first_wait_s: float = FIRST_WAIT_S
    longest_wait_s: float = LONGEST_WAIT_S


class Session:
    """One account, authorised again after every loss, from `start` to `stop`.

    `on_event(name, message)` is told every event of every connection, as `Connection` tells it. `on_ready(connection)` is
    awaited with each new authorised connection; what it raises ends that connection, and the next is tried.
    """

    def __init__(
        self, settings: SessionSettings, keeper: TokenKeeper, on_event: OnEvent, on_ready: OnReady, rng: random.Random
    ) -> None:
        self._settings, self._keeper, self._rng = settings, keeper, rng
        self._tell, self._on_ready = on_event, on_ready
        self._limiter = Limiter(settings.rates)
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_prepared = False
        self._changed = asyncio.Condition()
        self._failures = 0
        self._is_refused = False
        self._renewed_at: float | None = None
        self._pair: TokenPair | None = None
        self._cannot_be_renewed: Secret | None = None
        self.reason = ""
        self.venue_version = ""

    @property
    def is_ready(self) -> bool:
        """Whether the connection is open, authorised and prepared by `on_ready`."""
        return self._is_prepared and self._connection is not None and self._connection.is_open

    @property
    def state(self) -> SessionState:
        """What it is doing now; `reason` tells why it is not ready."""
        if self.is_ready:
            return SessionState.READY
        if self._task is None:
            return SessionState.STOPPED
        if self._is_refused:
            return SessionState.REFUSED
        return SessionState.DEGRADED if self._failures >= DEGRADED_AFTER else SessionState.CONNECTING

    async def start(self) -> None:
        """Begin to connect, in the background; `wait_ready` waits for the end of it."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End the connection and the trying."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self.reason = "stopped"
        await self._tell_change()

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait until the session is ready.

        Raises `RefusedError` as soon as the venue refuses what only a person can change, `NotReadyError` when the time is over.
        """
        over = lambda: self.is_ready or self._is_refused or self._task is None  # noqa: E731 - a predicate of one line
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(over)
        if self._is_refused:
            raise RefusedError(self.reason)
        if not self.is_ready:
            endpoint = self._settings.endpoint
            raise NotReadyError(
                f"cTrader at {endpoint} was not ready within {timeout_s:g} s: {self.reason or 'still connecting'}"
            )

    async def request(self, message: Message, *, timeout_s: float = 15.0, permit: Permit = permitted) -> Message:
        """`Connection.request` on the ready connection; raises `NeverWritten` while there is none.

        An answer that the authorisation is gone also ends the connection, and another is made.
        """
        connection = self._connection
        if connection is None or not self.is_ready:
            raise NeverWritten(f"{message.DESCRIPTOR.name} was not sent: cTrader is not ready ({self.reason or 'connecting'})")
        try:
            return await connection.request(message, timeout_s=timeout_s, permit=permit)
        except ErrorAnswer as error:
            if reaction(error.code, error.description) is Reaction.REPAIR_SESSION:
                connection.abandon(f"the authorisation is gone: {error}")
            raise

    async def _keep(self) -> None:
        while True:
            wait = await self._once()
            await self._tell_change()
            await asyncio.sleep(wait)

    async def _tell_change(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _once(self) -> float:
        """One connection, from its making to its end; returns how long to wait before the next."""
        clock = asyncio.get_running_loop().time
        ready_at: float | None = None
        try:
            async with self._connected() as connection:
                await self._prepare(connection)
                ready_at = clock()
                self.reason = await self._until_over(connection)
            log.warning("cTrader's session ended: %s", self.reason)
        except FxgptError as error:
            self.reason = scrubbed(str(error))
            self._is_refused = needs_a_person(error)
            log.warning("cTrader's session failed: %s", self.reason)
            if self._is_refused or (isinstance(error, ErrorAnswer) and error.code in SLOW):
                self._failures += 1
                return self._rng.uniform(self._settings.longest_wait_s / 2, self._settings.longest_wait_s)
        except Exception as error:
            self.reason = f"preparing the session failed: {type(error).__name__}: {scrubbed(str(error))}"
            log.exception("cTrader's session failed")
        if ready_at is not None and clock() - ready_at >= SETTLED_S:
            self._failures = 0
        # The whole range from 0: many clients that lost the same server do not come back together.
        longest = min(self._settings.first_wait_s * 2.0 ** min(self._failures, 10), self._settings.longest_wait_s)
        self._failures += 1
        return self._rng.uniform(0.0, longest)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        settings = self._settings
        connection = await Connection.open(settings.endpoint, settings.context, self._event, self._limiter, settings.patience)
        self._connection = connection
        try:
            yield connection
        finally:
            self._connection, self._is_prepared = None, False
            await connection.close()

    async def _prepare(self, connection: Connection) -> None:
        await authorise_application(connection, self._settings.credentials)
        self.venue_version = (await connection.request(protocol.new("ProtoOAVersionReq"))).version
        self._pair = await self._opened(connection)
        await self._on_ready(connection)
        if not connection.is_open:
            raise NotReadyError(f"the connection was lost while it was prepared ({await connection.lost()})")
        self._is_prepared, self._is_refused, self.reason = True, False, ""
        log.info("cTrader's session is ready: %s, account %d", self._settings.endpoint, self._settings.account_id)
        await self._tell_change()

    async def _opened(self, connection: Connection) -> TokenPair:
        """The pair of tokens with which the account was opened on a connection, renewed where it had to be."""
        pair = await self._keeper.pair()
        if self._keeper.seconds_left(pair) < self._settings.renew_ahead_s:
            pair = await self._renewed_ahead(connection, pair)
        try:
            await self._open(connection, pair)
        except ErrorAnswer as error:
            if error.code not in TOKEN_IS_OVER:
                raise
            pair = await self._renewed_once(connection, pair, error)
            await self._open(connection, pair)
        self._renewed_at = None
        return pair

    async def _open(self, connection: Connection, pair: TokenPair) -> None:
        account_id = self._settings.account_id
        found = await accounts(connection, pair)
        found.require(account_id, self._settings.endpoint)
        token = pair.access.reveal()
        await asked(connection, protocol.new("ProtoOAAccountAuthReq", ctidTraderAccountId=account_id, accessToken=token))

    async def _renewed_ahead(self, connection: Connection, pair: TokenPair) -> TokenPair:
        try:
            return await self._keeper.renew(connection, pair)
        except RefusedError as error:
            left = self._keeper.seconds_left(pair)
            if left <= 0:
                raise
            self._cannot_be_renewed = pair.access
            log.warning("%s; the access token that is there ends in %.1f days", scrubbed(str(error)), left / DAY_S)
            return pair

    async def _renewed_once(self, connection: Connection, pair: TokenPair, error: ErrorAnswer) -> TokenPair:
        """A renewed pair in answer to a refused one; a pair that was renewed and opened nothing since is not renewed again."""
        now, last = asyncio.get_running_loop().time(), self._renewed_at
        if last is not None and now - last < self._settings.renewals_apart_s:
            raise RefusedError(
                f"cTrader refuses tokens that were renewed {now - last:.0f} s ago ({error.code}); {LOGIN}"
            ) from error
        self._renewed_at = now
        return await self._keeper.renew(connection, pair)

    async def _until_over(self, connection: Connection) -> str:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.renewal_check_s):
                    return await connection.lost()
            if connection.pending == 0 and self._must_renew():
                connection.abandon("the access token ends soon: another connection is made to renew it")

    def _must_renew(self) -> bool:
        pair = self._pair
        if pair is None or pair.access == self._cannot_be_renewed:
            return False
        return self._keeper.seconds_left(pair) < self._settings.renew_now_s

    def _event(self, name: str, message: Message) -> None:
        self._tell(name, message)
        if name in ERRORS:
            log.warning("cTrader tells an error: %s %s", message.errorCode, message.description)
        if over := ends_session(name, message, self._settings.account_id):
            log.warning("cTrader ended the session: %s", over)
            if self._connection is not None:
                self._connection.abandon(over)
