"""The guarded Dagster web server: `python -m fxgpt_pipelines.web`.

The stock server lets any web page the user has open launch runs and forge materializations (no host, origin or method check).
The guard lets through only requests that a page of this very server, or a program on this machine, can have made.
"""

import argparse
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from fxgpt_core.errors import BadInputError, FxgptError, PortInUseError

HOST = "127.0.0.1"
PORT = 3000
LAST_PORT = 65_535
REFUSED = 403
WEBSOCKET_REFUSED = 4403

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """ASGI application around another: refuses with 403 (WebSocket: 4403) what another web page could have sent.

    `hosts`: the `host:port` texts under which this server may be addressed.
    """

    def __init__(self, application: Application, hosts: Sequence[str]) -> None:
        self._application = application
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer why not."""
        reason = self._objection(scope) if scope["type"] in ("http", "websocket") else None
        if reason is None:
            await self._application(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": WEBSOCKET_REFUSED})
        else:
            await send({"type": "http.response.start", "status": REFUSED, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": reason.encode()})

    def _objection(self, scope: Scope) -> str | None:
        headers = {name.decode("latin1").lower(): value.decode("latin1") for name, value in scope["headers"]}
        if headers.get("host", "") not in self._hosts:
            return "host not allowed"
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] not in self._hosts:
            return "cross-origin request"
        if scope["type"] == "websocket":
            return None
        if "/report_asset_" in scope["path"]:
            return "external reports are off"
        return _graphql_objection(scope, headers) if scope["path"].rstrip("/").endswith("/graphql") else None


def _graphql_objection(scope: Scope, headers: MutableMapping[str, str]) -> str | None:
    # A form or an image tag of another page can send GET, and POST of the three simple content types; JSON it cannot.
    if scope["method"] in ("GET", "HEAD") and b"query=" in scope["query_string"]:
        return "GraphQL over GET is off"
    if scope["method"] == "POST" and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return "GraphQL wants application/json"
    return None


def require_free_port(host: str, port: int) -> None:
    """Raises `PortInUseError` when another process listens there, `BadInputError` for a number that is no port."""
    if not 0 < port <= LAST_PORT:
        raise BadInputError(f"{port} is no port; allowed are 1 to {LAST_PORT}; choose one above 1023 with --port")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUseError(
                f"port {port} on {host} is in use ({error.strerror}); a free port is needed: stop the other process, or choose "
                "another one with --port"
            ) from error


def allowed_hosts(port: int) -> tuple[str, ...]:
    """The names under which a server on this machine's loopback is addressed."""
    return (f"{HOST}:{port}", f"localhost:{port}")


def serve(port: int, arguments: Sequence[str] = ()) -> None:
    """Run the guarded server on the loopback address until it is stopped. `arguments` go to dagster-webserver as they are."""
    require_free_port(HOST, port)
    from dagster_webserver import cli

    webserver: Any = cli
    # `create_app_from_workspace_process_context` is the one place where the stock server makes its application.
    make = webserver.create_app_from_workspace_process_context

    def guarded(*args: Any, **kwargs: Any) -> Guard:
        return Guard(make(*args, **kwargs), allowed_hosts(port))

    webserver.create_app_from_workspace_process_context = guarded
    sys.argv = ["dagster-webserver", "--host", HOST, "--port", str(port), *arguments]
    webserver.main()


def main() -> None:
    """`python -m fxgpt_pipelines.web [--port N] [arguments of dagster-webserver]`."""
    parser = argparse.ArgumentParser(prog="python -m fxgpt_pipelines.web", add_help=False, allow_abbrev=False)
    parser.add_argument("--port", type=int, default=PORT)
    given, arguments = parser.parse_known_args()
    try:
        serve(given.port, arguments or ["-m", "fxgpt_pipelines.definitions"])
    except FxgptError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(error.exit_code) from error


if __name__ == "__main__":
    main()
