"""Asking a web service for bytes: with a pause between requests, again when it is busy, and never showing a key."""

import email.utils
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from fxgpt_core.errors import BadInputError, NotReadyError, SourceAnswerError

# httpx writes every URL to its log at INFO, with the key where a service wants it in the URL.
logging.getLogger("httpx").setLevel(logging.WARNING)

# 202 comes from a guard before a service, without a body: read as an answer it would be a day without candles. 418 is how
# Binance bans an address that asked too often, with a Retry-After.
_BUSY: Final = (202, 418, 429)
_GONE: Final = 404
_KEY_REFUSED: Final = (401, 403)
_SHOWN: Final = 200


@dataclass(frozen=True)
class Politeness:
    """How a service is asked: seconds between two requests, attempts, the longest wait before another, seconds for an answer."""

    pause_s: float = 0.0
    attempts: int = 5
    longest_wait_s: float = 120.0
    timeout_s: float = 30.0


@dataclass
class WebClient:
    """GET requests to one service, `name` of which is in every error; `secrets` are cut out of all that is told.

    `headers` go with each request. `sleep` and `clock` (seconds) are arguments so that a test need not wait; so is `now`, which
    reads a Retry-After given as a date.
    """

    name: str
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    politeness: Politeness = field(default_factory=Politeness)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __post_init__(self) -> None:
        self._client = httpx.Client(base_url=self.base_url, headers=self.headers, timeout=self.politeness.timeout_s)
        self._next_at = self.clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def get(self, path: str, parameters: Mapping[str, str | int] | None = None) -> bytes | None:
        """The body of the answer, None where there is no such page (404).

        Asks again after a broken connection, 202, 429 and 5xx: after what Retry-After says, else 1, 2, 4 … s. Raises
        `NotReadyError` when the attempts are spent or the wait asked for is too long, `BadInputError` where the key is refused,
        `SourceAnswerError` for any other refusal.
        """
        again = Retrying(
            stop=stop_after_attempt(self.politeness.attempts),
            retry=retry_if_exception_type(_TryAgainError),
            wait=self._wait,
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return again(self._once, path, dict(parameters or {}))
        except _TryAgainError as error:
            raise NotReadyError(
                f"{self.name} did not answer after {self.politeness.attempts} attempts ({error}); what was downloaded is kept; "
                "check the connection and the service, then run the same command again"
            ) from None

    def told(self, body: bytes) -> str:
        """The start of an answer as one line without secrets, for an error."""
        # Cut last: half a secret would not be found.
        return self._without_secrets(" ".join(body.decode("utf-8", "replace").split()))[:_SHOWN]

    def _once(self, path: str, parameters: dict[str, str | int]) -> bytes | None:
        self._keep_pause()
        try:
            answer = self._client.get(path, params=parameters)
        except httpx.TransportError as error:
            raise _TryAgainError(f"{type(error).__name__}: {self._without_secrets(str(error))}") from None
        if answer.status_code == _GONE:
            return None
        if answer.status_code in _BUSY or answer.status_code >= 500:
            wait_s = self._retry_after(answer.headers.get("retry-after"))
            if wait_s is not None and wait_s > self.politeness.longest_wait_s:
                raise NotReadyError(
                    f"{self.name} asks to wait {wait_s:.0f} s (status {answer.status_code}); what was downloaded is kept; "
                    "run the same command again then"
                )
            raise _TryAgainError(f"status {answer.status_code}", wait_s)
        if self.secrets and answer.status_code in _KEY_REFUSED:
            raise BadInputError(
                f"{self.name} refused the key (status {answer.status_code}: {self.told(answer.content)}); set a valid key for it"
            )
        if not answer.is_success:
            raise SourceAnswerError(
                f"{self.name} refused the request with status {answer.status_code}: {self.told(answer.content)}; "
                "check the symbol, the timeframe and the span it serves"
            )
        return answer.content

    def _keep_pause(self) -> None:
        wait_s = self._next_at - self.clock()
        if wait_s > 0.0:
            self.sleep(wait_s)
        self._next_at = self.clock() + self.politeness.pause_s

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_s if isinstance(error, _TryAgainError) else None
        return asked if asked is not None else min(2.0 ** (state.attempt_number - 1), self.politeness.longest_wait_s)

    def _retry_after(self, header: str | None) -> float | None:
        if not header:
            return None
        if header.strip().isdecimal():
            return float(header)
        try:
            return max(0.0, (email.utils.parsedate_to_datetime(header) - self.now()).total_seconds())
        except (TypeError, ValueError):
            return None

    def _without_secrets(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


class _TryAgainError(Exception):
    """The service was busy or could not be reached; `wait_s` is what it asked for."""

    def __init__(self, what: str, wait_s: float | None = None) -> None:
        super().__init__(what)
        self.wait_s = wait_s
