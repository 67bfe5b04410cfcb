from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from wheelyard_operator.provision.servers import Answer, Servers

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
    ("answer", "expected"),
    [
        (b'{"usable": true, "loaded": 1}', Answer(usable=True, known_format=1)),
        (b'{"usable": true, "looked": 1, "failing": [], "stuck": []}', Answer(usable=True, known_format=1)),
        (b'{"usable": true, "stuck": ["following the access file"]}', Answer(usable=False, known_format=1)),
        (b'{"usable": false, "knownFormat": 2}', Answer(usable=False, known_format=2)),
        (b'{"usable": true, "knownFormat": true}', None),
        (b'{"usable": true, "knownFormat": 1.5}', None),
        (b'{"usable": true, "knownFormat": 0}', None),
        (b'{"usable": true, "knownFormat": 1000000}', None),
        (b'{"usable": "yes"}', None),
        (b"{}", None),
        (b"[]", None),
        (b"<html>", None),
    ],
)
def test_what_a_pod_answers(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, answer: bytes, expected: Answer | None
) -> None:
    monkeypatch.setattr(Handler, "answer", answer)
    assert Servers(server.server_port).ask({"status": {"podIP": "127.0.0.1"}}) == expected


@pytest.mark.parametrize("status", [{}, {"podIP": "127.0.0.1"}, {"podIP": "::1"}])
def test_a_pod_that_cannot_be_asked(status: dict[str, str]) -> None:
    assert Servers(1).ask({"status": status}) is None
