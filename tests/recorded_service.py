"""A web service on loopback that answers from recordings, and fails where it is told to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Answer:
    """One answer; `drop` closes the connection after `keep` bytes of the body (of none, before the status line)."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    keep: int = 0


@dataclass(frozen=True)
class Request:
    """What was asked: the path without its query, the query's single values, the headers in lower case."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass
class RecordedService:
    """`answer` gives what a request gets, None for 404; the `faults` are given first, one to each request."""

    answer: Callable[[Request], Answer | bytes | None]
    faults: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    url: str = ""


@contextmanager
def running(service: RecordedService) -> Iterator[RecordedService]:
    """The service on a free port of 127.0.0.1, its address in `url`, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(address.query, keep_blank_values=True).items()}
            request = Request(address.path, query, {name.lower(): value for name, value in self.headers.items()})
            service.requests.append(request)
            given = service.faults.pop(0) if service.faults else service.answer(request)
            self._send(given if isinstance(given, Answer) else Answer(status=404) if given is None else Answer(given))

        def _send(self, answer: Answer) -> None:
            self.close_connection = True
            if answer.drop and not answer.keep:
                return
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), "Connection": "close", **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body[: answer.keep] if answer.drop else answer.body)

        def log_message(self, *_: object) -> None:
            """Nothing: the requests are kept."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
