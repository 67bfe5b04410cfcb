"""Few cheap requests: how long they keep the event loop from everybody else, and what they make the server hold."""

import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from bench import data, machine
from bench.measure import Figure, Group, Measure, Subject
from bench.servers.base import NotOffered, Running
from bench.web import HTML, JSON

UNREAD = 20
"""Requests whose answers are not read."""
_LIST = ",".join(["a/b;q=0.1"] * 800)
_WORDS = "+".join("abcdefghij")
_PATIENCE_SECONDS = 30


def _requests(running: Running) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield paths and headers: what is large or new to the server comes once, since then it is ready."""
    for accept in (HTML, JSON):
        for encoding in ("identity", "gzip", "zstd"):
            yield running.page(""), {"Accept": accept, "Accept_Encoding": encoding}
            yield running.page(data.BIG_PROJECT), {"Accept": accept, "Accept_Encoding": encoding}
    yield f"/legacy/+simple/{data.BIG_PROJECT}/", {}
    for number in range(5):
        yield f"/pypi/{data.BIG_PROJECT}/json", {"Host": f"{number}.example", "Accept_Encoding": "gzip"}
        yield f"/api/v1/projects?q={_WORDS}", {}
        yield f"/api/v1/projects?q={'a+' * 4000}", {}
        yield f"/api/v1/projects/{data.BIG_PROJECT}", {}
        yield running.page(data.PAGE_PROJECT), {"Accept": _LIST, "X_Forwarded_For": _LIST, "If_None_Match": _LIST}


def _gap(running: Running, file: Path) -> float:
    """Return the longest gap since the last call, in milliseconds."""
    file.unlink(missing_ok=True)
    os.kill(running.pids[0], signal.SIGUSR1)
    end = time.monotonic() + _PATIENCE_SECONDS
    while not file.exists():
        if time.monotonic() > end:
            raise TimeoutError("the event loop does not come to tell")
        time.sleep(0.01)
    return float(file.read_text())


def _stalls(subject: Subject) -> dict[str, float]:
    with subject.fresh(subject.tree) as running:
        if running.gap is None:
            raise NotOffered("it has no ticker")
        with running.client() as client:
            # A document is decoded as a whole when it is new, and the first list of all reads each
            # of them: what is measured is the work for requests.
            client.get(running.page(""))
            client.get(f"/api/v1/projects/{data.BIG_PROJECT}?limit=1")
            _gap(running, running.gap)
            for path, headers in _requests(running):
                client.send("GET", path, None, **headers)  # Some are refused.
        gap = _gap(running, running.gap)
        return {"gap": gap, "held": _held(running)}


def _held(running: Running) -> float:
    """Return by how many MB the server grows while its answers are not read."""
    before = machine.resident_megabytes(running.pids)
    with ExitStack() as stack:
        for number in range(UNREAD):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((urlsplit(running.url).hostname, urlsplit(running.url).port))
            path = f"/api/v1/projects/{data.BIG_PROJECT}" if number % 2 else f"/pypi/{data.BIG_PROJECT}/json"
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: 0.example\r\n\r\n".encode())
            client.recv(1)
        return machine.resident_megabytes(running.pids) - before


GROUP = Group(
    "stalls",
    "Few cheap requests",
    "made",
    (
        Measure(
            "cheap",
            (
                Figure("gap", "longest gap of a 1 ms ticker in the event loop", "ms", more_is_better=False),
                Figure("held", f"memory for {UNREAD} unread answers", "MB", more_is_better=False),
            ),
            _stalls,
        ),
    ),
)
