import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from wheelyard_operator.policy_states import FileState
from wheelyard_operator.provision.server_probe import Answer, ServerProbe
from wheelyard_operator.upstream_states import UpstreamsAnswer, UpstreamState


class Handler(BaseHTTPRequestHandler):
    answer = b""

    def do_GET(self) -> None:
        self.send_response(200 if self.path in {"/access", "/upstreams"} else 404)
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
        (
            b'{"usable": true, "sessions": null}',
            Answer(usable=True, known_format=1, sessions=FileState("", True, "")),
        ),
        (
            b'{"usable": true, "sessions": {"revision": "9f", "usable": false, "error": "no\\u001b keys"}}',
            Answer(usable=True, known_format=1, sessions=FileState("9f", False, "no  keys")),
        ),
        (b'{"usable": true, "sessions": "9f"}', None),
        (b'{"usable": true, "knownFormat": true}', None),
        (b'{"usable": true, "knownFormat": 1.5}', None),
        (b'{"usable": true, "knownFormat": 0}', None),
        (b'{"usable": true, "knownFormat": 1000000}', None),
        (b'{"usable": "yes"}', None),
        (b"{}", None),
        (b"[]", None),
        (b"<html>", None),
        (b"[" * 10_000, None),
    ],
)
def test_an_answer_of_a_pod_is_parsed_or_ignored(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, answer: bytes, expected: Answer | None
) -> None:
    monkeypatch.setattr(Handler, "answer", answer)
    assert ServerProbe(server.server_port).ask({"status": {"podIP": "127.0.0.1"}}) == expected


@pytest.mark.parametrize("status", [{}, {"podIP": "127.0.0.1"}, {"podIP": "::1"}])
def test_a_pod_that_cannot_be_asked(status: dict[str, str]) -> None:
    assert ServerProbe(1).ask({"status": status}) is None


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_pod_that_answers_byte_by_byte_is_cut_off(beginning: bytes) -> None:
    """It would take a thread of the operator for hours."""
    left = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(beginning)
            while not left.wait(0.05):
                connection.sendall(b"1")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=[listener], daemon=True)
        thread.start()
        answer: list[Answer | None] = []
        asking = threading.Thread(
            target=lambda: answer.append(
                ServerProbe(listener.getsockname()[1]).ask({"status": {"podIP": "127.0.0.1"}})
            ),
            daemon=True,
        )
        asking.start()
        asking.join(60)
        still_asks = asking.is_alive()
        left.set()
        thread.join()
    assert (still_asks, answer) == (False, [None])


STATE = (
    b'{"name": "pypi", "reachable": false, "since": 1.5, "reason": "timed\\u001b[31m out",'
    b' "conflicts": 2, "ownersChanged": 4}'
)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            b'{"upstreams": [%s], "mirroredBytes": 5, "unkept": 3, "new": 1}' % STATE,
            UpstreamsAnswer((UpstreamState("pypi", False, 1.5, "timed [31m out", 2, 4),), 3),
        ),
        (b'{"upstreams": [], "unkept": 0}', UpstreamsAnswer((), 0)),
        (b'{"upstreams": [%s]}' % STATE, None),
        (b'{"upstreams": {}, "unkept": 0}', None),
        (b'{"upstreams": ["pypi"], "unkept": 0}', None),
        (b'{"upstreams": [], "unkept": -1}', None),
        (b'{"upstreams": [], "unkept": true}', None),
        (b'{"upstreams": [%s], "unkept": 0}' % STATE.replace(b"1.5", b"1e300"), None),
        (b'{"upstreams": [%s], "unkept": 0}' % STATE.replace(b"1.5", b"NaN"), None),
        (b'{"upstreams": [%s], "unkept": 0}' % STATE.replace(b"1.5", b'"now"'), None),
        (b'{"upstreams": [%s], "unkept": 0}' % STATE.replace(b"false", b"0"), None),
        (b"[]", None),
    ],
)
def test_what_a_pod_says_about_upstreams_is_parsed_or_ignored(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, answer: bytes, expected: UpstreamsAnswer | None
) -> None:
    monkeypatch.setattr(Handler, "answer", answer)
    assert ServerProbe(server.server_port).ask_upstreams({"status": {"podIP": "127.0.0.1"}}) == expected


def test_a_pod_cannot_report_more_upstreams_than_an_index_has(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handler, "answer", b'{"upstreams": [%s], "unkept": 0}' % b",".join([STATE] * 100))
    found = ServerProbe(server.server_port).ask_upstreams({"status": {"podIP": "127.0.0.1"}})
    assert found is not None
    assert len(found.upstreams) == 16


def test_the_longest_reasons_of_all_upstreams_are_read(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = STATE.replace(b"timed", b"\\u00e4" * 495)
    monkeypatch.setattr(Handler, "answer", b'{"upstreams": [%s], "unkept": 0}' % b",".join([longest] * 16))
    assert ServerProbe(server.server_port).ask_upstreams({"status": {"podIP": "127.0.0.1"}}) is not None
