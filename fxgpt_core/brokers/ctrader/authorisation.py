"""What opens accounts on a connection: the application's own authorisation, and the list of accounts a token is good for."""

from dataclasses import dataclass

from google.protobuf.message import Message

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.connection import Connection
from fxgpt_core.brokers.ctrader.endpoint import Endpoint
from fxgpt_core.brokers.ctrader.error_codes import Reaction, reaction
from fxgpt_core.brokers.ctrader.outcomes import ErrorAnswer
from fxgpt_core.brokers.ctrader.tokens import LOGIN, Credentials, TokenPair
from fxgpt_core.errors import RefusedError

SCOPE_TRADE = protocol.value("ProtoOAClientPermissionScope", "SCOPE_TRADE")


@dataclass(frozen=True)
class ListedAccount:
    """An account as the list tells it: id in requests, login that a person knows, the house, whether its money is real."""

    account_id: int
    login: int
    broker: str
    is_live: bool


@dataclass(frozen=True)
class AccountList:
    """The accounts a token opens, and whether it may trade on them."""

    accounts: tuple[ListedAccount, ...]
    may_trade: bool

    def require(self, account_id: int, endpoint: Endpoint) -> None:
        """Raise `RefusedError` unless the token may trade on the account and the endpoint serves accounts of its kind."""
        found = next((one for one in self.accounts if one.account_id == account_id), None)
        if found is None:
            listed = ", ".join(str(one.account_id) for one in self.accounts) or "none"
            raise RefusedError(f"the tokens are not good for account {account_id}; they are for {listed}; name one, or {LOGIN}")
        if not self.may_trade:
            raise RefusedError(f"the tokens may only view account {account_id}; {LOGIN} and grant trading")
        if found.is_live != endpoint.is_live:
            kind, host = ("live", "demo") if found.is_live else ("demo", "live")
            raise RefusedError(f"account {account_id} is a {kind} account, and {endpoint} serves {host} accounts; say {kind}")


async def authorise_application(connection: Connection, credentials: Credentials) -> None:
    """Make the application known on a connection. Raises `ErrorAnswer` and the outcomes of a request."""
    secret = credentials.client_secret.reveal()
    await asked(connection, protocol.new("ProtoOAApplicationAuthReq", clientId=credentials.client_id, clientSecret=secret))


async def accounts(connection: Connection, pair: TokenPair) -> AccountList:
    """The accounts of a pair of tokens. Raises `ErrorAnswer` and the outcomes of a request."""
    request = protocol.new("ProtoOAGetAccountListByAccessTokenReq", accessToken=pair.access.reveal())
    told = await connection.request(request)
    listed = tuple(
        ListedAccount(one.ctidTraderAccountId, one.traderLogin, one.brokerTitleShort, one.isLive)
        for one in told.ctidTraderAccount
    )
    return AccountList(listed, told.permissionScope == SCOPE_TRADE)


async def asked(connection: Connection, message: Message) -> None:
    """Request what may hold already: an error that says so is an answer as good as another."""
    try:
        await connection.request(message)
    except ErrorAnswer as error:
        if reaction(error.code, error.description) is not Reaction.IGNORE:
            raise
