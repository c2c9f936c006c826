"""fxgpt ctrader: a grant from the browser or from elsewhere is kept, and the accounts it opens are told."""

import asyncio
import getpass
import re
import threading
import urllib.parse
import webbrowser

import httpx
import pytest
from ctrader_scripted_house import ACCOUNT, House
from ctrader_scripted_server import make_certificate, scripted

from fxgpt_core.brokers.ctrader import oauth
from fxgpt_core.settings import ctrader_access, read_settings

KEY = "a key of more than sixteen"
TOKENS = {"accessToken": "planted-access-0", "refreshToken": "planted-refresh-0", "expiresIn": 2_592_000}


@pytest.fixture
def application(data_root, monkeypatch, in_no_keyring):
    monkeypatch.setenv("FXGPT_CTRADER_CLIENT_ID", "an-application")
    monkeypatch.setenv("FXGPT_CTRADER_CLIENT_SECRET", "planted-client-secret")
    monkeypatch.setenv("FXGPT_CTRADER_TOKEN_KEY", KEY)
    return data_root


@pytest.fixture
def in_no_keyring():
    import keyring
    from keyring.backends.fail import Keyring

    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def token_address(monkeypatch):
    """The venue's token address, answering every code."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=TOKENS)

    usual = httpx.AsyncClient
    monkeypatch.setattr(httpx, "AsyncClient", lambda **kwargs: usual(transport=httpx.MockTransport(answer), **kwargs))
    return asked


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A scripted house in a thread of its own, to which the settings point."""
    certificate, stop, started = make_certificate(tmp_path), threading.Event(), threading.Event()
    playing = House()

    async def play() -> None:
        async with scripted(playing, certificate) as server:
            monkeypatch.setenv("FXGPT_CTRADER_HOST", f"127.0.0.1:{server.endpoint.port}")
            monkeypatch.setenv("FXGPT_CTRADER_CA", str(certificate))
            started.set()
            while not stop.is_set():
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(play(),))
    thread.start()
    assert started.wait(10)
    yield playing
    stop.set()
    thread.join()


def _kept() -> str:
    pair = ctrader_access(read_settings()).store().read()
    return "" if pair is None else pair.access.reveal()


def test_a_person_grants_access_in_the_browser(fxgpt, application, token_address, monkeypatch):
    opened: list[str] = []

    def browse(url: str) -> bool:
        opened.append(url)
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        come_back = f"{asked['redirect_uri']}?{urllib.parse.urlencode({'code': 'planted-code', 'state': asked['state']})}"
        threading.Thread(target=httpx.get, args=(come_back,)).start()
        return True

    monkeypatch.setattr(webbrowser, "open", browse)
    done = fxgpt("ctrader", "login", "--port", "18765", "--json")
    assert done.code == 0
    assert done.json["scope"] == "trading"
    assert done.json["kept_in"] == str(application / "ctrader" / "tokens-an-application.json")
    assert "scope=trading" in opened[0]
    assert "127.0.0.1%3A18765" in opened[0]
    assert opened[0] in done.err
    assert token_address[0].url.params["code"] == "planted-code"
    assert "planted" not in done.out + done.err
    assert _kept() == "planted-access-0"


def test_a_machine_without_a_browser_takes_a_pasted_address(fxgpt, application, token_address, monkeypatch):
    monkeypatch.setattr(getpass, "getpass", lambda _: "http://127.0.0.1:8765/ctrader?code=planted-code")
    done = fxgpt("ctrader", "login", "--paste", "--view-only")
    assert done.code == 0
    assert "scope=accounts" in done.err
    assert "planted" not in done.out + done.err
    assert _kept() == "planted-access-0"


def test_given_tokens_are_kept_and_renewed_at_the_first_chance(fxgpt, application, house, monkeypatch):
    missing = fxgpt("ctrader", "login", "--given")
    assert missing.code == 4
    assert "FXGPT_CTRADER_ACCESS_TOKEN and FXGPT_CTRADER_REFRESH_TOKEN not set" in missing.err
    monkeypatch.setenv("FXGPT_CTRADER_ACCESS_TOKEN", "planted-access-0")
    monkeypatch.setenv("FXGPT_CTRADER_REFRESH_TOKEN", "planted-refresh-0")
    assert fxgpt("ctrader", "login", "--given").code == 0
    assert _kept() == "planted-access-0"


def test_the_accounts_of_a_login_are_told(fxgpt, application, house, token_address, monkeypatch):
    nobody = fxgpt("ctrader", "accounts")
    assert (nobody.code, nobody.out) == (4, "")
    assert "there are no tokens for cTrader yet; run `fxgpt ctrader login`" in nobody.err
    monkeypatch.setattr(getpass, "getpass", lambda _: "http://127.0.0.1:8765/ctrader?code=planted-code")
    fxgpt("ctrader", "login", "--paste")
    told = fxgpt("ctrader", "accounts", "--json").json
    assert told == {"accounts": [{"account_id": ACCOUNT, "login": 7, "broker": "", "live": False}], "may_trade": True}
    house.scope = 0
    assert "may look but not trade" in fxgpt("ctrader", "accounts").out
    house.access = "withdrawn"
    fxgpt("ctrader", "accounts")
    assert house.renewals == 1
    assert _kept() == "planted-access-1"


def test_a_house_with_a_certificate_of_its_own_making_is_refused(fxgpt, application, house, token_address, monkeypatch):
    monkeypatch.setattr(getpass, "getpass", lambda _: "http://127.0.0.1:8765/ctrader?code=planted-code")
    fxgpt("ctrader", "login", "--paste")
    monkeypatch.delenv("FXGPT_CTRADER_CA")
    refused = fxgpt("ctrader", "accounts")
    assert refused.code == 7
    assert "has no certificate to be trusted" in refused.err


@pytest.mark.parametrize(
    ("variable", "value", "code", "said"),
    [
        ("CLIENT_ID", "", 4, "cTrader's client id is not known; .*`keyring set fxgpt ctrader-client-id`"),
        ("CLIENT_SECRET", "", 4, "cTrader's client secret is not known"),
        ("CLIENT_SECRET", "two words", 3, "FXGPT_CTRADER_CLIENT_SECRET has spaces"),
        ("TOKEN_KEY", "short", 3, "FXGPT_CTRADER_TOKEN_KEY has fewer than 16"),
        ("TOKEN_KEY", "", 7, "this system's keyring cannot be used .*set FXGPT_CTRADER_TOKEN_KEY"),
    ],
)
@pytest.mark.usefixtures("application")
def test_what_cannot_be_used_is_named_before_a_person_is_asked(fxgpt, monkeypatch, variable, value, code, said):
    monkeypatch.setenv(f"FXGPT_CTRADER_{variable}", value)
    monkeypatch.setattr(getpass, "getpass", lambda _: pytest.fail("a person was asked"))
    done = fxgpt("ctrader", "login", "--paste")
    assert done.code == code
    assert re.search(said, done.err)


def test_another_application_has_tokens_of_its_own(fxgpt, application, token_address, monkeypatch):
    """A rehearsal at a simulator does not take the place of the tokens that trade."""
    monkeypatch.setattr(getpass, "getpass", lambda _: "http://127.0.0.1:8765/ctrader?code=planted-code")
    fxgpt("ctrader", "login", "--paste")
    monkeypatch.setenv("FXGPT_CTRADER_CLIENT_ID", "another/application")
    assert _kept() == ""
    monkeypatch.setenv("FXGPT_CTRADER_ACCESS_TOKEN", "planted-access-7")
    monkeypatch.setenv("FXGPT_CTRADER_REFRESH_TOKEN", "planted-refresh-7")
    monkeypatch.setenv("FXGPT_CTRADER_TOKEN_KEY", "another key of sixteen")
    assert fxgpt("ctrader", "login", "--given").code == 0
    monkeypatch.setenv("FXGPT_CTRADER_CLIENT_ID", "an-application")
    monkeypatch.setenv("FXGPT_CTRADER_TOKEN_KEY", KEY)
    assert _kept() == "planted-access-0"


@pytest.mark.parametrize("host", ["venue:0", "venue:port", ":5035", "venue:70000"])
def test_a_host_that_is_none_is_refused(fxgpt, application, token_address, monkeypatch, host):
    monkeypatch.setattr(getpass, "getpass", lambda _: "http://127.0.0.1:8765/ctrader?code=planted-code")
    fxgpt("ctrader", "login", "--paste")
    monkeypatch.setenv("FXGPT_CTRADER_HOST", host)
    refused = fxgpt("ctrader", "accounts")
    assert refused.code == 3
    assert "write host or host:port" in refused.err


def test_no_option_takes_a_secret(fxgpt):
    told = fxgpt("ctrader", "login", "--help").out
    options = {word for word in told.split() if word.startswith("--")}
    assert not {option for option in options if "secret" in option or "token" in option or "key" in option}
    assert oauth.SCOPES == ("trading", "accounts")
