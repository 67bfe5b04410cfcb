from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from wheelyard_operator.provision.servers import Servers

if TYPE_CHECKING:
    from collections.abc import Iterator


class Handler(BaseHTTPRequestHandler):
    answer = b""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/access" else 404)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "usable"),
    [
        (b'{"usable": true, "loaded": 1}', True),
        (b'{"usable": true, "looked": 1, "failing": [], "stuck": []}', True),
        (b'{"usable": true, "looked": 1, "failing": [], "stuck": ["following the access file"]}', False),
        (b'{"usable": false}', False),
        (b'{"usable": "yes"}', None),
        (b"{}", None),
        (b"[]", None),
        (b"<html>", None),
    ],
)
def test_what_a_pod_answers(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, answer: bytes, *, usable: bool | None
) -> None:
    monkeypatch.setattr(Handler, "answer", answer)
    assert Servers(server.server_port).can_use_access_file({"status": {"podIP": "127.0.0.1"}}) is usable


@pytest.mark.parametrize("status", [{}, {"podIP": "127.0.0.1"}, {"podIP": "::1"}])
def test_a_pod_that_cannot_be_asked(status: dict[str, str]) -> None:
    assert Servers(1).can_use_access_file({"status": status}) is None
