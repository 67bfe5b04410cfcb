"""The real server as a process of its own."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import msgspec
import pytest

from cluster.versitygw import free_port
from support.access import ACCESS
from support.patience import HANG_SECONDS
from wheelyard_server.access.access_file import AccessFile

ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).parent.parent)}
"""So that programs of the tests themselves can be started as well."""


@dataclass
class Server:
    """A running `wheelyard serve`."""

    process: subprocess.Popen[bytes]
    url: str
    access_file: Path
    log: Path
    external_url: str
    metrics_url: str

    def url_of(self, token: str) -> str:
        """Return the URL with credentials in it."""
        return self.url.replace("http://", f"http://__token__:{token}@")

    def requests(self) -> list[tuple[str, int]]:
        """Return all requests so far (`GET /simple/`), and how they were answered, from its log."""
        # The server has one thread: what it answered before this, it has logged by then.
        urllib.request.urlopen(f"{self.url}/-/healthz").close()
        logged = re.findall(r'"(\S+ \S+)" (\d+) ', self.log.read_text())
        # Probes that failed are of the time before the server was ready.
        return [(request, int(status)) for request, status in logged if "/-/" not in request]

    def statuses(self, beginning: str) -> list[int]:
        """Return how all requests so far that begin like this (`GET /files/`) were answered."""
        return [status for request, status in self.requests() if request.startswith(beginning)]

    def stop(self) -> int:
        """Stop it as Kubernetes would and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(HANG_SECONDS)


MAX_PROCESSES = 2
"""Each process of a server has a metrics port: the first one's, and those that follow it."""

StartServer = Callable[[str], Server]


SERVE = ("wheelyard_server", "serve", "--config")


@contextmanager
def running(home: Path, storage: object, access: AccessFile = ACCESS) -> Iterator[Server]:
    """Run a server for as long as a block takes."""
    server = start(home, storage, access=access)
    yield server
    assert server.stop() == 0, server.log.read_text()


def start(
    home: Path,
    storage: object,
    program: Sequence[str] = SERVE,
    *point: str,
    access: AccessFile = ACCESS,
    more: Mapping[str, object] = MappingProxyType({}),
) -> Server:
    """Start a server, or a program that is given the same settings; one of the same home comes after it.

    `more` settings are added to those that all have, or replace them; `listeners` are all three, in
    this order.
    """
    home.mkdir(exist_ok=True)
    port, external_port, metrics_port = free_port(), free_port(), free_port(following=MAX_PROCESSES - 1)
    access_file, config, log = home / "access.yaml", home / "index.yaml", home / "log"
    access_file.write_bytes(msgspec.yaml.encode(access))
    settings: dict[str, object] = {
        "index": "packages/main",
        "storage": storage,
        "listeners": {
            "cluster": {"host": "127.0.0.1", "port": port},
            "external": {"host": "127.0.0.1", "port": external_port},
            "metrics": {"host": "127.0.0.1", "port": metrics_port},
        },
        "accessFile": str(access_file),
        "scratchFolder": str(home / "scratch"),
        "cache": {"folder": str(home / "cache")},
        "shutdown": {"drainSeconds": 0.2, "graceSeconds": 20},
        **more,
    }
    config.write_bytes(msgspec.yaml.encode(settings))
    command = [sys.executable, "-m", *program, str(config), *point]
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=ENVIRONMENT | os.environ)
    listeners: dict[str, dict[str, object]] = settings["listeners"]  # type: ignore[assignment]
    url, external_url, metrics_url = (f"http://127.0.0.1:{each['port']}" for each in listeners.values())
    server = Server(process, url, access_file, log, external_url, metrics_url)
    wait_until_ready(server)
    return server


def wait_until_ready(server: Server) -> None:
    """Wait until the server takes requests; its log explains if it does not."""
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.url}/-/readyz", timeout=HANG_SECONDS):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    pytest.fail(f"the server did not become ready:\n{server.log.read_text()}")
