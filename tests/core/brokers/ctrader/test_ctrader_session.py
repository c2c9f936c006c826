"""A session comes back from everything, refuses what it may not trade with, and is never ready a moment too long."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest
from ctrader_scripted_house import ACCOUNT, Client, House, stored
from ctrader_scripted_server import ScriptedServer, scripted
from virtual_time import run_in_virtual_time

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.connection import Connection
from fxgpt_core.brokers.ctrader.outcomes import ErrorAnswer, NeverWritten
from fxgpt_core.brokers.ctrader.session import Session, SessionState
from fxgpt_core.errors import NotReadyError, RefusedError

LIVE = {"ctidTraderAccountId": 43, "isLive": True}
DEMO = {"ctidTraderAccountId": ACCOUNT, "isLive": False}
STEPS = [
    "ProtoOAApplicationAuthReq", "ProtoOAVersionReq", "ProtoOAGetAccountListByAccessTokenReq", "ProtoOAAccountAuthReq",
]  # fmt: skip
ORDER = protocol.new("ProtoOANewOrderReq", ctidTraderAccountId=ACCOUNT, symbolId=1, orderType=1, tradeSide=1, volume=100_000)


def played(
    house: House,
    story: Callable[[Session, Client], Awaitable[None]],
    certificate,
    folder,
    is_live: bool = False,
    **client_fields,
) -> Client:
    """Play a house against a story told with a started session, in virtual time."""

    async def play() -> Client:
        async with scripted(house, certificate, is_live) as server:
            client = Client(server, certificate, folder, **client_fields)
            session = client.session()
            await session.start()
            try:
                await story(session, client)
            finally:
                await session.stop()
            return client

    return run_in_virtual_time(play())


def test_the_way_to_ready_is_whole_and_in_its_order(certificate, tmp_path):
    prepared_at: list[int] = []

    async def on_ready(connection: Connection) -> None:
        prepared_at.append(len(house.inside))

    async def story(session: Session, client: Client) -> None:
        assert (session.is_ready, session.state) == (False, SessionState.CONNECTING)
        await session.wait_ready(5)
        assert client.server.names == STEPS
        assert (session.is_ready, session.state, session.reason) == (True, SessionState.READY, "")
        assert (session.venue_version, prepared_at) == ("91", [1])

    house = House()
    played(house, story, certificate, tmp_path, on_ready=on_ready)


def test_a_lost_connection_is_not_ready_at_once_and_everything_is_done_again(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        await session.wait_ready(5)
        house.inside[0].drop()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not session.is_ready
        with pytest.raises(NeverWritten, match="cTrader is not ready"):
            await session.request(ORDER)
        await session.wait_ready(5)
        assert client.server.names == STEPS * 2

    house = House()
    played(house, story, certificate, tmp_path)


def test_it_is_ready_only_when_the_preparation_is_over_and_a_failed_one_is_begun_again(certificate, tmp_path):
    attempts: list[bool] = []

    async def on_ready(connection: Connection) -> None:
        attempts.append(True)
        await asyncio.sleep(3)
        if len(attempts) == 1:
            raise NotReadyError("the order list had no end")
        if len(attempts) == 2:
            raise KeyError("symbol")

    async def story(session: Session, client: Client) -> None:
        await asyncio.sleep(2)
        assert (len(attempts), session.is_ready) == (1, False)
        await asyncio.sleep(2)
        assert "the order list had no end" in session.reason
        await session.wait_ready(60)
        assert len(attempts) == 3

    played(House(), story, certificate, tmp_path, on_ready=on_ready)


def test_no_connection_is_ready_while_it_is_prepared_not_the_second_either(certificate, tmp_path):
    readiness: list[bool] = []

    async def on_ready(connection: Connection) -> None:
        readiness.append(sessions[0].is_ready)

    async def story(session: Session, client: Client) -> None:
        sessions.append(session)
        for _ in range(2):
            await session.wait_ready(60)
            house.inside[0].drop()
            await asyncio.sleep(1)
        await session.wait_ready(60)

    sessions: list[Session] = []
    house = House()
    played(house, story, certificate, tmp_path, on_ready=on_ready)
    assert readiness == [False] * 3


def test_a_connection_lost_during_the_preparation_is_not_taken_for_ready(certificate, tmp_path):
    reasons: list[str] = []

    async def on_ready(connection: Connection) -> None:
        reasons.append(sessions[0].reason)
        if len(reasons) == 1:
            house.inside[0].drop()
            await asyncio.sleep(1)

    async def story(session: Session, client: Client) -> None:
        sessions.append(session)
        await session.wait_ready(60)
        assert len(reasons) == 2
        assert "lost while it was prepared (closed by the other side)" in reasons[1]

    sessions: list[Session] = []
    house = House()
    played(house, story, certificate, tmp_path, on_ready=on_ready)


class _Recording(random.Random):
    """Notes every wait that was drawn, with the range it was drawn from."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.drawn: list[tuple[float, float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.drawn.append((a, b, super().uniform(a, b)))
        return self.drawn[-1][2]


def test_a_weekend_of_48_hours_is_sat_out_and_the_waits_are_full_jitter_to_a_minute(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        await session.wait_ready(5)
        await asyncio.sleep(3600)
        client.server.go_away()
        await asyncio.sleep(300)
        assert session.state is SessionState.DEGRADED
        with pytest.raises(NotReadyError, match=r"not ready within 10 s: 127.0.0.1:.* cannot be reached"):
            await session.wait_ready(10)
        await asyncio.sleep(48 * 3600)
        assert not session.is_ready
        await client.server.listen()
        await session.wait_ready(61)

    rng = _Recording(7)
    played(House(), story, certificate, tmp_path, rng=rng)
    assert [(low, high) for low, high, _ in rng.drawn[:9]] == [(0, 2.0 ** min(n, 6) if n < 6 else 60.0) for n in range(9)]
    # Half a minute on average, for 48 hours.
    assert len(rng.drawn) == pytest.approx(48 * 120, rel=0.05)
    assert {int(wait // 6) for _, _, wait in rng.drawn[10:]} == set(range(10))


def test_a_session_that_held_begins_with_short_waits_again_and_one_that_did_not_goes_on(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        for seconds in (10, 10, 100, 10):
            await session.wait_ready(60)
            await asyncio.sleep(seconds)
            house.inside[0].drop()
            await asyncio.sleep(0.01)

    house, rng = House(), _Recording(7)
    played(house, story, certificate, tmp_path, rng=rng)
    assert [high for _, high, _ in rng.drawn] == [1, 2, 1, 2]


def test_five_failures_in_a_row_are_degraded_and_no_fewer(certificate, tmp_path):
    states: list[SessionState] = []

    async def on_ready(connection: Connection) -> None:
        states.append(sessions[0].state)
        raise NotReadyError("not yet")

    async def story(session: Session, client: Client) -> None:
        sessions.append(session)
        while len(states) < 7:
            await asyncio.sleep(1)

    sessions: list[Session] = []
    played(House(), story, certificate, tmp_path, on_ready=on_ready)
    assert states[:7] == [SessionState.CONNECTING] * 5 + [SessionState.DEGRADED] * 2


@pytest.mark.parametrize(
    ("house", "account", "is_live", "said"),
    [
        (House(scope=0), ACCOUNT, False, "may only view account 42"),
        (House(accounts=(DEMO,)), 41, False, "not good for account 41; they are for 42"),
        (House(accounts=(DEMO, LIVE)), 43, False, "43 is a live account, and .* serves demo accounts"),
        (House(accounts=(DEMO, LIVE)), ACCOUNT, True, "42 is a demo account, and .* serves live accounts"),
        (House(errors={"ProtoOAAccountAuthReq": ["RET_ACCOUNT_DISABLED"] * 99}), ACCOUNT, False, "RET_ACCOUNT_DISABLED"),
    ],
    ids=["view scope", "other account", "live account at demo", "demo account at live", "disabled"],
)
def test_what_only_a_person_can_change_is_refused_with_its_reason(certificate, tmp_path, house, account, is_live, said):
    async def story(session: Session, client: Client) -> None:
        with pytest.raises(RefusedError, match=said):
            await session.wait_ready(300)
        assert (session.state, session.is_ready) == (SessionState.REFUSED, False)
        if "RET_ACCOUNT" not in said:
            assert "ProtoOAAccountAuthReq" not in client.server.names

    played(house, story, certificate, tmp_path, is_live, account=account)


def test_a_wrong_client_secret_is_refused_and_tried_again_at_most_twice_a_minute(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        with pytest.raises(RefusedError, match="CH_CLIENT_AUTH_FAILURE"):
            await session.wait_ready(300)
        await asyncio.sleep(600)
        assert 10 <= len(client.server.peers) <= 21

    played(House(), story, certificate, tmp_path, client_secret="the-wrong-secret")  # noqa: S106 - of no house


def test_what_a_person_has_changed_is_found_without_a_restart(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        with pytest.raises(RefusedError, match="no tokens for cTrader yet; run `fxgpt ctrader login`"):
            await session.wait_ready(300)
        client.store.pair = stored().pair
        await asyncio.sleep(61)
        assert session.is_ready

    empty = stored()
    empty.pair = None
    played(House(), story, certificate, tmp_path, store=empty)


def test_two_accounts_of_one_grant_are_two_sessions_and_one_store(certificate, tmp_path):
    async def play() -> None:
        house = House(accounts=(DEMO, {"ctidTraderAccountId": 44, "isLive": False}))
        async with scripted(house, certificate) as server:
            store = stored(days=5)
            clients = [Client(server, certificate, tmp_path, store=store, account=account) for account in (ACCOUNT, 44)]
            sessions = [client.session() for client in clients]
            await asyncio.gather(*(session.start() for session in sessions))
            await asyncio.gather(*(session.wait_ready(30) for session in sessions))
            # Both found the pair near its end; one renewed it, the other took what was stored.
            assert (house.renewals, len(store.written)) == (1, 1)
            _asked_of(server, {ACCOUNT, 44})
            await asyncio.gather(*(session.stop() for session in sessions))

    run_in_virtual_time(play())


def _asked_of(server: ScriptedServer, accounts: set[int]) -> None:
    opened = [one.message for peer in server.peers for one in peer.received if one.name == "ProtoOAAccountAuthReq"]
    assert {message.ctidTraderAccountId for message in opened} == accounts


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("ProtoOAAccountDisconnectEvent", {"ctidTraderAccountId": ACCOUNT}),
        ("ProtoOAClientDisconnectEvent", {"reason": "blocked"}),
        ("ProtoOAAccountsTokenInvalidatedEvent", {"ctidTraderAccountIds": [7, ACCOUNT], "reason": "refreshed"}),
        ("ProtoOAErrorRes", {"errorCode": "ACCOUNT_NOT_AUTHORIZED"}),
    ],
)
def test_an_event_that_ends_the_authorisation_begins_a_new_session_without_renewing_tokens(certificate, tmp_path, event, fields):
    async def story(session: Session, client: Client) -> None:
        await session.wait_ready(5)
        house.inside[0].send(event, **fields)
        await asyncio.sleep(2)
        await session.wait_ready(60)
        assert client.server.names == STEPS * 2
        assert client.events == [event]
        assert house.renewals == 0

    house = House()
    played(house, story, certificate, tmp_path)


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("ProtoOAAccountDisconnectEvent", {"ctidTraderAccountId": 7}),
        ("ProtoOAAccountsTokenInvalidatedEvent", {"ctidTraderAccountIds": [7]}),
        ("ProtoOAErrorRes", {"errorCode": "MARKET_CLOSED"}),
    ],
)
def test_what_concerns_another_account_ends_nothing(certificate, tmp_path, event, fields):
    async def story(session: Session, client: Client) -> None:
        await session.wait_ready(5)
        house.inside[0].send(event, **fields)
        await asyncio.sleep(10)
        assert session.is_ready
        assert client.server.names == STEPS

    house = House()
    played(house, story, certificate, tmp_path)


def test_a_request_answered_that_the_authorisation_is_gone_begins_a_new_session(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        await session.wait_ready(5)
        with pytest.raises(ErrorAnswer, match="ACCOUNT_NOT_AUTHORIZED"):
            await session.request(ORDER)
        assert not session.is_ready
        await session.wait_ready(60)

    house = House(errors={"ProtoOANewOrderReq": ["ACCOUNT_NOT_AUTHORIZED"]})
    played(house, story, certificate, tmp_path)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("code", ["CANT_ROUTE_REQUEST", "SERVER_IS_UNDER_MAINTENANCE", "SOMETHING_NEW"])
def test_an_error_at_any_step_is_tried_again(certificate, tmp_path, name, code):
    async def story(session: Session, client: Client) -> None:
        await session.wait_ready(400)
        assert session.is_ready

    played(House(errors={name: [code] * 3}), story, certificate, tmp_path)


@pytest.mark.parametrize(
    ("name", "code"), [("ProtoOAAccountAuthReq", "ALREADY_LOGGED_IN"), (STEPS[0], "CH_CLIENT_ALREADY_AUTHENTICATED")]
)
def test_what_holds_already_is_as_good_as_done(certificate, tmp_path, name, code):
    async def story(session: Session, client: Client) -> None:
        await session.wait_ready(5)
        assert len(client.server.peers) == 1

    played(House(errors={name: [code]}), story, certificate, tmp_path)


def _open_descriptors() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def test_a_day_leaves_no_task_and_no_descriptor_behind_and_has_no_gap_without_a_sign_of_life(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        await session.wait_ready(5)
        before = len(asyncio.all_tasks()), _open_descriptors()
        await asyncio.sleep(24 * 3600)
        assert (len(asyncio.all_tasks()), _open_descriptors()) == before
        beats = client.server.peers[0].heartbeats
        assert len(client.server.peers) == 1
        assert max(later - sooner for sooner, later in pairwise(beats)) <= 12

    played(House(), story, certificate, tmp_path)


def test_stopping_ends_everything_and_a_session_can_begin_again(certificate, tmp_path):
    async def story(session: Session, client: Client) -> None:
        await session.wait_ready(5)
        await session.stop()
        assert (session.state, session.is_ready) == (SessionState.STOPPED, False)
        with pytest.raises(NotReadyError, match="stopped"):
            await session.wait_ready(5)
        await session.start()
        await session.wait_ready(5)
        assert len(client.server.peers) == 2

    played(House(), story, certificate, tmp_path)
