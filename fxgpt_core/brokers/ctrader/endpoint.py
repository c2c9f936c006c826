"""Where the venue is, and how it proves who it is: TLS with a verified certificate and host name, always."""

import socket
import ssl
import struct
from dataclasses import dataclass
from pathlib import Path

from fxgpt_core.errors import BadInputError, RefusedError

DEMO_HOST = "demo.ctraderapi.com"
LIVE_HOST = "live.ctraderapi.com"
PORT = 5035


@dataclass(frozen=True)
class Endpoint:
    """A host and port; `is_live` tells which accounts are reached there: the venue serves each kind on a host of its own."""

    host: str
    port: int
    is_live: bool

    def __str__(self) -> str:
        """As it is written: host:port."""
        return f"{self.host}:{self.port}"


def endpoint_for(is_live: bool, instead: str = "") -> Endpoint:
    """The venue's host of demo or live accounts, or `instead` of it another "host" or "host:port".

    Raises `BadInputError` for a port that is none.
    """
    if not instead:
        return Endpoint(LIVE_HOST if is_live else DEMO_HOST, PORT, is_live)
    host, _, port = instead.rpartition(":") if ":" in instead else (instead, "", str(PORT))
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise BadInputError(f"the host of cTrader is {instead!r}; write host or host:port, such as {DEMO_HOST}:{PORT}")
    return Endpoint(host, int(port), is_live)


def verifying_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """TLS that trusts the system's authorities, or those of `ca_file` alone; certificate and host name are checked.

    Raises `BadInputError` when the file holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise BadInputError(f"{ca_file} holds no certificate in PEM form ({error}); name the file of an authority") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def require_verifying(context: ssl.SSLContext) -> None:
    """Raise `RefusedError` for TLS that would take any certificate: client secret and tokens would go to whoever answers."""
    if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
        raise RefusedError("this TLS context accepts any certificate; make it with verifying_context(), which checks it")


def drop_what_is_not_taken(connected: socket.socket, after_s: float) -> None:
    """Let nothing arrive at the venue after we have given a connection up: an order that comes late is a new risk.

    Without this the system itself goes on trying to deliver what it holds, for minutes, though the connection is closed here.
    """
    # Closing throws away what was not acknowledged (the other side sees a reset), instead of delivering it in the background.
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Not every system has it; where it is missing, the watch over silence ends the connection later.
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(after_s * 1000))
