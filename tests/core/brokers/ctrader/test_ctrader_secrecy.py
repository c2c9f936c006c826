"""Planted secrets show themselves nowhere: not in logs of any library at any level, reprs, exceptions or tracebacks."""

import asyncio
import copy
import json
import logging
import pickle
import traceback

import httpx
import pytest
from ctrader_scripted_house import CLIENT_SECRET, Client, House, stored
from test_ctrader_session import played

from fxgpt_core.brokers.ctrader import oauth
from fxgpt_core.brokers.ctrader.oauth import exchanged
from fxgpt_core.brokers.ctrader.redaction import HIDDEN, Secret, scrubbed
from fxgpt_core.brokers.ctrader.session import Session
from fxgpt_core.brokers.ctrader.tokens import Credentials, TokenPair
from fxgpt_core.cli import failure
from fxgpt_core.errors import FxgptError, NotReadyError

ODD = "planted/odd+secret=%&ü"
CODE = Secret("planted-code")
CREDENTIALS = Credentials("an-application", Secret(ODD))


@pytest.mark.parametrize(
    "show", [repr, str, "{}".format, "{!r}".format, lambda secret: f"{secret:>40}", lambda secret: f"{[secret]}"]
)
def test_a_secret_does_not_show_itself(show):
    assert "planted" not in show(Secret("planted-text"))
    assert HIDDEN in show(Secret("planted-text"))


def test_what_holds_secrets_does_not_show_them():
    pair = TokenPair(Secret("planted-access"), Secret("planted-refresh"), 5)
    assert "planted" not in repr([pair, CREDENTIALS, {"pair": pair}])


@pytest.mark.parametrize("copied", [pickle.dumps, copy.deepcopy, json.dumps])
def test_a_secret_does_not_leave_by_being_copied(copied):
    with pytest.raises(TypeError, match=r"does not leave its process|not JSON serializable"):
        copied(Secret("planted-text"))


def test_secrets_are_equal_by_their_text_and_told_only_when_asked():
    assert Secret("planted-text") == Secret("planted-text") != Secret("planted-other")
    assert len({Secret("planted-text"), Secret("planted-text")}) == 1
    assert Secret("planted-text").reveal() == "planted-text"


def test_every_log_record_is_cleaned_whoever_writes_it(caplog):
    Secret(ODD)
    Secret(f"{ODD}-and-longer")
    caplog.set_level(logging.DEBUG)
    log = logging.getLogger("some.library")
    log.debug("plain %s", ODD)
    log.debug(f"in a text {ODD}-and-longer")
    log.debug("in an address %s", httpx.URL("https://x", params={"client_secret": ODD}))
    log.debug("in a dict %(a)s", {"a": [ODD]})
    try:
        raise ValueError(f"cannot use {ODD}")
    except ValueError:
        log.exception("failed")
    assert "planted" not in caplog.text
    assert "and-longer" not in caplog.text
    assert caplog.text.count(HIDDEN) >= 5
    assert "Traceback" in caplog.text


def test_other_records_are_left_as_they_are(caplog):
    Secret("planted-text")
    logging.getLogger("some.library").warning("%d of %s", 3, "four")
    assert caplog.records[-1].args == (3, "four")


def test_a_short_text_is_not_hunted_for_in_logs(caplog):
    Secret("a")
    logging.getLogger("some.library").warning("a banana")
    assert "a banana" in caplog.text


def _talked_of(session: Session, client: Client) -> str:
    return repr([vars(session), vars(vars(session)["_keeper"]), client.server.endpoint, session.reason])


@pytest.mark.parametrize(
    ("house", "store", "client_secret"),
    [
        (House(), stored(days=5), CLIENT_SECRET),
        (House(refresh_ends_in="drop"), stored(days=-1), CLIENT_SECRET),
        (House(errors={"ProtoOAGetAccountListByAccessTokenReq": ["CH_ACCESS_TOKEN_INVALID"] * 9}), stored(), CLIENT_SECRET),
        (House(), stored(), "planted-wrong-secret"),
    ],
    ids=["renewed", "reply lost", "refused", "wrong client secret"],
)
def test_a_session_tells_no_secret(certificate, tmp_path, caplog, house, store, client_secret):
    caplog.set_level(logging.DEBUG)

    async def story(session: Session, client: Client) -> None:
        asyncio.get_running_loop().set_debug(True)
        await asyncio.sleep(100)
        seen.append(_talked_of(session, client))

    seen: list[str] = []
    played(house, story, certificate, tmp_path, store=store, client_secret=client_secret)
    assert "planted" not in caplog.text + seen[0]
    assert len(caplog.records) > 2


def test_words_of_the_venue_that_repeat_a_secret_are_cleaned(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        await session.wait_ready(5)
        house.inside[0].send("ProtoOAClientDisconnectEvent", reason=f"bad token {house.access}")
        await asyncio.sleep(0.2)
        assert session.reason == f"the venue ends the connection (bad token {HIDDEN})"

    house = House()
    played(house, story, certificate, tmp_path)


async def _asked_of_a_real_server(answer: bytes) -> str:
    """Exchange a code over real HTTP, so that the HTTP library writes what it writes; the traceback it ended with."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/apps/token"
    before, oauth.TOKEN_URL = oauth.TOKEN_URL, address
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            await exchanged(CODE, "http://127.0.0.1:1/", CREDENTIALS, client, lambda: 0)
    except FxgptError:
        return traceback.format_exc()
    finally:
        oauth.TOKEN_URL = before
        server.close()
    return ""


def _http(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        (_http(b'{"accessToken": "planted-a-token", "refreshToken": "planted-r-token", "expiresIn": 9}'), ""),
        (_http(b"", "500 Oh"), "answered no JSON"),
        (b"", "cannot be asked"),
        (b"garbage\r\n\r\n", "cannot be asked"),
    ],
)
def test_the_token_address_is_told_nowhere(caplog, answer, ended):
    caplog.set_level(logging.DEBUG)
    told = asyncio.run(_asked_of_a_real_server(answer))
    assert ended in told
    assert "send_request_headers" in caplog.text
    assert "planted" not in caplog.text + told


def test_without_the_cleaning_the_http_library_would_tell(caplog):
    """The negative control: a text that no Secret was made of stands in the log."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="httpx")  # other libraries silence it for the whole process

    async def play() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(200))
        async with httpx.AsyncClient(transport=transport) as client:
            await client.get("https://x/apps/token", params={"client_secret": "known-to-nobody"})

    asyncio.run(play())
    assert "known-to-nobody" in caplog.text


def test_the_file_of_an_unexpected_error_is_cleaned(tmp_path, capsys):
    from datetime import UTC, datetime

    try:
        raise KeyError(Secret("planted-in-an-error").reveal())
    except KeyError as error:
        failure.told(error, False, tmp_path, datetime(2026, 1, 1, tzinfo=UTC))
    written = next(tmp_path.iterdir()).read_text()
    assert "KeyError" in written
    assert "planted" not in written + capsys.readouterr().err


def test_an_exception_with_a_secret_is_cleaned_by_whoever_shows_it():
    assert scrubbed(str(NotReadyError(f"x {Secret('planted-text').reveal()} y"))) == f"x {HIDDEN} y"
