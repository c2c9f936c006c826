"""The grant of a person: only an answer to our own question is taken, and the venue's refusals are told."""

import asyncio
import urllib.parse
from collections.abc import Awaitable, Callable

import httpx
import pytest

from fxgpt_core.brokers.ctrader.oauth import Redirect, authorise_url, awaited_redirect, exchanged, pasted
from fxgpt_core.brokers.ctrader.redaction import Secret
from fxgpt_core.brokers.ctrader.tokens import Credentials
from fxgpt_core.errors import NotReadyError, PortInUseError, RefusedError

CREDENTIALS = Credentials("an-application", Secret("planted-client-secret"))
NOW_US = 1_700_000_000_000_000


def redirected(story: Callable[[Redirect, httpx.AsyncClient], Awaitable[None]]) -> None:
    async def play() -> None:
        async with awaited_redirect(0) as redirect, httpx.AsyncClient() as browser:
            await story(redirect, browser)

    asyncio.run(play())


def test_the_page_asks_for_this_application_scope_and_login():
    url = authorise_url("an-application", "http://127.0.0.1:8765/ctrader", "a word&more", "trading")
    parts = urllib.parse.urlsplit(url)
    assert (parts.scheme, parts.netloc) == ("https", "id.ctrader.com")
    assert dict(urllib.parse.parse_qsl(parts.query)) == {
        "client_id": "an-application",
        "redirect_uri": "http://127.0.0.1:8765/ctrader",
        "scope": "trading",
        "product": "web",
        "state": "a word&more",
    }


def test_an_answer_with_our_word_is_taken_once():
    async def story(redirect: Redirect, browser: httpx.AsyncClient) -> None:
        first = await browser.get(redirect.uri, params={"code": "planted-code", "state": redirect.state})
        assert (first.status_code, "has the grant" in first.text) == (200, True)
        again = await browser.get(redirect.uri, params={"code": "another-code", "state": redirect.state})
        assert "answered already" in again.text
        assert (await redirect.granted(1)).reveal() == "planted-code"
        assert first.headers["cache-control"] == "no-store"

    redirected(story)


@pytest.mark.parametrize("state", [{"state": "guessed"}, {"state": ""}, {}])
def test_another_logins_answer_is_not_taken_and_ours_is_still_waited_for(state):
    async def story(redirect: Redirect, browser: httpx.AsyncClient) -> None:
        foreign = await browser.get(redirect.uri, params={"code": "planted-by-another", **state})
        assert foreign.status_code == 400
        assert "planted-by-another" not in foreign.text
        await browser.get(redirect.uri, params={"code": "planted-code", "state": redirect.state})
        assert (await redirect.granted(1)).reveal() == "planted-code"

    redirected(story)


def test_each_login_has_a_word_of_its_own():
    states = []

    async def story(redirect: Redirect, browser: httpx.AsyncClient) -> None:
        states.append(redirect.state)

    redirected(story)
    redirected(story)
    assert len(set(states)) == 2
    assert min(map(len, states)) >= 32


def test_a_person_who_says_no_is_told_so_in_words_that_are_safe_to_show():
    async def story(redirect: Redirect, browser: httpx.AsyncClient) -> None:
        query = {"error": "access_denied\x1b[2J<script>", "state": redirect.state}
        page = await browser.get(redirect.uri, params=query)
        assert "Nothing was granted" in page.text
        assert "script" not in page.text
        with pytest.raises(RefusedError, match=r"granted nothing \(access_denied\[2J<script>\); run `fxgpt ctrader login`"):
            await redirect.granted(1)

    redirected(story)


@pytest.mark.parametrize(
    "request_bytes", [b"\r\n\r\n", b"\xff\xfe\r\n\r\n", b"A" * 20_000, b"POST /ctrader HTTP/1.1\r\n\r\n", b""]
)
def test_what_no_browser_sends_changes_nothing(request_bytes):
    async def story(redirect: Redirect, browser: httpx.AsyncClient) -> None:
        port = int(urllib.parse.urlsplit(redirect.uri).port or 0)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_bytes)
        writer.close()
        await browser.get(redirect.uri, params={"code": "planted-code", "state": redirect.state})
        assert (await redirect.granted(1)).reveal() == "planted-code"

    redirected(story)


def test_another_path_is_not_found_and_nobody_coming_back_is_said():
    async def story(redirect: Redirect, browser: httpx.AsyncClient) -> None:
        assert (await browser.get(redirect.uri + "/more")).status_code == 404
        with pytest.raises(NotReadyError, match="nobody came back"):
            await redirect.granted(0.01)

    redirected(story)


def test_a_port_in_use_is_named():
    async def play() -> None:
        async with awaited_redirect(0) as redirect:
            port = int(urllib.parse.urlsplit(redirect.uri).port or 0)
            with pytest.raises(PortInUseError, match=f"port {port} of 127.0.0.1 cannot be used"):
                async with awaited_redirect(port):
                    pass

    asyncio.run(play())


def test_a_pasted_address_brings_the_code_and_a_foreign_one_is_refused():
    at = "http://127.0.0.1:8765/ctrader?code=planted-code"
    assert pasted(f" {at}&state=ours\n", "ours").reveal() == "planted-code"
    assert pasted(at, "ours").reveal() == "planted-code"
    with pytest.raises(RefusedError, match="belongs to another login"):
        pasted(f"{at}&state=theirs", "ours")
    with pytest.raises(RefusedError, match="granted nothing"):
        pasted("http://127.0.0.1:8765/ctrader?error=access_denied", "ours")


def _exchanged(answer: Callable[[httpx.Request], httpx.Response]):
    async def play():
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            return await exchanged(Secret("planted-code"), "http://127.0.0.1:1/ctrader", CREDENTIALS, client, lambda: NOW_US)

    return asyncio.run(play())


def test_a_code_is_exchanged_as_the_venue_documents_it():
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        pair = {"accessToken": "planted-a", "refreshToken": "planted-r", "expiresIn": 2_628_000, "tokenType": "bearer"}
        return httpx.Response(200, json=pair | {"errorCode": None})

    pair = _exchanged(answer)
    assert (pair.access.reveal(), pair.refresh.reveal()) == ("planted-a", "planted-r")
    assert pair.expires_at_us == NOW_US + 2_628_000_000_000
    url = asked[0].url
    assert (asked[0].method, url.scheme, url.host, url.path) == ("GET", "https", "openapi.ctrader.com", "/apps/token")
    assert dict(url.params) == {
        "grant_type": "authorization_code",
        "code": "planted-code",
        "redirect_uri": "http://127.0.0.1:1/ctrader",
        "client_id": "an-application",
        "client_secret": "planted-client-secret",
    }


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (httpx.Response(200, json={"errorCode": "ACCESS_DENIED", "description": "expired"}), "no tokens .ACCESS_DENIED"),
        (httpx.Response(200, json={"accessToken": "planted-a"}), "no reason told"),
        (httpx.Response(200, json=["planted-a"]), "not a JSON object"),
        (httpx.Response(502, text="<html>bad gateway</html>"), "answered no JSON"),
    ],
)
def test_an_answer_without_tokens_is_refused(response, said):
    with pytest.raises(RefusedError, match=said):
        _exchanged(lambda _: response)
