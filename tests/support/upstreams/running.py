"""A running upstream: two servers on 127.0.0.1, in threads of this process, with faults and a log."""

import gzip
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from support.upstreams.faults import Fault
from support.upstreams.kind import Kind
from support.upstreams.kinds import KINDS
from support.upstreams.messages import Answer, Host, Request
from support.upstreams.stock import Stock, sample

_BLOCK = 64 * 1024
_BODILESS = {204, 304}


class Seen(NamedTuple):
    """A request in the log."""

    request: Request
    status: int
    """0 if the connection was closed instead."""

    @property
    def line(self) -> str:
        """Return `GET /path?query`."""
        return self.request.line


class Upstream:
    """A kind of index that runs, and what tests do to it."""

    def __init__(self, kind: Kind, context: ssl.SSLContext | None, host: str, ports: tuple[int, int]) -> None:
        self.kind = kind
        self.scheme = "https" if context else "http"
        self.log: list[Seen] = []
        self.faults: list[Fault] = []
        self.transfers = 0
        """Bodies that are being sent now."""
        self.most_transfers = 0
        self.errors: list[BaseException] = []
        """Faults of the servers themselves."""
        self._counting = threading.Lock()
        self._healed = threading.Event()
        self._servers = {
            each: _Server(self, each, context, (host, port)) for each, port in zip(Host, ports, strict=True)
        }

    @property
    def stock(self) -> Stock:
        return self.kind.stock

    @property
    def url(self) -> str:
        """Return the URL of its simple API, without a login."""
        return self.origin(Host.INDEX) + self.kind.root

    @property
    def login_url(self) -> str:
        """Return the same URL with its login in it, if it needs one."""
        if not self.kind.user:
            return self.url
        return self.url.replace("://", f"://{self.kind.user}:{self.kind.password}@")

    @property
    def hosts(self) -> list[str]:
        """Return both hosts, as `host:port`."""
        return [self.origin(each).partition("://")[2] for each in Host]

    def origin(self, host: Host, name: str = "127.0.0.1") -> str:
        """Return scheme, host and port."""
        return f"{self.scheme}://{name}:{self._servers[host].server_address[1]}"

    def fail(self, fault: Fault, path: str = "") -> Fault:
        """Let a fault hit all requests whose `GET /path` begins like this regular expression."""
        fault.path = path or fault.path
        self.faults.append(fault)
        return fault

    def heal(self) -> None:
        """Remove all faults; what is stalled goes on."""
        self.faults.clear()
        self._healed.set()
        self._healed = threading.Event()

    def requests(self, beginning: str = "") -> list[str]:
        """Return the requests so far that begin like this, such as `GET /simple/`."""
        return [seen.line for seen in self.log if seen.line.startswith(beginning)]

    def pages(self, project: str = "") -> list[Seen]:
        """Return the requests so far for the pages of a project, or of all."""
        return [seen for seen in self.log if seen.line.startswith(f"GET {self.kind.root}{project}")]

    def start(self) -> None:
        """Accept connections."""
        for server in self._servers.values():
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Close everything: what is asked afterwards is refused."""
        self.heal()
        for server in self._servers.values():
            server.shutdown()
            server.server_close()
            server.cut()
        if self.errors:
            raise self.errors[0]

    def respond(self, handler: "_Handler", request: Request) -> None:
        """Answer a request, with the faults that hit it."""
        answer = self.kind.answer(request).for_request(request)
        fault = next((each for each in list(self.faults) if each.takes(request.line)), None)
        if fault is None:
            self._log(request, answer.status)
            handler.send(_compressed(answer, request))
            return
        healed = self._healed
        if fault.delay:
            time.sleep(fault.delay)
        if fault.closes:
            self._log(request, 0)
            handler.drop()
            return
        changed = _with(fault, answer)
        self._log(request, changed.status)
        handler.send(changed, fault, healed)

    def count_transfers(self, change: int) -> None:
        """Count the bodies that are being sent."""
        with self._counting:
            self.transfers += change
            self.most_transfers = max(self.most_transfers, self.transfers)

    def _log(self, request: Request, status: int) -> None:
        self.log.append(Seen(request, status))


def _with(fault: Fault, answer: Answer) -> Answer:
    status = fault.status or answer.status
    body = (fault.body or b"") if fault.status else answer.body
    headers = {} if fault.status else dict(answer.headers)
    named = {name: value for name, value in {**headers, **fault.headers}.items() if value}
    return Answer(status, fault.change(body) if fault.change else body, named)


def _compressed(answer: Answer, request: Request) -> Answer:
    """Return a page as a CDN sends it to those who accept gzip: its ETag is weak."""
    is_page = answer.status == 200 and not answer.has_ranges and "ETag" in answer.headers
    if not is_page or "gzip" not in request.header("Accept-Encoding"):
        return answer
    headers = {**answer.headers, "Content-Encoding": "gzip", "ETag": f"W/{answer.headers['ETag']}"}
    return Answer(200, gzip.compress(answer.body, 1), headers)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(
        self, upstream: Upstream, host: Host, context: ssl.SSLContext | None, address: tuple[str, int]
    ) -> None:
        self.upstream, self.host, self.context = upstream, host, context
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Begin TLS in the connection's own thread."""
        tunneled = self.context.wrap_socket(request, server_side=True) if self.context else request
        self._open.add(tunneled)
        try:
            super().finish_request(tunneled, client_address)
        finally:
            self._open.discard(tunneled)
            if self.context:
                tunneled.close()

    def cut(self) -> None:
        """Close all connections: clients keep them for their next requests."""
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as in the base class
        """Remember a fault of these servers; clients may go away."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.upstream.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        upstream = self.server.upstream
        name = self.headers.get("Host", "127.0.0.1").rpartition(":")[0] or "127.0.0.1"
        origins = {each: upstream.origin(each, name) for each in Host}
        request = Request(self.command, self.server.host, self.path, dict(self.headers.items()), origins)
        upstream.respond(self, request)

    do_HEAD = do_GET  # noqa: N815 - as the base class wants it

    def drop(self) -> None:
        """Close the connection."""
        self.close_connection = True

    def send(self, answer: Answer, fault: Fault | None = None, healed: threading.Event | None = None) -> None:
        """Send an answer, of which a fault keeps a part back."""
        self.send_response(answer.status, HTTPStatus(answer.status).phrase)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in _BODILESS:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD" and answer.status not in _BODILESS:
            with self._transfer():
                self._send_body(answer.body, fault, healed)

    def _send_body(self, body: bytes, fault: Fault | None, healed: threading.Event | None) -> None:
        end = len(body)
        if fault and fault.cuts_at is not None:
            end, self.close_connection = min(end, fault.cuts_at), True
        pause = fault.stalls_at if fault and fault.stalls_at is not None else end
        for start, stop in ((0, min(pause, end)), (min(pause, end), end)):
            for position in range(start, stop, _BLOCK):
                self.wfile.write(body[position : min(position + _BLOCK, stop)])
                if fault and fault.slowness:
                    time.sleep(fault.slowness)
            if healed and stop == pause < end:
                healed.wait()

    @contextmanager
    def _transfer(self) -> Iterator[None]:
        upstream = self.server.upstream
        upstream.count_transfers(1)
        try:
            with suppress(OSError):
                yield
        finally:
            upstream.count_transfers(-1)

    def version_string(self) -> str:
        """Return the product."""
        return self.server.upstream.kind.name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base class
        """Say nothing: the upstream has its own log."""


def make(
    kind: str,
    stock: Stock | None = None,
    *,
    context: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    ports: tuple[int, int] = (0, 0),
) -> Upstream:
    """Return an upstream that does not run yet, with the sample's packages or others."""
    return Upstream(KINDS[kind](stock if stock is not None else sample()), context, host, ports)


@contextmanager
def upstream(
    kind: str = "pypi", stock: Stock | None = None, *, context: ssl.SSLContext | None = None
) -> Iterator[Upstream]:
    """Run an upstream for as long as a block takes."""
    made = make(kind, stock, context=context)
    made.start()
    try:
        yield made
    finally:
        made.stop()
