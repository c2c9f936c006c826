"""Everything that is needed to reach a person's accounts, put together from what the settings say."""

import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fxgpt_core.brokers.ctrader.authorisation import AccountList, accounts, authorise_application
from fxgpt_core.brokers.ctrader.connection import Connection
from fxgpt_core.brokers.ctrader.endpoint import Endpoint, endpoint_for, verifying_context
from fxgpt_core.brokers.ctrader.outcomes import ErrorAnswer
from fxgpt_core.brokers.ctrader.redaction import Secret
from fxgpt_core.brokers.ctrader.session import TOKEN_IS_OVER, SessionSettings
from fxgpt_core.brokers.ctrader.token_store import EncryptedFileStore, KeyringStore
from fxgpt_core.brokers.ctrader.tokens import Credentials, TokenKeeper, TokenStore


@dataclass(frozen=True)
class Access:
    """The application and its accounts' tokens: in the keyring, or with a `token_key` in an encrypted file of `folder`.

    `host`: where the venue is instead of its usual hosts (""). `ca_file`: the one authority to trust (None: the system's).
    `spelled`: the house's names of symbols, by ours, where they differ.
    """

    credentials: Credentials
    folder: Path
    host: str = ""
    ca_file: Path | None = None
    token_key: Secret | None = None
    spelled: Mapping[str, str] = field(default_factory=dict)

    @property
    def token_file(self) -> Path:
        """The encrypted file of this application's tokens: a rehearsal with another application leaves it alone."""
        return self.folder / f"tokens-{re.sub('[^A-Za-z0-9]', '-', self.credentials.client_id)}.json"

    def endpoint(self, is_live: bool) -> Endpoint:
        """Where demo or live accounts are served."""
        return endpoint_for(is_live, self.host)

    def context(self) -> ssl.SSLContext:
        """TLS that checks the venue's certificate."""
        return verifying_context(self.ca_file)

    def store(self) -> TokenStore:
        """Where the tokens are kept."""
        if self.token_key is None:
            return KeyringStore(self.credentials.client_id)
        return EncryptedFileStore(self.token_file, self.token_key)

    def keeper(self, now_us: Callable[[], int]) -> TokenKeeper:
        """Who gives out and renews the tokens."""
        return TokenKeeper(self.store(), self.token_file.with_suffix(".lock"), now_us)

    def session_settings(self, account_id: int, is_live: bool) -> SessionSettings:
        """A session of one account, with the usual patience."""
        return SessionSettings(self.endpoint(is_live), self.context(), self.credentials, account_id)


async def listed_accounts(access: Access, is_live: bool, now_us: Callable[[], int]) -> AccountList:
    """The accounts that the stored tokens open; tokens that are over are renewed.

    Raises `MissingError` when nobody has logged in, `RefusedError` when a person has to, and the outcomes of a request.
    """
    keeper = access.keeper(now_us)
    pair = await keeper.pair()
    async with _application(access, is_live) as connection:
        try:
            return await accounts(connection, pair)
        except ErrorAnswer as error:
            if error.code not in TOKEN_IS_OVER:
                raise
            return await accounts(connection, await keeper.renew(connection, pair))


@asynccontextmanager
async def _application(access: Access, is_live: bool) -> AsyncIterator[Connection]:
    connection = await Connection.open(access.endpoint(is_live), access.context(), lambda *_: None)
    try:
        await authorise_application(connection, access.credentials)
        yield connection
    finally:
        await connection.close()
