"""One connection: every request is answered, refused, never written or perhaps written; nobody in between learns anything."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from ctrader_scripted_server import Peer, make_certificate, scripted
from virtual_time import run_in_virtual_time

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.connection import Connection, Patience
from fxgpt_core.brokers.ctrader.endpoint import Endpoint, drop_what_is_not_taken, verifying_context
from fxgpt_core.brokers.ctrader.outcomes import ErrorAnswer, NeverWritten, PerhapsWritten
from fxgpt_core.errors import RefusedError

VERSION = protocol.new("ProtoOAVersionReq")
ORDER = protocol.new("ProtoOANewOrderReq", ctidTraderAccountId=1, symbolId=1, orderType=1, tradeSide=1, volume=100_000)
USUAL = Patience()
EVENT = {"ctidTraderAccountId": 1, "executionType": 2}


class Client:
    """A connection and the names of the events it told."""

    def __init__(self, connection: Connection, events: list[str]):
        self.connection, self.events = connection, events


def against(
    script: Callable[[Peer], Awaitable[None]],
    story: Callable[[Client, list[Peer]], Awaitable[None]],
    certificate,
    patience: Patience = USUAL,
) -> None:
    """Play a script against a story of the client, in virtual time."""

    async def play() -> None:
        async with scripted(script, certificate) as server:
            events: list[str] = []
            context = verifying_context(certificate)
            connection = await Connection.open(server.endpoint, context, lambda name, _: events.append(name), patience=patience)
            try:
                await story(Client(connection, events), server.peers)
            finally:
                await connection.close()

    run_in_virtual_time(play())


async def answer_versions(peer: Peer) -> None:
    while True:
        asked = await peer.read()
        peer.send("ProtoOAVersionRes", asked.client_msg_id, version="91")


def test_answers_find_their_requests_in_any_order(certificate):
    async def reversed_order(peer: Peer) -> None:
        asked = [await peer.read() for _ in range(3)]
        for envelope in reversed(asked):
            peer.send("ProtoOAAccountAuthRes", envelope.client_msg_id, ctidTraderAccountId=envelope.message.ctidTraderAccountId)
        await peer.read()

    async def story(client: Client, peers: list[Peer]) -> None:
        requests = [protocol.new("ProtoOAAccountAuthReq", ctidTraderAccountId=n, accessToken="t") for n in (5, 6, 7)]
        answers = await asyncio.gather(*(client.connection.request(each) for each in requests))
        assert [answer.ctidTraderAccountId for answer in answers] == [5, 6, 7]
        ids = [envelope.client_msg_id for envelope in peers[0].received]
        assert len(set(ids)) == 3
        assert client.events == []

    against(reversed_order, story, certificate)


def test_ids_are_unlike_those_of_any_other_connection(certificate):
    async def play() -> None:
        async with scripted(answer_versions, certificate) as server:
            for _ in range(2):
                connection = await Connection.open(server.endpoint, verifying_context(certificate), lambda *_: None)
                await connection.request(VERSION)
                await connection.close()
            first, second = (peer.received[0].client_msg_id for peer in server.peers)
            assert first != second
            assert min(len(first), len(second)) > 30

    run_in_virtual_time(play())


def test_an_event_that_answers_is_told_as_an_event_too_and_foreign_ones_only_as_events(certificate):
    async def script(peer: Peer) -> None:
        asked = await peer.read()
        peer.send("ProtoOAExecutionEvent", "foreign-id", **EVENT)
        peer.send("ProtoOAExecutionEvent", asked.client_msg_id, **EVENT)
        peer.send("ProtoOAExecutionEvent", asked.client_msg_id, **(EVENT | {"executionType": 3}))
        peer.send("ProtoOASpotEvent", ctidTraderAccountId=1, symbolId=1)
        await peer.read()

    async def story(client: Client, peers: list[Peer]) -> None:
        answer = await client.connection.request(ORDER)
        assert answer.executionType == 2
        await asyncio.sleep(1)
        assert client.events == ["ProtoOAExecutionEvent"] * 3 + ["ProtoOASpotEvent"]

    against(script, story, certificate)


@pytest.mark.parametrize(
    ("name", "fields", "retry_after", "maintenance_end"),
    [
        ("ProtoErrorRes", {"maintenanceEndTimestamp": 1_700_000_000_123}, None, 1_700_000_000_123_000),
        ("ProtoOAErrorRes", {"maintenanceEndTimestamp": 1_700_000_000}, None, 1_700_000_000_000_000),
        ("ProtoOAErrorRes", {"retryAfter": 7}, 7.0, None),
        ("ProtoOAOrderErrorEvent", {"ctidTraderAccountId": 1}, None, None),
    ],
)
def test_an_error_answer_says_code_words_wait_and_end_of_maintenance(certificate, name, fields, retry_after, maintenance_end):
    async def script(peer: Peer) -> None:
        asked = await peer.read()
        peer.send(name, asked.client_msg_id, errorCode="NOT_ENOUGH_MONEY", description="no funds", **fields)
        await peer.read()

    async def story(client: Client, peers: list[Peer]) -> None:
        with pytest.raises(ErrorAnswer, match="ProtoOANewOrderReq was answered NOT_ENOUGH_MONEY: no funds") as caught:
            await client.connection.request(ORDER)
        assert (caught.value.retry_after_s, caught.value.maintenance_end_us) == (retry_after, maintenance_end)
        assert client.connection.is_open

    against(script, story, certificate)


def test_a_blocked_message_type_is_held_back_for_as_long_as_was_said_and_longer_each_time(certificate):
    async def script(peer: Peer) -> None:
        for _ in range(3):
            asked = await peer.read()
            peer.send("ProtoOAErrorRes", asked.client_msg_id, errorCode="BLOCKED_PAYLOAD_TYPE", retryAfter=1)
        await answer_versions(peer)

    async def story(client: Client, peers: list[Peer]) -> None:
        clock, waits = asyncio.get_running_loop().time, []
        for _ in range(3):
            with pytest.raises(ErrorAnswer, match="BLOCKED_PAYLOAD_TYPE") as caught:
                await client.connection.request(VERSION)
            waits.append(caught.value.retry_after_s)
        began = clock()
        await client.connection.request(VERSION)
        assert waits == [1.0, 2.0, 4.0]
        assert clock() - began == pytest.approx(4.0, abs=0.01)

    against(script, story, certificate)


def test_a_refusal_of_the_permit_lets_no_byte_out(certificate):
    """The kill switch is set while the order waits for its turn: after the decision, before the write."""
    halted = []

    async def story(client: Client, peers: list[Peer]) -> None:
        for _ in range(40):
            await client.connection.request(VERSION)
        order = asyncio.ensure_future(client.connection.request(ORDER, permit=lambda: "halted by hand" if halted else ""))
        await asyncio.sleep(0.01)
        halted.append(True)
        with pytest.raises(NeverWritten, match="ProtoOANewOrderReq was not sent: halted by hand"):
            await order
        await client.connection.request(VERSION)
        assert [envelope.name for envelope in peers[0].received] == ["ProtoOAVersionReq"] * 41

    against(answer_versions, story, certificate)


def test_what_the_permit_raises_lets_no_byte_out(certificate):
    def broken() -> str:
        raise RuntimeError("the ledger is locked")

    async def story(client: Client, peers: list[Peer]) -> None:
        with pytest.raises(RuntimeError, match="ledger is locked"):
            await client.connection.request(ORDER, permit=broken)
        await client.connection.request(VERSION)
        assert [envelope.name for envelope in peers[0].received] == ["ProtoOAVersionReq"]

    against(answer_versions, story, certificate)


async def read_one_and_drop(peer: Peer) -> None:
    await peer.read()


async def read_nothing(peer: Peer) -> None:
    await asyncio.sleep(3600)


async def drop_at_once(peer: Peer) -> None:
    peer.drop()


async def truncated(peer: Peer) -> None:
    await peer.read()
    peer.writer.write(b"\x00\x00\x00\x09\x08")
    peer.writer.close()


async def too_long(peer: Peer) -> None:
    await peer.read()
    peer.writer.write((15_000_001).to_bytes(4, "big") + b"\x00" * 100)
    await asyncio.sleep(3600)


async def garbage(peer: Peer) -> None:
    await peer.read()
    peer.writer.write(b"\x00\x00\x00\x03\xff\xff\xff")
    await asyncio.sleep(3600)


async def unknown_type(peer: Peer) -> None:
    asked = await peer.read()
    wrapper = protocol.new("ProtoMessage", payloadType=9999, clientMsgId=asked.client_msg_id).SerializeToString()
    peer.writer.write(len(wrapper).to_bytes(4, "big") + wrapper)
    await asyncio.sleep(3600)


async def lacking(peer: Peer) -> None:
    asked = await peer.read()
    wrapper = protocol.new("ProtoMessage", payloadType=2103, clientMsgId=asked.client_msg_id).SerializeToString()
    peer.writer.write(len(wrapper).to_bytes(4, "big") + wrapper)
    await asyncio.sleep(3600)


@pytest.mark.parametrize(
    ("script", "reason", "stays_open"),
    [
        (read_one_and_drop, "closed by the other side", False),
        (truncated, "in the middle of a frame", False),
        (too_long, "a frame of 15000001 bytes; at most 15000000 are allowed", False),
        (garbage, "3 received bytes are no ProtoMessage", False),
        (lacking, "ProtoOAAccountAuthRes lacks ctidTraderAccountId", False),
        (unknown_type, "answered by a message of unknown type 9999", True),
        (read_nothing, "not answered within 15 s", True),
    ],
)
def test_a_written_request_without_a_readable_answer_is_perhaps_written(certificate, script, reason, stays_open):
    async def story(client: Client, peers: list[Peer]) -> None:
        with pytest.raises(PerhapsWritten, match=reason):
            await client.connection.request(ORDER)
        assert client.connection.is_open == stays_open
        assert client.connection.pending == 0

    against(script, story, certificate)


def test_on_a_lost_connection_a_request_is_never_written_and_nothing_is_kept_for_the_next(certificate):
    async def story(client: Client, peers: list[Peer]) -> None:
        reason = await client.connection.lost()
        with pytest.raises(NeverWritten, match=r"the connection is lost \(closed by the other side\)"):
            await client.connection.request(ORDER)
        assert reason == "closed by the other side"
        assert peers[0].received == []

    against(drop_at_once, story, certificate)


def test_all_that_waits_is_told_of_the_loss_and_a_request_in_the_queue_was_never_written(certificate):
    async def read_all_and_drop(peer: Peer) -> None:
        for _ in range(40):
            await peer.read()

    async def story(client: Client, peers: list[Peer]) -> None:
        requests = [asyncio.ensure_future(client.connection.request(ORDER)) for _ in range(45)]
        ends = await asyncio.gather(*requests, return_exceptions=True)
        assert [type(end) for end in ends] == [PerhapsWritten] * 40 + [NeverWritten] * 5
        assert len(peers[0].received) == 40

    against(read_all_and_drop, story, certificate)


def test_a_late_answer_is_an_event_and_not_lost(certificate):
    async def late(peer: Peer) -> None:
        asked = await peer.read()
        await asyncio.sleep(20)
        peer.send("ProtoOAExecutionEvent", asked.client_msg_id, **EVENT)
        await peer.read()

    async def story(client: Client, peers: list[Peer]) -> None:
        with pytest.raises(PerhapsWritten, match="not answered within 15 s"):
            await client.connection.request(ORDER, timeout_s=15)
        await asyncio.sleep(10)
        assert client.events == ["ProtoOAExecutionEvent"]

    against(late, story, certificate)


def test_what_the_venue_did_not_take_never_comes_to_it_once_the_connection_is_given_up(certificate):
    read: list[protocol.Envelope] = []

    async def wakes_up_late(peer: Peer) -> None:
        peer.reader._transport.pause_reading()
        await asyncio.sleep(30)
        peer.reader._transport.resume_reading()
        while True:
            read.append(await peer.read())

    async def story(client: Client, peers: list[Peer]) -> None:
        large = protocol.new("ProtoOAAccountAuthReq", ctidTraderAccountId=1, accessToken="x" * 10_000_000)
        waiting = asyncio.ensure_future(client.connection.request(large))
        await asyncio.sleep(1)
        client.connection.abandon("given up")
        with pytest.raises(PerhapsWritten, match="given up"):
            await waiting
        await asyncio.sleep(60)
        assert read == []

    against(wakes_up_late, story, certificate)


def test_a_given_up_connection_is_reset_and_not_delivered_in_the_background(certificate):
    ends: list[BaseException] = []

    async def story(client: Client, peers: list[Peer]) -> None:
        await asyncio.sleep(1)
        client.connection.abandon("given up")
        await asyncio.sleep(1)
        assert [type(end) for end in ends] == [ConnectionResetError]

    async def reading(peer: Peer) -> None:
        try:
            await peer.read()
        except (OSError, EOFError) as error:
            ends.append(error)

    against(reading, story, certificate)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system cannot say when to stop delivering")
def test_bytes_that_nobody_acknowledges_are_tried_for_as_long_as_was_said():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as connected:
        drop_what_is_not_taken(connected, 12.5)
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 12_500


def test_a_cancelled_request_leaves_nothing_behind(certificate):
    async def story(client: Client, peers: list[Peer]) -> None:
        request = asyncio.ensure_future(client.connection.request(ORDER))
        await asyncio.sleep(1)
        request.cancel()
        await asyncio.wait([request])
        assert request.cancelled()
        assert client.connection.pending == 0

    against(read_nothing, story, certificate)


def test_an_event_that_cannot_be_taken_ends_the_connection(certificate):
    def refuse(name: str, message: object) -> None:
        raise ValueError("no such deal")

    async def send_event(peer: Peer) -> None:
        peer.send("ProtoOAExecutionEvent", **EVENT)
        await peer.read()

    async def play() -> None:
        async with scripted(send_event, certificate) as server:
            connection = await Connection.open(server.endpoint, verifying_context(certificate), refuse)
            assert await connection.lost() == "an event could not be taken: ValueError"
            await connection.close()

    run_in_virtual_time(play())


def test_heartbeats_leave_after_ten_seconds_of_our_own_silence_and_none_is_answered(certificate):
    async def beating(peer: Peer) -> None:
        clock = asyncio.get_running_loop().time
        reading = asyncio.ensure_future(answer_versions(peer))
        while not reading.done() and clock() < 3700:
            peer.send("ProtoHeartbeatEvent")
            await asyncio.sleep(7)

    async def story(client: Client, peers: list[Peer]) -> None:
        await asyncio.sleep(5)
        await client.connection.request(VERSION)
        await asyncio.sleep(3595)
        times = peers[0].heartbeats
        assert 9 <= times[0] - 5 <= 10
        assert [round(later - sooner, 6) for sooner, later in pairwise(times)] == [10.0] * (len(times) - 1)
        # One each ten seconds of 3,595: had the server's own, each seven seconds, been answered there would be 513 more.
        assert len(times) == 359
        assert client.events == []

    against(beating, story, certificate)


@pytest.mark.parametrize("patience", [USUAL, Patience(silence_s=20)])
def test_a_half_open_peer_is_found(certificate, patience):
    async def story(client: Client, peers: list[Peer]) -> None:
        reason = await client.connection.lost()
        assert asyncio.get_running_loop().time() == pytest.approx(patience.silence_s, abs=1)
        assert reason == f"nothing was heard for {patience.silence_s:g} s"

    against(read_nothing, story, certificate, patience)


def test_any_frame_is_a_sign_of_life(certificate):
    async def spots(peer: Peer) -> None:
        for _ in range(10):
            await asyncio.sleep(55)
            peer.send("ProtoOASpotEvent", ctidTraderAccountId=1, symbolId=1)
        await asyncio.sleep(3600)

    async def story(client: Client, peers: list[Peer]) -> None:
        await client.connection.lost()
        assert asyncio.get_running_loop().time() == pytest.approx(10 * 55 + 60, abs=1)

    against(spots, story, certificate)


def _refused_by(server_certificate, context, host="127.0.0.1") -> tuple[str, bytes]:
    """What a client says of a server it cannot trust, and all application data that the server got."""
    got = bytearray()

    async def play() -> str:
        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got.extend(await reader.read(-1))
            writer.close()

        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(server_certificate)
        server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=serving)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        try:
            await Connection.open(Endpoint(host, server.sockets[0].getsockname()[1], False), context, lambda *_: None)
        except NeverWritten as error:
            await asyncio.sleep(0.05)
            return str(error)
        finally:
            server.close()
        return "connected"

    return asyncio.run(play()), bytes(got)


def test_a_man_in_the_middle_with_a_certificate_of_his_own_gets_nothing(certificate, tmp_path):
    said, got = _refused_by(make_certificate(tmp_path), verifying_context(certificate))
    assert "has no certificate to be trusted" in said
    assert got == b""


def test_the_systems_authorities_vouch_for_nobody_here(certificate):
    said, got = _refused_by(certificate, verifying_context())
    assert "has no certificate to be trusted" in said
    assert got == b""


def test_a_trusted_certificate_for_another_host_is_refused(tmp_path):
    other = make_certificate(tmp_path, "127.0.0.2")
    said, got = _refused_by(other, verifying_context(other))
    assert "IP address mismatch" in said
    assert got == b""


def test_tls_that_checks_nothing_is_refused_before_a_socket_is_opened():
    careless = ssl.create_default_context()
    careless.check_hostname = False
    with pytest.raises(RefusedError, match="accepts any certificate"):
        asyncio.run(Connection.open(Endpoint("127.0.0.1", 1, False), careless, lambda *_: None))
    careless.verify_mode = ssl.CERT_NONE
    with pytest.raises(RefusedError, match="accepts any certificate"):
        asyncio.run(Connection.open(Endpoint("127.0.0.1", 1, False), careless, lambda *_: None))


def test_a_handshake_that_hangs_is_given_up(trusting):
    async def play() -> None:
        accepted: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(lambda _, writer: accepted.append(writer), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NeverWritten, match="did not answer within 15 s"):
            await Connection.open(Endpoint("127.0.0.1", port, False), trusting, lambda *_: None)
        assert asyncio.get_running_loop().time() == pytest.approx(15)
        accepted[0].transport.abort()
        server.close()
        await asyncio.sleep(1)

    run_in_virtual_time(play())


def test_nobody_there_is_said(trusting):
    async def play() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        with pytest.raises(NeverWritten, match=f"127.0.0.1:{port} cannot be reached"):
            await Connection.open(Endpoint("127.0.0.1", port, False), trusting, lambda *_: None)

    asyncio.run(play())
