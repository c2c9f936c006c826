"""Tokens: a renewed pair is stored before it is used, renewed by one alone, and survives where it is kept."""

import asyncio
import fcntl
import json
import stat

import keyring
import pytest
from ctrader_scripted_house import Client, House, stored
from ctrader_scripted_server import scripted
from keyring.backend import KeyringBackend
from test_ctrader_session import STEPS, played
from virtual_time import run_in_virtual_time

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.outcomes import PerhapsWritten
from fxgpt_core.brokers.ctrader.redaction import Secret
from fxgpt_core.brokers.ctrader.session import Session, SessionState
from fxgpt_core.brokers.ctrader.token_store import EncryptedFileStore, KeyringStore
from fxgpt_core.brokers.ctrader.tokens import TokenPair
from fxgpt_core.errors import BadInputError, NotReadyError, RefusedError

REFRESH = "ProtoOARefreshTokenReq"
PAIR = TokenPair(Secret("planted-access-x"), Secret("planted-refresh-x"), 1_900_000_000_000_000)
HOURS = {"renew_ahead_s": 7200.0, "renew_now_s": 3600.0, "renewal_check_s": 600.0}
KEY = Secret("a key of more than sixteen")


async def ready(session: Session, client: Client) -> None:
    await session.wait_ready(120)


@pytest.mark.parametrize(("days", "renewed"), [(30, 0), (11, 0), (9, 1), (-1, 1)])
def test_a_pair_near_its_end_is_renewed_before_the_account_is_opened(certificate, tmp_path, days, renewed):
    house = House()
    client = played(house, ready, certificate, tmp_path, store=stored(days))
    assert (house.renewals, len(client.store.written)) == (renewed, renewed)
    assert client.server.names == STEPS[:2] + [REFRESH] * renewed + STEPS[2:]
    opened = client.server.peers[0].received[-1].message
    assert opened.accessToken == f"planted-access-{renewed}"
    if renewed:
        assert client.store.pair.expires_at_us == pytest.approx(30 * 86_400e6, abs=1e6)


def test_a_renewed_pair_that_cannot_be_stored_is_not_used_until_it_is(certificate, tmp_path):
    """The crash between: nothing was sent with a pair that a restart would not find."""
    house, store = House(), stored(days=5)
    store.failures = 3
    seen: list[tuple[str, int]] = []
    house.on_request = lambda _, asked: seen.append((asked.name, len(store.written)))
    client = played(house, ready, certificate, tmp_path, store=store)
    # One renewal only, since a refresh token works once; the list of accounts is first asked when the pair was stored.
    assert house.renewals == 1
    assert {written for name, written in seen if name in STEPS[2:]} == {1}
    assert client.server.names.count(REFRESH) == 1
    assert len(client.server.peers) > 1


def test_a_lost_reply_costs_the_grant_and_a_person_is_asked(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        with pytest.raises(RefusedError, match=r"renews the tokens no more \(CH_ACCESS_TOKEN_INVALID\).*fxgpt ctrader login"):
            await session.wait_ready(600)
        assert session.state is SessionState.REFUSED
        # A person logs in again: the new pair is found by itself.
        client.store.pair = TokenPair(Secret(house.access), Secret(house.refresh), round(86_400e6 * 40))
        await asyncio.sleep(61)
        assert session.is_ready

    house = House(refresh_ends_in="drop")
    played(house, story, certificate, tmp_path, store=stored(days=-1))


def test_a_used_refresh_token_does_not_stop_an_access_token_that_is_still_good(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        await session.wait_ready(60)
        await asyncio.sleep(4800)
        assert len(client.server.peers) == 1

    house = House()
    client = played(house, story, certificate, tmp_path, store=stored(days=1.5 / 24, refresh="used-before"), changes=HOURS)
    assert house.renewals == 0
    assert client.server.names.count(REFRESH) == 1


@pytest.mark.parametrize("code", ["OA_AUTH_TOKEN_EXPIRED", "CH_ACCESS_TOKEN_INVALID"])
@pytest.mark.parametrize("step", STEPS[2:])
def test_a_token_that_is_refused_is_renewed_once(certificate, tmp_path, step, code):
    house = House(errors={step: [code]})
    client = played(house, ready, certificate, tmp_path)
    assert house.renewals == 1
    assert len(client.server.peers) == 1


def test_a_token_that_was_good_and_is_refused_later_is_renewed_each_time(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        for renewals in (1, 2, 3):
            house.errors[STEPS[2]] = ["OA_AUTH_TOKEN_EXPIRED"]
            if house.inside:
                house.inside[0].drop()
                await asyncio.sleep(1)
            await session.wait_ready(60)
            assert house.renewals == renewals

    house = House()
    played(house, story, certificate, tmp_path)


def test_a_token_refused_again_and_again_is_not_renewed_again_and_again(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        with pytest.raises(RefusedError, match="refuses tokens that were renewed"):
            await session.wait_ready(900)
        await asyncio.sleep(300)
        assert house.renewals == 1

    house = House(errors={STEPS[2]: ["CH_ACCESS_TOKEN_INVALID"] * 999})
    played(house, story, certificate, tmp_path)


@pytest.mark.parametrize("code", ["CANT_ROUTE_REQUEST", "INTERNAL_SERVER_ERROR", "BLOCKED_PAYLOAD_TYPE"])
def test_an_error_that_passes_does_not_end_the_grant(certificate, tmp_path, code):
    house = House(errors={REFRESH: [code]})
    played(house, ready, certificate, tmp_path, store=stored(days=-1))
    assert house.renewals == 1


def test_a_running_session_renews_by_a_new_connection_in_a_quiet_moment(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        await session.wait_ready(5)
        await asyncio.sleep(2.5 * 3600)
        assert session.is_ready
        # With an hour left and no request waiting: one new connection, one renewal.
        assert (house.renewals, len(client.server.peers)) == (1, 2)

    house = House()
    played(house, story, certificate, tmp_path, store=stored(days=3 / 24), changes=HOURS)


def test_a_renewal_waits_for_the_answers_that_are_waited_for(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        await session.wait_ready(5)
        deals = protocol.new("ProtoOADealListReq", ctidTraderAccountId=42)
        with pytest.raises(PerhapsWritten, match="not answered within 9000 s"):
            await session.request(deals, timeout_s=9000)
        assert (house.renewals, len(client.server.peers)) == (0, 1)
        await asyncio.sleep(700)
        assert (house.renewals, len(client.server.peers)) == (1, 2)

    house = House()
    played(house, story, certificate, tmp_path, store=stored(days=3 / 24), changes=HOURS)


def test_a_pair_that_another_process_renewed_is_taken_and_not_renewed_again(certificate, tmp_path):
    house, store = House(), stored(days=5)

    async def play() -> None:
        async with scripted(house, certificate) as server:
            client = Client(server, certificate, tmp_path, store=store)
            session = client.session()
            with (tmp_path / "tokens.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                await session.start()
                await asyncio.sleep(20)
                assert REFRESH not in server.names
                # What the other process does under its lock.
                house.access, house.refresh = "planted-access-9", "planted-refresh-9"
                store.pair = TokenPair(Secret(house.access), Secret(house.refresh), round(86_400e6 * 30))
            await session.wait_ready(30)
            await session.stop()
            assert REFRESH not in server.names

    run_in_virtual_time(play())


@pytest.mark.parametrize("days", [5, -1])
def test_a_lock_that_is_never_let_go_of_stops_only_a_pair_that_is_over(certificate, tmp_path, days):
    async def story(session: Session, client: Client) -> None:
        with (tmp_path / "tokens.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if days > 0:
                await session.wait_ready(100)
                return
            with pytest.raises(RefusedError, match="another process has been renewing cTrader's tokens for 90 s"):
                await session.wait_ready(100)

    house = House()
    played(house, story, certificate, tmp_path, store=stored(days))
    assert house.renewals == 0


def test_the_encrypted_file_keeps_a_pair_and_tells_it_to_its_key_alone(tmp_path):
    path = tmp_path / "deep" / "tokens"
    store = EncryptedFileStore(path, KEY)
    assert store.read() is None
    store.write(PAIR)
    assert EncryptedFileStore(path, KEY).read() == PAIR
    assert b"planted" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(BadInputError, match="cannot be opened with this FXGPT_CTRADER_TOKEN_KEY"):
        EncryptedFileStore(path, Secret("another key of sixteen")).read()


@pytest.mark.parametrize(
    "damage", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"salt": "AA==", "sealed": "x"}', b'{"salt": 1, "sealed": 2}']
)
def test_a_damaged_file_is_named_and_not_taken_for_none(tmp_path, damage):
    path = tmp_path / "tokens"
    path.write_bytes(damage)
    with pytest.raises(BadInputError, match=r"is no file of tokens|cannot be opened"):
        EncryptedFileStore(path, KEY).read()


def test_each_writing_has_a_salt_of_its_own(tmp_path):
    path = tmp_path / "tokens"
    salts = set()
    for _ in range(2):
        EncryptedFileStore(path, KEY).write(PAIR)
        salts.add(json.loads(path.read_text())["salt"])
    assert len(salts) == 2


def test_a_short_key_is_refused(tmp_path):
    with pytest.raises(BadInputError, match="fewer than 16 characters"):
        EncryptedFileStore(tmp_path / "tokens", Secret("short"))


def test_a_file_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "no-folder").write_text("")
    with pytest.raises(NotReadyError, match="need a place to be kept"):
        EncryptedFileStore(tmp_path / "no-folder" / "tokens", KEY).write(PAIR)


class _Keyring(KeyringBackend):
    """A keyring in memory; `forgets` takes everything and keeps nothing, as the null backend does."""

    # Below the one that always fails: keyring chooses by itself among all that are defined, this one too.
    priority = -1  # type: ignore[assignment]

    def __init__(self, forgets: bool):
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.forgets = forgets

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if not self.forgets:
            self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError


@pytest.fixture
def usual_keyring():
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("usual_keyring")
def test_the_keyring_keeps_a_pair_for_each_application():
    keyring.set_keyring(_Keyring(forgets=False))
    KeyringStore("one").write(PAIR)
    assert KeyringStore("one").read() == PAIR
    assert KeyringStore("two").read() is None


@pytest.mark.usefixtures("usual_keyring")
def test_a_keyring_that_keeps_nothing_is_found_out():
    keyring.set_keyring(_Keyring(forgets=True))
    with pytest.raises(NotReadyError, match="did not keep the tokens; set FXGPT_CTRADER_TOKEN_KEY"):
        KeyringStore("one").write(PAIR)


@pytest.mark.usefixtures("usual_keyring")
def test_a_system_without_a_keyring_says_what_to_set():
    from keyring.backends.fail import Keyring

    keyring.set_keyring(Keyring())
    with pytest.raises(NotReadyError, match="set FXGPT_CTRADER_TOKEN_KEY"):
        KeyringStore("one").read()
    with pytest.raises(NotReadyError, match="set FXGPT_CTRADER_TOKEN_KEY"):
        KeyringStore("one").write(PAIR)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"access": "planted-access-y"}', '{"access": 1, "refresh": 2, "expires_at_us": "soon"}']
)
def test_a_stored_text_that_is_no_pair_is_named_without_being_told(text):
    with pytest.raises(BadInputError, match="cannot be read; run `fxgpt ctrader login`") as caught:
        TokenPair.from_text(text)
    assert "planted" not in str(caught.value)


def test_the_reply_to_a_renewal_is_waited_for_a_minute(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        await asyncio.sleep(59)
        assert (session.reason, len(client.server.peers)) == ("", 1)
        await asyncio.sleep(3)
        assert len(client.server.peers) == 2

    played(House(refresh_ends_in="silence"), story, certificate, tmp_path, store=stored(days=-1))
