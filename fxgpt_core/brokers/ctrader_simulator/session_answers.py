"""Answers about the session: application, accounts, tokens, version."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader_simulator.codes import Scope
from fxgpt_core.brokers.ctrader_simulator.grants import LIFETIME_S, Grant
from fxgpt_core.brokers.ctrader_simulator.records import Refusal
from fxgpt_core.brokers.ctrader_simulator.shapes import ms

if TYPE_CHECKING:
    from fxgpt_core.brokers.ctrader_simulator.client_connection import ClientConnection
    from fxgpt_core.brokers.ctrader_simulator.server import SimulatorServer

VERSION: Final = "91"
MAINTENANCE_S: Final = 5


class Maintenance(Refusal):
    """The server is not there until a time (UTC µs), told as a common error in ms or as an account's error in seconds."""

    def __init__(self, until_us: int, is_common: bool) -> None:
        super().__init__("SERVER_IS_UNDER_MAINTENANCE", "Server is under maintenance")
        self.until_us, self.is_common = until_us, is_common

    def tell(self, client: "ClientConnection", client_msg_id: str) -> None:
        """Tell it, and end the connection."""
        if self.is_common:
            client.common_error(self.code, self.description, client_msg_id, maintenanceEndTimestamp=ms(self.until_us))
        else:
            ends_s = self.until_us // 1_000_000
            client.error(self.code, self.description, client_msg_id, maintenanceEndTimestamp=ends_s)
        client.close()


def _application(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    for name, is_common in (("maintenance", False), ("maintenance_ms", True)):
        detail = server.faults.draw(name)
        if detail is not None:
            seconds = detail.get("seconds", MAINTENANCE_S)
            raise Maintenance(server.clock() + round(seconds * 1_000_000), is_common)
    if client.is_authorised:
        raise Refusal("CH_CLIENT_ALREADY_AUTHENTICATED", "Client is already authenticated")
    if asked.clientId != server.credentials.client_id:
        raise Refusal("CH_OA_CLIENT_NOT_FOUND", "Could not find this client id")
    if asked.clientSecret != server.credentials.client_secret:
        raise Refusal("CH_CLIENT_AUTH_FAILURE", "Wrong client credentials")
    is_crowded = sum(one.is_authorised for one in server.clients) >= server.settings.connections
    if is_crowded or server.faults.draw("connection_limit") is not None:
        raise Refusal("CONNECTIONS_LIMIT_EXCEEDED", "Limit of connections is reached")
    client.is_authorised = True
    return protocol.new("ProtoOAApplicationAuthRes")


def _version(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    return protocol.new("ProtoOAVersionRes", version=VERSION)


def _accounts(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    grant = _grant(server, asked.accessToken)
    accounts = (server.venue.book.accounts[account_id] for account_id in grant.account_ids)
    rows = [
        {
            "ctidTraderAccountId": one.account_id,
            "isLive": one.is_live,
            "traderLogin": one.login,
            "brokerTitleShort": "fxgpt simulator",
        }
        for one in accounts
    ]
    return protocol.new(
        "ProtoOAGetAccountListByAccessTokenRes",
        accessToken=asked.accessToken,
        permissionScope=int(grant.scope),
        ctidTraderAccount=rows,
    )


def _account(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    grant = _grant(server, asked.accessToken)
    account_id = asked.ctidTraderAccountId
    if account_id not in grant.account_ids:
        raise Refusal("CH_CTID_TRADER_ACCOUNT_NOT_FOUND", f"Trading account {account_id} is not found")
    if server.venue.book.account(account_id).is_live is not server.venue.settings.is_live:
        raise Refusal("CANT_ROUTE_REQUEST", "Cannot route request: the account is on the other host")
    if account_id in client.tokens:
        raise Refusal("ALREADY_LOGGED_IN", "Trading account is already authorized in this channel")
    client.tokens[account_id] = asked.accessToken
    return protocol.new("ProtoOAAccountAuthRes", ctidTraderAccountId=account_id)


def _logout(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    client.forget(asked.ctidTraderAccountId)
    return protocol.new("ProtoOAAccountLogoutRes", ctidTraderAccountId=asked.ctidTraderAccountId)


def _refresh(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    if server.faults.draw("refresh_token_used") is not None:
        raise Refusal("CH_ACCESS_TOKEN_INVALID", "Invalid refresh token")
    old = server.grants.refresh(asked.refreshToken, server.clock())
    if old is None:
        raise Refusal("CH_ACCESS_TOKEN_INVALID", "Invalid refresh token")
    if server.faults.draw("refresh_reply_lost") is not None:
        client.drop()
        return None
    invalidate(server, old.account_ids, "Access token has been refreshed")
    return protocol.new(
        "ProtoOARefreshTokenRes",
        accessToken=old.access_token,
        tokenType="bearer",
        expiresIn=LIFETIME_S,
        refreshToken=old.refresh_token,
    )


def invalidate(server: "SimulatorServer", account_ids: tuple[int, ...], reason: str) -> None:
    """End the sessions of these accounts, because their token is no longer valid."""
    message = protocol.new("ProtoOAAccountsTokenInvalidatedEvent", ctidTraderAccountIds=account_ids, reason=reason)
    for client in tuple(server.clients):
        if set(account_ids) & set(client.tokens):
            client.send(message)
            for account_id in account_ids:
                client.forget(account_id)


def may_trade(server: "SimulatorServer", client: "ClientConnection", account_id: int) -> bool:
    """Whether the token of a session allows to trade."""
    grant = server.grants.of(client.tokens[account_id])
    return grant is not None and grant.scope is Scope.TRADE


def _grant(server: "SimulatorServer", access_token: str) -> Grant:
    grant = server.grants.of(access_token)
    if grant is None:
        raise Refusal("CH_ACCESS_TOKEN_INVALID", "Invalid access token")
    if grant.expires_us <= server.clock():
        raise Refusal("OA_AUTH_TOKEN_EXPIRED", "Access token has expired")
    return grant


ANSWERS: Final = MappingProxyType(
    {
        "ProtoOAApplicationAuthReq": _application,
        "ProtoOAVersionReq": _version,
        "ProtoOAGetAccountListByAccessTokenReq": _accounts,
        "ProtoOAAccountAuthReq": _account,
        "ProtoOAAccountLogoutReq": _logout,
        "ProtoOARefreshTokenReq": _refresh,
    }
)
