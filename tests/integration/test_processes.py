"""Several processes that are one server."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import distributions
from support import server as real_server
from support.access import PUBLISHER
from support.patience import HANG_SECONDS, wait_until
from support.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Run two processes on a folder."""
    storage = {"folder": {"path": str(tmp_path / "data")}}
    started = real_server.start(tmp_path / "server", storage, more={"performance": {"processes": 2}})
    yield started
    if started.process.poll() is None:
        assert started.stop() == 0, started.log.read_text()


def children(server: Server) -> list[int]:
    listed = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(each) for each in listed.split()]


def is_running(pid: int) -> bool:
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def assert_ended(pids: list[int]) -> None:
    wait_until(lambda: not any(map(is_running, pids)))


def upload(server: Server, path: Path) -> None:
    url = f"{server.url}/legacy/"
    command = [sys.executable, "-m", "twine", "upload", "--repository-url", url, "-u", "__token__", "-p", PUBLISHER]
    subprocess.run([*command, path], check=True, capture_output=True)


def files_of(server: Server, _number: int = 0) -> int:
    with urllib.request.urlopen(f"{server.url}/simple/demo/") as answer:
        return int(answer.read().count(b"<a "))


def test_both_take_uploads_and_both_show_them_at_once(server: Server, tmp_path: Path) -> None:
    assert len(children(server)) == 2
    paths = [distributions.wheel(tmp_path, version=f"1.{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda path: upload(server, path), paths))
    # Each connection is new: the kernel gives it to either of them.
    assert {files_of(server, number) for number in range(30)} == {4}


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is no processor for each")
def test_each_has_processors_of_its_own(server: Server) -> None:
    one, other = (os.sched_getaffinity(pid) for pid in children(server))
    assert one | other == os.sched_getaffinity(0)
    assert not one & other


def test_a_process_that_dies_ends_the_others(server: Server) -> None:
    both = children(server)
    os.kill(both[0], signal.SIGKILL)
    assert server.process.wait(HANG_SECONDS) == 1
    assert_ended(both)


def test_no_process_survives_the_first(server: Server) -> None:
    both = children(server)
    server.process.kill()
    server.process.wait()
    assert_ended(both)


def test_the_reason_servers_do_not_serve_is_shown_in_a_line(tmp_path: Path) -> None:
    nowhere = "192.0.2.1:8080"
    options = ["--processes", "2", "--storage", f"file:{tmp_path}/data", "--listen", nowhere]
    command = [sys.executable, "-m", "wheelyard_server", "serve", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    assert done.returncode == 1
    assert "wheelyard: " in done.stderr
    assert "Traceback" not in done.stderr
