"""A house that does nothing but let clients in: application, token list, single-use refresh tokens, accounts."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ctrader_scripted_server import Peer, ScriptedServer
from virtual_time import loop_clock_us

from fxgpt_core.brokers.ctrader.connection import Connection
from fxgpt_core.brokers.ctrader.endpoint import verifying_context
from fxgpt_core.brokers.ctrader.protocol import Envelope
from fxgpt_core.brokers.ctrader.redaction import Secret
from fxgpt_core.brokers.ctrader.session import Session, SessionSettings
from fxgpt_core.brokers.ctrader.tokens import Credentials, TokenKeeper, TokenPair
from fxgpt_core.errors import NotReadyError

CLIENT_SECRET = "planted-client-secret"  # noqa: S105 - of no house
DAYS_30_S = 2_592_000
ACCOUNT = 42


@dataclass
class House:
    """What the server knows; `errors` are answered once each, by name of the request; `inside` are the clients with an account.

    `refresh_ends_in`: "reply", or with the tokens renewed and no reply "drop" or "silence".
    """

    access: str = "planted-access-0"
    refresh: str = "planted-refresh-0"
    scope: int = 1
    accounts: tuple[dict[str, Any], ...] = ({"ctidTraderAccountId": ACCOUNT, "isLive": False, "traderLogin": 7},)
    errors: dict[str, list[str]] = field(default_factory=dict)
    renewals: int = 0
    refresh_ends_in: str = "reply"
    inside: list[Peer] = field(default_factory=list)
    beats: bool = True
    on_request: Callable[[Peer, Envelope], None] | None = None

    async def __call__(self, peer: Peer) -> None:
        beating = asyncio.ensure_future(self._beat(peer))
        try:
            while True:
                self._answer(peer, await peer.read())
        finally:
            beating.cancel()
            if peer in self.inside:
                self.inside.remove(peer)

    async def _beat(self, peer: Peer) -> None:
        while self.beats:
            await asyncio.sleep(25)
            peer.send("ProtoHeartbeatEvent")

    def _answer(self, peer: Peer, asked: Envelope) -> None:
        if self.on_request is not None:
            self.on_request(peer, asked)
        if errors := self.errors.get(asked.name):
            peer.send("ProtoOAErrorRes", asked.client_msg_id, errorCode=errors.pop(0))
            return
        name, fields = self._reply(peer, asked)
        if name == "drop":
            peer.drop()
        elif name != "silence":
            peer.send(name, asked.client_msg_id, **fields)

    def _reply(self, peer: Peer, asked: Envelope) -> tuple[str, dict[str, Any]]:
        message = asked.message
        if asked.name == "ProtoOADealListReq":
            return "silence", {}
        if asked.name == "ProtoOAApplicationAuthReq":
            return (
                ("ProtoOAApplicationAuthRes", {}) if message.clientSecret == CLIENT_SECRET else _error("CH_CLIENT_AUTH_FAILURE")
            )
        if asked.name == "ProtoOAVersionReq":
            return "ProtoOAVersionRes", {"version": "91"}
        if asked.name == "ProtoOARefreshTokenReq":
            return self._renew(message.refreshToken)
        if message.accessToken != self.access:
            return _error("CH_ACCESS_TOKEN_INVALID")
        if asked.name == "ProtoOAAccountAuthReq":
            self.inside.append(peer)
            return "ProtoOAAccountAuthRes", {"ctidTraderAccountId": message.ctidTraderAccountId}
        listed = {"accessToken": message.accessToken, "permissionScope": self.scope, "ctidTraderAccount": list(self.accounts)}
        return "ProtoOAGetAccountListByAccessTokenRes", listed

    def _renew(self, refresh: str) -> tuple[str, dict[str, Any]]:
        if refresh != self.refresh:
            return _error("CH_ACCESS_TOKEN_INVALID")
        self.renewals += 1
        self.access, self.refresh = f"planted-access-{self.renewals}", f"planted-refresh-{self.renewals}"
        if self.refresh_ends_in != "reply":
            return self.refresh_ends_in, {}
        pair = {"accessToken": self.access, "refreshToken": self.refresh, "expiresIn": DAYS_30_S, "tokenType": "bearer"}
        return "ProtoOARefreshTokenRes", pair


def _error(code: str) -> tuple[str, dict[str, Any]]:
    return "ProtoOAErrorRes", {"errorCode": code}


@dataclass
class MemoryStore:
    """A store in memory that counts and can fail; `days` are left of the first pair."""

    pair: TokenPair | None
    failures: int = 0
    written: list[TokenPair] = field(default_factory=list)

    def read(self) -> TokenPair | None:
        return self.pair

    def write(self, pair: TokenPair) -> None:
        if self.failures:
            self.failures -= 1
            raise NotReadyError("the disk is full")
        self.written.append(pair)
        self.pair = pair


def stored(days: float = 30.0, refresh: str = "planted-refresh-0", access: str = "planted-access-0") -> MemoryStore:
    """A store that holds the pair of a house as new, with so many days left."""
    return MemoryStore(TokenPair(Secret(access), Secret(refresh), round(days * 86_400e6)))


async def prepared(connection: Connection) -> None:
    """An `on_ready` that has nothing to read."""


@dataclass
class Client:
    """A session against a scripted server, with what it was told."""

    server: ScriptedServer
    certificate: Path
    folder: Path
    store: MemoryStore = field(default_factory=stored)
    account: int = ACCOUNT
    client_secret: str = CLIENT_SECRET
    on_ready: Callable[[Connection], Awaitable[None]] = prepared
    events: list[str] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    rng: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - waits, not secrets

    def session(self) -> Session:
        """A session that is not started yet."""
        settings = SessionSettings(
            endpoint=self.server.endpoint,
            context=verifying_context(self.certificate),
            credentials=Credentials("an-application", Secret(self.client_secret)),
            account_id=self.account,
            **self.changes,
        )
        keeper = TokenKeeper(self.store, self.folder / "tokens.lock", loop_clock_us())
        return Session(settings, keeper, lambda name, _: self.events.append(name), self.on_ready, self.rng)
