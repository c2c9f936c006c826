"""The pair of tokens that opens accounts: kept where it survives, renewed once, and stored before it is used.

A refresh token works once. Whoever renews a pair therefore holds a lock that other processes see, looks whether another has
renewed it meanwhile, and stores the new pair before anything is sent with it. A reply that is lost takes the grant with it: a
person logs in again.
"""

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.connection import SECOND_US, Connection
from fxgpt_core.brokers.ctrader.error_codes import Reaction, reaction
from fxgpt_core.brokers.ctrader.outcomes import ErrorAnswer
from fxgpt_core.brokers.ctrader.redaction import Secret
from fxgpt_core.errors import BadInputError, MissingError, NotReadyError, RefusedError

LOGIN = "run `fxgpt ctrader login`"
RENEWAL_TIMEOUT_S = 60.0
"""Long: while the reply may still come, nothing is lost."""
LOCK_PATIENCE_S = 90.0
LOCK_POLL_S = 0.1


@dataclass(frozen=True)
class Credentials:
    """The application's identity, as its registration gave it."""

    client_id: str
    client_secret: Secret


@dataclass(frozen=True)
class TokenPair:
    """An access token, the refresh token that renews it once, and when the access token ends, in µs since the epoch."""

    access: Secret
    refresh: Secret
    expires_at_us: int

    def to_text(self) -> str:
        """As a store keeps it; it tells the tokens."""
        told = {"access": self.access.reveal(), "refresh": self.refresh.reveal(), "expires_at_us": self.expires_at_us}
        return json.dumps(told)

    @classmethod
    def from_text(cls, text: str) -> "TokenPair":
        """A pair as a store kept it. Raises `BadInputError` for anything else."""
        try:
            told = json.loads(text)
            return cls(Secret(str(told["access"])), Secret(str(told["refresh"])), int(told["expires_at_us"]))
        except (ValueError, KeyError, TypeError):
            # Its own words would repeat what was read.
            raise BadInputError(f"what is stored as cTrader's tokens cannot be read; {LOGIN}") from None

    @classmethod
    def granted(cls, access: str, refresh: str, expires_in_s: int, now_us: int) -> "TokenPair":
        """A pair as the venue grants it now."""
        return cls(Secret(access), Secret(refresh), now_us + expires_in_s * SECOND_US)


class TokenStore(Protocol):
    """Where a pair survives the process."""

    def read(self) -> TokenPair | None:
        """The stored pair; None when there is none."""
        ...

    def write(self, pair: TokenPair) -> None:
        """Keep a pair instead of the one before; on return it survives a power cut. Raises `NotReadyError`."""
        ...


class TokenKeeper:
    """Gives out the stored pair and renews it; `lock_file` is what processes that share the store lock."""

    def __init__(self, store: TokenStore, lock_file: Path, now_us: Callable[[], int]) -> None:
        self._store, self._lock_file, self._now_us = store, lock_file, now_us
        self._turn = asyncio.Lock()
        self._unsaved: TokenPair | None = None

    async def pair(self) -> TokenPair:
        """The pair to use, as stored now: another process may have renewed it.

        Raises `MissingError` when nobody has logged in, `NotReadyError` when a renewed pair cannot be stored.
        """
        await self._save()
        pair = await asyncio.to_thread(self._store.read)
        if pair is None:
            raise MissingError(f"there are no tokens for cTrader yet; {LOGIN}")
        return pair

    def seconds_left(self, pair: TokenPair) -> float:
        """Until the access token ends; negative afterwards."""
        return (pair.expires_at_us - self._now_us()) / SECOND_US

    async def renew(self, connection: Connection, used: TokenPair) -> TokenPair:
        """A newer pair than `used`: the one that another has stored meanwhile, else one asked of the venue and stored.

        Raises `RefusedError` when the venue refuses or another process does not let go, `NotReadyError` when the new pair is not
        stored (it is kept in memory then, and stored before anything else is done with it) and the outcomes of a request.
        """
        async with self._turn, _locked(self._lock_file):
            stored = await self.pair()
            if stored.access != used.access:
                return stored
            self._unsaved = await self._asked(connection, stored)
            await self._save()
            return await self.pair()

    async def replace(self, pair: TokenPair) -> None:
        """Store a pair that a person was granted instead of the one before. Raises `NotReadyError`."""
        async with self._turn, _locked(self._lock_file):
            self._unsaved = pair
            await self._save()

    async def _asked(self, connection: Connection, pair: TokenPair) -> TokenPair:
        request = protocol.new("ProtoOARefreshTokenReq", refreshToken=pair.refresh.reveal())
        try:
            granted = await connection.request(request, timeout_s=RENEWAL_TIMEOUT_S)
        except ErrorAnswer as error:
            if reaction(error.code, error.description) in (Reaction.RETRY, Reaction.UNKNOWN):
                raise
            raise RefusedError(f"cTrader renews the tokens no more ({error.code}): used once or withdrawn; {LOGIN}") from error
        return TokenPair.granted(granted.accessToken, granted.refreshToken, granted.expiresIn, self._now_us())

    async def _save(self) -> None:
        if self._unsaved is not None:
            await asyncio.to_thread(self._store.write, self._unsaved)
            self._unsaved = None


def require_kept(store: TokenStore, pair: TokenPair) -> None:
    """Raise `NotReadyError` unless a store tells what it was given: some systems' keyrings take everything and keep nothing."""
    if store.read() != pair:
        raise NotReadyError(
            "this system's keyring did not keep the tokens; set FXGPT_CTRADER_TOKEN_KEY, and they are kept in an encrypted file"
        )


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        await _take(descriptor, path)
        yield
    finally:
        # Closing lets go of the lock, as the end of the process does.
        os.close(descriptor)


async def _take(descriptor: int, path: Path) -> None:
    waited = 0.0
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waited >= LOCK_PATIENCE_S:
                raise RefusedError(f"another process has been renewing cTrader's tokens for {waited:.0f} s ({path})") from None
            await asyncio.sleep(LOCK_POLL_S)
            waited += LOCK_POLL_S
        else:
            return


def from_answer(answer: Any, now_us: int) -> TokenPair:
    """The pair in an answer of the venue's token address, a JSON object. Raises `RefusedError` with the venue's own reason."""
    if isinstance(answer, dict) and answer.get("accessToken") and answer.get("refreshToken"):
        access, refresh, expires_in_s = str(answer["accessToken"]), str(answer["refreshToken"]), int(answer.get("expiresIn", 0))
        return TokenPair.granted(access, refresh, expires_in_s, now_us)
    reason = answer.get("errorCode") or "no reason told" if isinstance(answer, dict) else "not a JSON object"
    raise RefusedError(f"cTrader gave no tokens ({reason}); a code is good for one minute and once: {LOGIN} again")
