"""The guard against requests that another web page could send: the 12 requests of the security study, and the port."""

import asyncio
import socket

import pytest

from fxgpt_core.errors import PortInUseError
from fxgpt_pipelines.web import Guard, allowed_hosts, require_free_port

HOSTS = allowed_hosts(3000)
JSON = "application/json"
EVIL = "http://evil.example"
MUTATION = b"query=mutation{wipeAssets}"


async def _page(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"page"})


async def _socket(scope, receive, send):
    await send({"type": "websocket.accept"})


def _answer(method="GET", path="/", query=b"", kind="http", **headers):
    sent = []

    async def receive():
        return {"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request", "body": b""}

    async def send(message):
        sent.append(message)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in ({"host": "127.0.0.1:3000"} | headers).items()]
    scope = {"type": kind, "method": method, "path": path, "query_string": query, "headers": raw}
    asyncio.run(Guard(_socket if kind == "websocket" else _page, HOSTS)(scope, receive, send))
    return sent[0].get("status", sent[0].get("code", sent[0]["type"])), sent[-1].get("body", b"").decode()


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"path": "/graphql", "query": MUTATION}, "GraphQL over GET is off"),
        ({"path": "/fx/graphql", "query": MUTATION}, "GraphQL over GET is off"),
        ({"path": "/", "host": "evil.example"}, "host not allowed"),
        ({"path": "/graphql", "method": "POST", "host": "evil.example", "content_type": JSON}, "host not allowed"),
        ({"path": "/graphql", "method": "POST", "origin": EVIL, "content_type": JSON}, "cross-origin"),
        ({"path": "/graphql", "method": "POST", "origin": "null", "content_type": JSON}, "cross-origin"),
        ({"path": "/graphql", "method": "POST", "content_type": "text/plain"}, "application/json"),
        ({"path": "/report_asset_materialization/training", "method": "POST"}, "external reports are off"),
        ({"path": "/report_asset_check/x", "method": "POST", "origin": EVIL}, "cross-origin"),
    ],
)
def test_what_another_page_can_send_is_refused_with_its_reason(request_, reason):
    status, body = _answer(**request_)
    assert status == 403
    assert reason in body


@pytest.mark.parametrize(
    "request_",
    [
        {"path": "/"},
        {"path": "/graphql", "method": "POST", "content_type": "application/json; charset=utf-8"},
        {"path": "/graphql", "method": "POST", "content_type": JSON, "origin": "http://localhost:3000", "host": "localhost:3000"},
    ],
)
def test_what_the_pages_own_requests_look_like_passes(request_):
    assert _answer(**request_) == (200, "page")


def test_a_web_socket_of_another_origin_is_closed_and_our_own_is_accepted():
    assert _answer(kind="websocket", path="/graphql", origin=EVIL)[0] == 4403
    assert _answer(kind="websocket", path="/graphql", origin="http://127.0.0.1:3000")[0] == "websocket.accept"


def test_a_port_in_use_is_named_and_ends_with_code_seven():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"port {port} on 127.0.0.1 is in use") as error:
            require_free_port("127.0.0.1", port)
    assert error.value.exit_code == 7


def test_the_name_of_dagster_webserver_that_the_guard_wraps_is_still_there():
    import dagster_webserver.cli as webserver

    assert callable(webserver.create_app_from_workspace_process_context)
    names = webserver.host_dagster_ui_with_workspace_process_context.__code__.co_names
    assert "create_app_from_workspace_process_context" in names
