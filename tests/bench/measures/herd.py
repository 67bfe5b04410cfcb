"""A large wheel that many clients want at once, from a mirror that does not have it yet."""

import asyncio
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from bench import data, machine
from bench.measure import Figure, Group, Measure, Subject
from bench.measures.files import path_of
from bench.servers.base import Running
from bench.servers.nginx import DOWNLOADS
from bench.servers.publishing import wait_until_answers

CLIENTS = 100
SIZE = "100 MB"
"""The large wheel of a full run; quick ones take `QUICK_SIZE`."""
QUICK_SIZE = "5 MB"
_BLOCK = 1024**2


class _Got(NamedTuple):
    bytes: int
    first: float
    """Seconds until the first byte."""


async def _get(running: Running, path: str, begun: float) -> _Got:
    place = urlsplit(running.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=_BLOCK)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise RuntimeError(f"GET {path}: {head[:200]!r}")
    found = len(await reader.read(_BLOCK))
    first = time.perf_counter() - begun
    while chunk := await reader.read(_BLOCK):
        found += len(chunk)
    writer.close()
    return _Got(found, first)


async def _all(running: Running, path: str) -> list[_Got]:
    begun = time.perf_counter()
    return await asyncio.gather(*(_get(running, path, begun) for _ in range(CLIENTS)))


def _herd(subject: Subject) -> dict[str, float]:
    size = SIZE if subject.effort.settled else QUICK_SIZE
    home = subject.folder()
    running = subject.server.start(home, subject.tree)
    try:
        path = _ready_path(running, size)
        machine.forget_peaks(running.pids)
        before, used = machine.resident_megabytes(running.pids), running.usage()
        begun = time.perf_counter()
        got = asyncio.run(_all(running, path))
        seconds = time.perf_counter() - begun
        peak = machine.peak_megabytes(running.pids)
        if short := [each for each in got if each.bytes < data.SIZES[size]]:
            raise RuntimeError(f"{len(short)} of {CLIENTS} clients did not get the whole file")
        transfers = sum(
            f"-{_version(size)}-py3-none-any.whl HTTP" in line
            for line in (home / DOWNLOADS).read_text().splitlines()
        )
        return {
            "seconds": seconds,
            "first": max(each.first for each in got) * 1e3,
            "transfers": transfers,
            "memory": peak - before,
            "cpu": running.usage().since(used).cpu_seconds,
        }
    finally:
        running.stop()


def _ready_path(running: Running, size: str) -> str:
    wait_until_answers(running, running.page(data.SIZED_PROJECT))
    return path_of(running, size)


def _version(size: str) -> str:
    return f"{list(data.SIZES).index(size) + 1}.0"


GROUP = Group(
    "herd",
    f"{CLIENTS} clients that want a wheel at once which a mirror does not have",
    "made",
    (
        Measure(
            "large",
            (
                Figure("seconds", "until all have it", "s", more_is_better=False),
                Figure("first", "the last client's first byte", "ms", more_is_better=False),
                Figure("transfers", "transfers from the upstream", "requests", more_is_better=False),
                Figure("memory", "additional memory", "MB", more_is_better=False),
                Figure("cpu", "server CPU", "s", more_is_better=False),
            ),
            _herd,
            most_rounds=1,
        ),
    ),
)
