"""fxgpt ctrader login | accounts | simulate: let fxgpt into your cTrader accounts, see which they are, and rehearse."""

import asyncio
import contextlib
import getpass
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from fxgpt_core.cli.answer import JsonFlag, answer, say, tell_table
from fxgpt_core.errors import BadInputError
from fxgpt_core.settings import ctrader_access, ctrader_given_tokens, read_settings

if TYPE_CHECKING:
    from fxgpt_core.brokers.ctrader.access import Access
    from fxgpt_core.brokers.ctrader.tokens import TokenPair

LOGIN_S = 300.0
EXCHANGE_S = 60.0
REDIRECT_PORT = 8765

PortOption = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the registered redirect address.")]
ViewOption = Annotated[bool, typer.Option("--view-only", help="Ask for a grant that may look but not trade.")]
BrowserOption = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page, or only print its address.")]
PasteOption = Annotated[
    bool, typer.Option("--paste", help="Paste the address the browser ends on: for a machine without a browser.")
]
GivenOption = Annotated[
    bool, typer.Option("--given", help="Take FXGPT_CTRADER_ACCESS_TOKEN and FXGPT_CTRADER_REFRESH_TOKEN instead of asking.")
]
LiveOption = Annotated[bool, typer.Option("--live", help="Ask the host of live accounts instead of the demo one.")]

app = typer.Typer(help="Your accounts at a cTrader broker.", no_args_is_help=True, rich_markup_mode=None)


@app.command("login")
def login(
    port: PortOption = REDIRECT_PORT,
    view_only: ViewOption = False,
    browser: BrowserOption = True,
    paste: PasteOption = False,
    given: GivenOption = False,
    json: JsonFlag = False,
) -> None:
    """Grant fxgpt access in the browser; the tokens go to the system's keyring, or to an encrypted file where there is none.

    The application has to be registered with the redirect address http://127.0.0.1:8765/ctrader (or another port, and --port).

    Example: fxgpt ctrader login
    """
    access = ctrader_access(read_settings())
    scope = "accounts" if view_only else "trading"
    if given:
        pair = asyncio.run(_stored(access, _given))
    elif paste:
        pair = asyncio.run(_stored(access, lambda: _pasted(access, port, scope)))
    else:
        pair = asyncio.run(_stored(access, lambda: _granted(access, port, scope, browser)))
    payload = {"scope": None if given else scope, "ends_at_us": pair.expires_at_us, "kept_in": _place(access)}

    def tell() -> None:
        say(f"the tokens are kept in {payload['kept_in']}; they are renewed by themselves while a gateway runs")
        say("next: `fxgpt ctrader accounts`")

    answer(payload, json, tell)


@app.command("accounts")
def accounts(live: LiveOption = False, json: JsonFlag = False) -> None:
    """The accounts your login opens, with the id that the gateway wants.

    Example: fxgpt ctrader accounts --json
    """
    from fxgpt_core.brokers.ctrader.access import listed_accounts

    access = ctrader_access(read_settings())
    found = asyncio.run(listed_accounts(access, live, _now_us))
    rows = [
        {"account_id": one.account_id, "login": one.login, "broker": one.broker, "live": one.is_live} for one in found.accounts
    ]

    def tell() -> None:
        tell_table(rows, "the login opens no account; grant at least one: `fxgpt ctrader login`")
        if not found.may_trade:
            say("these tokens may look but not trade; `fxgpt ctrader login` asks for trading")

    answer({"accounts": rows, "may_trade": found.may_trade}, json, tell)


async def _stored(access: "Access", obtain: Callable[[], Awaitable["TokenPair"]]) -> "TokenPair":
    keeper = access.keeper(_now_us)
    await asyncio.to_thread(_require_usable, access)
    pair = await obtain()
    await keeper.replace(pair)
    return pair


def _require_usable(access: "Access") -> None:
    """Before a person is asked for anything, since a grant that cannot be kept is lost: can the store be read?

    A file of tokens that another key closed is replaced by the new grant.
    """
    with contextlib.suppress(BadInputError):
        access.store().read()


async def _granted(access: "Access", port: int, scope: str, browser: bool) -> "TokenPair":
    import webbrowser

    import httpx

    from fxgpt_core.brokers.ctrader.oauth import authorise_url, awaited_redirect, exchanged

    async with awaited_redirect(port) as redirect:
        url = authorise_url(access.credentials.client_id, redirect.uri, redirect.state, scope)
        _tell_person(f"open this page and grant access; fxgpt waits {LOGIN_S / 60:g} minutes on {redirect.uri}", url)
        if browser:
            webbrowser.open(url)
        code = await redirect.granted(LOGIN_S)
    async with httpx.AsyncClient(timeout=EXCHANGE_S) as client:
        return await exchanged(code, redirect.uri, access.credentials, client, _now_us)


async def _pasted(access: "Access", port: int, scope: str) -> "TokenPair":
    import httpx

    from fxgpt_core.brokers.ctrader.oauth import authorise_url, exchanged, new_state, pasted, redirect_uri

    state, uri = new_state(), redirect_uri(port)
    told = (
        "open this page anywhere and grant access; the browser ends on a page it cannot show: paste its address within a minute"
    )
    _tell_person(told, authorise_url(access.credentials.client_id, uri, state, scope))
    # Not shown: the code in it is worth the accounts for a minute.
    code = pasted(await asyncio.to_thread(getpass.getpass, "address: "), state)
    async with httpx.AsyncClient(timeout=EXCHANGE_S) as client:
        return await exchanged(code, uri, access.credentials, client, _now_us)


def _tell_person(words: str, url: str) -> None:
    # To stderr: with --json stdout has the answer and nothing else.
    typer.echo(f"{words}\n{url}", err=True)


async def _given() -> "TokenPair":
    from fxgpt_core.brokers.ctrader.tokens import TokenPair

    access, refresh = ctrader_given_tokens()
    # When they end is not told with them; what is renewed at the first chance is known from then on.
    return TokenPair(access, refresh, _now_us())


def _place(access: "Access") -> str:
    return "the system's keyring" if access.token_key is None else str(access.token_file)


def _now_us() -> int:
    return time.time_ns() // 1000
