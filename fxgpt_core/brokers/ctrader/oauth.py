"""The grant of a person: a page of cTrader in the browser, a redirect back to this machine, a code exchanged for tokens.

The redirect is taken by a server on 127.0.0.1 that lives for this one answer. The `state` it has to bring back is random:
another page of the browser cannot hand us a grant of somebody else. The venue's token address takes the client secret in its
query string, so that address is told nowhere, in no log and in no error.
"""

import asyncio
import hmac
import secrets
import urllib.parse
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from fxgpt_core.brokers.ctrader.redaction import Secret, scrubbed
from fxgpt_core.brokers.ctrader.tokens import LOGIN, Credentials, TokenPair, from_answer
from fxgpt_core.errors import NotReadyError, PortInUseError, RefusedError

AUTHORISE_URL = "https://id.ctrader.com/my/settings/openapi/grantingaccess/"
TOKEN_URL = "https://openapi.ctrader.com/apps/token"  # noqa: S105 - an address
REDIRECT_HOST = "127.0.0.1"
REDIRECT_PATH = "/ctrader"
SCOPES = ("trading", "accounts")
LONGEST_REQUEST = 16_384
REQUEST_S = 10.0
PAGE = "<!doctype html><meta charset=utf-8><title>fxgpt</title><p>{words}</p>"


def redirect_uri(port: int) -> str:
    """Where the browser comes back to; the application has to be registered with it."""
    return f"http://{REDIRECT_HOST}:{port}{REDIRECT_PATH}"


def authorise_url(client_id: str, uri: str, state: str, scope: str) -> str:
    """The page on which a person grants access to `scope`, one of `SCOPES`; it holds no secret."""
    query = {"client_id": client_id, "redirect_uri": uri, "scope": scope, "product": "web", "state": state}
    return f"{AUTHORISE_URL}?{urllib.parse.urlencode(query)}"


def new_state() -> str:
    """A word that nobody can guess, by which an answer is known to belong to this login."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True)
class Redirect:
    """Where the browser will come back to, and what it has to bring."""

    uri: str
    state: str
    code: asyncio.Future[Secret]

    async def granted(self, timeout_s: float) -> Secret:
        """The code of the grant. Raises `RefusedError` when the person said no, `NotReadyError` when nobody came in time."""
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(self.code)
        except TimeoutError:
            raise NotReadyError(f"nobody came back to {self.uri} within {timeout_s:g} s; {LOGIN} again") from None


@asynccontextmanager
async def awaited_redirect(port: int) -> AsyncIterator[Redirect]:
    """Wait for the browser on a port of 127.0.0.1 (0: a free one). Raises `PortInUseError`."""
    code: asyncio.Future[Secret] = asyncio.get_running_loop().create_future()
    listening = _Listening(new_state(), code)
    try:
        server = await asyncio.start_server(listening.answer, REDIRECT_HOST, port, limit=LONGEST_REQUEST)
    except OSError as error:
        raise PortInUseError(
            f"port {port} of {REDIRECT_HOST} cannot be used ({error.strerror}); choose another that is registered with --port"
        ) from error
    uri = redirect_uri(server.sockets[0].getsockname()[1])
    try:
        yield Redirect(uri, listening.state, code)
    finally:
        server.close()
        await asyncio.gather(*listening.tasks, return_exceptions=True)
        if code.done() and not code.cancelled():
            # Told or not: an answer that nobody waited for is no defect.
            code.exception()


@dataclass
class _Listening:
    state: str
    code: asyncio.Future[Secret]
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
            status, words = self._taken(head.split(b"\r\n", 1)[0].decode("latin-1"))
            page = PAGE.format(words=words).encode()
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(page)}\r\n"
                "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n".encode()
                + page
            )
            await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, OSError):
            # No browser that brings an answer; the one that does is still waited for.
            return
        finally:
            writer.close()

    def _taken(self, line: str) -> tuple[str, str]:
        """Status and words for the browser, by the first line of its request."""
        method, _, rest = line.partition(" ")
        address = rest.partition(" ")[0]
        if method != "GET" or urllib.parse.urlsplit(address).path != REDIRECT_PATH:
            return "404 Not Found", "There is nothing here."
        brought = _brought(address)
        if "state" not in brought:
            return "400 Bad Request", "This answer does not say which login it is for. Use fxgpt ctrader login --paste instead."
        if not _is_same(brought["state"], self.state):
            return "400 Bad Request", "This answer belongs to another login; nothing was taken from it."
        if self.code.done():
            return "200 OK", "This was answered already."
        try:
            self.code.set_result(_code(brought))
        except RefusedError as error:
            self.code.set_exception(error)
            return "200 OK", "Nothing was granted. You may close this page."
        return "200 OK", "fxgpt has the grant. You may close this page."


def pasted(address: str, state: str) -> Secret:
    """The code in an address that a person copied out of the browser; a state that is in it has to be ours.

    Raises `RefusedError` for another login's address and for one without a grant.
    """
    brought = _brought(address.strip())
    if "state" in brought and not _is_same(brought["state"], state):
        raise RefusedError(f"this address belongs to another login; {LOGIN} --paste again, and open the address it tells")
    return _code(brought)


def _brought(address: str) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))


def _is_same(brought: str, state: str) -> bool:
    return hmac.compare_digest(brought.encode(), state.encode())


def _code(brought: Mapping[str, str]) -> Secret:
    if not brought.get("code"):
        raise RefusedError(f"cTrader granted nothing ({_short(brought.get('error', ''))}); {LOGIN}")
    return Secret(brought["code"])


async def exchanged(
    code: Secret, redirect_uri: str, credentials: Credentials, client: httpx.AsyncClient, now_us: Callable[[], int]
) -> TokenPair:
    """The tokens of a grant. Raises `RefusedError` when the venue gives none, `NotReadyError` when it cannot be asked."""
    query = {
        "grant_type": "authorization_code",
        "code": code.reveal(),
        "redirect_uri": redirect_uri,
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret.reveal(),
    }
    try:
        answer = (await client.get(TOKEN_URL, params=query)).json()
    except httpx.HTTPError as error:
        # Not "from error": the request in it knows the whole address.
        raise NotReadyError(f"cTrader's token address cannot be asked ({type(error).__name__}); {LOGIN} again") from None
    except ValueError:
        raise RefusedError(f"cTrader's token address answered no JSON; {LOGIN} again") from None
    return from_answer(answer, now_us())


def _short(text: str) -> str:
    """What another side sent, fit to be shown."""
    shown = "".join(sign for sign in scrubbed(text) if sign.isascii() and sign.isprintable())
    return shown[:80] or "no reason told"
