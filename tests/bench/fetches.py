"""What the fetch log costs next to a download: `python -m bench.fetches`.

A real server sends a file again and again to clients that ask at the same time, and its processor
time for one download is compared with that of counting one. The ratio is what counts: at most 1 %
is wanted. Writing the rows is measured, too: once a minute, whatever the number of downloads.
"""

import asyncio
import os
import socket
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

from support import distributions, server
from support.catalogs import upload
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.fetches.counting import Counted, FetchCounter
from wheelyard_server.catalog.fetches.encoding import SegmentHeader, encoded_segment
from wheelyard_server.catalog.fetches.rows import Login
from wheelyard_server.sliced import at_once
from wheelyard_server.storage.folder import FolderStorage

CLIENTS = 32
DOWNLOADS = 6_400
COUNTED = 100_000
ROWS = 1_000
WANTED = 0.01
_TICKS = os.sysconf("SC_CLK_TCK")
_LOGIN = Login("team.ann", "token")


def seconds(call: Callable[[], object]) -> float:
    """Return the least processor time of a call."""
    found = []
    for _ in range(5):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)


def counting(clients: int) -> float:
    """Return the seconds of counting one download, if so many clients of an address ask at the same time."""
    counter, address = FetchCounter(time.time), "192.0.2.7"
    name, filename, digest, version = "demo", "demo-1.0-py3-none-any.whl", "a" * 64, "1.0"

    def count() -> None:
        # As the fast lane does it: see `AnswerSender` and `ReadableCatalog`.
        for _ in range(COUNTED // clients):
            addresses: dict[str, int] = {}
            for _ in range(clients):
                addresses[address] = addresses.get(address, 0) + 1
            for each, number in addresses.items():
                counter.count_whole((name, filename, digest, version), _LOGIN, each, "pip", number)

    return seconds(count) / COUNTED


def writing() -> float:
    """Return the seconds of encoding what was counted in a minute."""
    counter = FetchCounter(time.time)
    for number in range(ROWS):
        file = ("demo", f"demo-{number}.0-py3-none-any.whl", f"{number:064}", f"{number}.0")
        counter.count(file, _LOGIN, "192.0.2.7", "pip")
    rows = counter.take().rows
    return seconds(lambda: at_once(encoded_segment(SegmentHeader(written=0), Counted(rows))))


def downloading(folder: Path, size: int, clients: int) -> float:
    """Return the seconds of processor time that the server takes for one download of a file."""
    storage = {"folder": {"path": str(folder / "data")}}
    path = distributions.wheel(folder, "demo", module=os.urandom(size // 2).hex())
    _publish(folder / "data", path)
    target = f"/files/demo/{sha256(path.read_bytes()).hexdigest()}/{path.name}"
    size = path.stat().st_size
    with server.running(folder, storage) as running:
        address = urlsplit(running.url)
        sockets = [socket.create_connection((address.hostname, address.port)) for _ in range(clients)]
        request = f"GET {target} HTTP/1.1\r\nHost: a\r\nUser-Agent: pip/26\r\n\r\n".encode()
        _rounds(sockets, request, size, 20)
        before = _cpu_seconds(running.process.pid)
        rounds = DOWNLOADS // clients
        _rounds(sockets, request, size, rounds)
        used = _cpu_seconds(running.process.pid) - before
        for each in sockets:
            each.close()
    return used / (rounds * clients)


def _publish(folder: Path, path: Path) -> None:
    asyncio.run(Catalog(FolderStorage(folder)).publish(upload(path)))


def _rounds(sockets: list[socket.socket], request: bytes, size: int, rounds: int) -> None:
    for _ in range(rounds):
        for each in sockets:
            each.sendall(request)
        for each in sockets:
            _read_answer(each, size)


def _read_answer(connection: socket.socket, size: int) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1 << 20)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    missing = size - len(body)
    while missing:
        missing -= len(connection.recv(min(missing, 1 << 20)))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def main() -> None:
    """Print the table."""
    alone, together, written = counting(1), counting(CLIENTS), writing()
    print(  # noqa: T201
        f"counting a download: {alone * 1e9:.0f} ns alone, {together * 1e9:.0f} ns of {CLIENTS} together;"
        f" writing {ROWS} rows: {written * 1e3:.1f} ms a minute"
    )
    print(f"{'size of the file':24}{'clients':>8}{'us a download':>16}{'ratio':>10}")  # noqa: T201
    sizes = (("20 kB, from memory", 20_000), ("1 MB, by sendfile", 1_000_000))
    for (title, size), (clients, counted) in product(sizes, ((1, alone), (CLIENTS, together))):
        with tempfile.TemporaryDirectory() as folder:
            took = downloading(Path(folder), size, clients)
        ratio = counted / took
        verdict = "" if ratio <= WANTED else f"  more than {WANTED:.0%}"
        print(f"{title:24}{clients:>8}{took * 1e6:>16.1f}{ratio:>10.2%}{verdict}")  # noqa: T201


if __name__ == "__main__":
    main()
