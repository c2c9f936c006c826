"""A TLS server that does what a test writes down, and notes what it was sent; certificates made for the test."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.endpoint import Endpoint
from fxgpt_core.brokers.ctrader.framing import abort, framed, read_frame


def make_certificate(folder: Path, address: str = "127.0.0.1") -> Path:
    """A self-signed certificate with its key in one file, good for one IP address; whoever trusts the file trusts the server."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scripted")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"server-{address}.pem"
    path.write_bytes(secret + pem)
    return path


@dataclass
class Peer:
    """One connection as the server sees it; `received` are the messages read so far, heartbeats apart."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    received: list[protocol.Envelope] = field(default_factory=list)
    heartbeats: list[float] = field(default_factory=list)

    async def read(self) -> protocol.Envelope:
        """The next message that is no heartbeat."""
        while True:
            envelope = protocol.decode(await read_frame(self.reader))
            if envelope.name != "ProtoHeartbeatEvent":
                self.received.append(envelope)
                return envelope
            self.heartbeats.append(asyncio.get_running_loop().time())

    def send(self, name: str, client_msg_id: str = "", **fields: Any) -> None:
        """Send a message."""
        self.writer.write(framed(protocol.encode(protocol.new(name, **fields), client_msg_id)))

    def drop(self) -> None:
        """End the connection at once."""
        abort(self.writer)


NOWHERE = Endpoint("127.0.0.1", 0, False)
Script = Callable[[Peer], Awaitable[None]]


@dataclass
class ScriptedServer:
    """Plays `script` for every connection, then drops it."""

    script: Script
    peers: list[Peer] = field(default_factory=list)
    endpoint: Endpoint = NOWHERE
    context: ssl.SSLContext | None = None
    listening: asyncio.Server | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def names(self) -> list[str]:
        """Names of all messages received, over all connections."""
        return [envelope.name for peer in self.peers for envelope in peer.received]

    async def listen(self) -> None:
        """Accept connections: on the port it had before, else on a free one."""
        port = self.endpoint.port
        self.listening = await asyncio.start_server(self._accept, "127.0.0.1", port, ssl=self.context)
        self.endpoint = Endpoint("127.0.0.1", self.listening.sockets[0].getsockname()[1], self.endpoint.is_live)

    def go_away(self) -> None:
        """Refuse new connections and drop those that are there."""
        assert self.listening is not None
        self.listening.close()
        for peer in self.peers:
            peer.drop()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self.serve(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        peer = Peer(reader, writer)
        self.peers.append(peer)
        try:
            await self.script(peer)
        except (asyncio.IncompleteReadError, OSError):
            # The client has gone: that is how most scripts end.
            return
        finally:
            peer.drop()


@asynccontextmanager
async def scripted(script: Script, certificate: Path, is_live: bool = False) -> AsyncIterator[ScriptedServer]:
    """A server on a free port of 127.0.0.1 for the time of the block."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    playing = ScriptedServer(script, endpoint=Endpoint("127.0.0.1", 0, is_live), context=context)
    await playing.listen()
    try:
        yield playing
    finally:
        playing.go_away()
        for task in playing.tasks:
            task.cancel()
        await asyncio.gather(*playing.tasks, return_exceptions=True)
