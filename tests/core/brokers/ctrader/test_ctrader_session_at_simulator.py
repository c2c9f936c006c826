"""A session at the simulator, in virtual time: each thing that can happen to a connection happens to one, and is got over."""

import asyncio
import contextlib
import random

import pytest
from ctrader_scripted_house import MemoryStore
from simulator_client import WEDNESDAY_US
from virtual_time import loop_clock_us, run_in_virtual_time

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.connection import Connection
from fxgpt_core.brokers.ctrader.endpoint import Endpoint, verifying_context
from fxgpt_core.brokers.ctrader.outcomes import ErrorAnswer, NeverWritten, PerhapsWritten
from fxgpt_core.brokers.ctrader.redaction import Secret
from fxgpt_core.brokers.ctrader.session import Session, SessionSettings, SessionState
from fxgpt_core.brokers.ctrader.tokens import Credentials, TokenKeeper, TokenPair
from fxgpt_core.brokers.ctrader_simulator.certificates import Certificates, make_certificates
from fxgpt_core.brokers.ctrader_simulator.server import SimulatorServer
from fxgpt_core.brokers.ctrader_simulator.venue import Venue, VenueSettings

IN_USE = [
    "half_open", "account_disconnect", "client_disconnect", "token_invalidated", "truncated_frame", "oversized_frame",
    "garbage_payload", "token_expired",
]  # fmt: skip
"""Faults that end a connection on which requests are made."""
SAT_OUT = ["freeze", "slow_answer", "request_error"]
"""Faults that one connection gets over."""
ON_THE_WAY = ["wrong_certificate", "tls_hang", "connection_limit", "maintenance", "maintenance_ms"]
"""Faults that meet a connection when it is made."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("simulator"))


def _played(fault: str, certificates: Certificates, folder) -> tuple[int, int, dict[str, int]]:
    """How often a session was prepared, how many pairs were stored, and which faults fired."""

    async def play() -> tuple[int, int, dict[str, int]]:
        now = loop_clock_us(WEDNESDAY_US)
        server = SimulatorServer(Venue(now, VenueSettings()), None, certificates.server_context())
        endpoint = Endpoint("127.0.0.1", await server.start(0), False)
        keys, account = server.credentials, next(iter(server.venue.book.accounts))
        store = MemoryStore(TokenPair.granted(keys.access_token, keys.refresh_token, 2_628_000, now()))
        application = Credentials(keys.client_id, Secret(keys.client_secret))
        settings = SessionSettings(endpoint, verifying_context(certificates.authority), application, account)
        reconcile = protocol.new("ProtoOAReconcileReq", ctidTraderAccountId=account)
        prepared: list[bool] = []

        async def on_ready(connection: Connection) -> None:
            await connection.request(reconcile)
            prepared.append(session.is_ready)

        keeper = TokenKeeper(store, folder / "tokens.lock", now)
        session = Session(settings, keeper, lambda *_: None, on_ready, random.Random(7))  # noqa: S311 - waits, not secrets
        if fault in ON_THE_WAY:
            server.faults.next(fault)
        await session.start()
        await session.wait_ready(120)
        if fault not in ON_THE_WAY:
            server.faults.next(fault)
        for _ in range(30):
            with contextlib.suppress(ErrorAnswer, NeverWritten, PerhapsWritten):
                await session.request(reconcile)
            await asyncio.sleep(5)
        assert (session.state, session.reason) == (SessionState.READY, "")
        await session.stop()
        await server.stop()
        assert prepared == [False] * len(prepared)
        return len(prepared), len(store.written), dict(server.faults.fired)

    return run_in_virtual_time(play())


@pytest.mark.parametrize(
    ("fault", "prepared"),
    [*((name, 2) for name in IN_USE), *((name, 1) for name in SAT_OUT), *((name, 1) for name in ON_THE_WAY)],
)
def test_a_session_gets_over_each_thing_that_can_happen(certificates, tmp_path, fault, prepared):
    renewed = 1 if fault == "token_expired" else 0
    assert _played(fault, certificates, tmp_path) == (prepared, renewed, {fault: 1})
