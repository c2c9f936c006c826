"""Access tokens of a venue: each opens some accounts, expires, and is renewed by a refresh token that serves once."""

import random
from dataclasses import dataclass
from typing import Final

from fxgpt_core.brokers.ctrader_simulator.codes import Scope

LIFETIME_S: Final = 2_628_000
_BYTES: Final = 24


@dataclass(frozen=True)
class Grant:
    """A pair of tokens, the accounts they open, and when the access token ends (UTC µs)."""

    access_token: str
    refresh_token: str
    account_ids: tuple[int, ...]
    scope: Scope
    expires_us: int


class Grants:
    """The tokens a venue has given out; what they are follows from the seed, so that they are of no worth elsewhere."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"grants {seed}")  # noqa: S311
        self._by_access: dict[str, Grant] = {}
        self._by_refresh: dict[str, Grant] = {}

    def issue(self, account_ids: tuple[int, ...], now_us: int, scope: Scope = Scope.TRADE) -> Grant:
        """A new pair of tokens for these accounts."""
        grant = Grant(self._token("access"), self._token("refresh"), account_ids, scope, now_us + LIFETIME_S * 1_000_000)
        self._by_access[grant.access_token] = grant
        self._by_refresh[grant.refresh_token] = grant
        return grant

    def refresh(self, refresh_token: str, now_us: int) -> Grant | None:
        """A new pair for a refresh token, which is used up by that with its access token; None for an unknown or used one."""
        old = self._by_refresh.pop(refresh_token, None)
        if old is None:
            return None
        self._by_access.pop(old.access_token, None)
        return self.issue(old.account_ids, now_us, old.scope)

    def of(self, access_token: str) -> Grant | None:
        """The grant of an access token, expired or not; None for an unknown one."""
        return self._by_access.get(access_token)

    def expire(self, access_token: str) -> None:
        """Let an access token be one whose time is over."""
        grant = self._by_access.get(access_token)
        if grant is not None:
            ended = Grant(grant.access_token, grant.refresh_token, grant.account_ids, grant.scope, 0)
            self._by_access[access_token] = self._by_refresh[grant.refresh_token] = ended

    def _token(self, kind: str) -> str:
        return f"sim-{kind}-{self._random.randbytes(_BYTES).hex()}"
