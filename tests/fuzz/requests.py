"""Damaged HTTP requests against the whole application, on a socket: `python -m fuzz.requests --seconds 60`.

Whatever comes in: no answer is a 500, nothing is logged that is a bug (a traceback, an error),
every connection comes to its end, no token is in the log, and a good request is answered
afterwards. A run is a seed: `--seed N` again sends the same bytes, but for the token.
"""

import argparse
import asyncio
import base64
import io
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from support import distributions
from support.access import ACCESS, PUBLISHER
from support.conversation import converse
from support.memory_storage import MemoryStorage
from support.serving import LimitedServer, send_raw, statuses
from wheelyard_server import app
from wheelyard_server.settings import Folder, Limits, Settings, StorageSettings
from wheelyard_server.web.http.lifecycle import LIFECYCLE
from wheelyard_server.web.routes import ROUTES
from wheelyard_server.web.telemetry.logs import LineFormatter

LIMITS = Limits(file_bytes=200_000, header_seconds=1, body_seconds=1)
AT_A_TIME = 100
PATIENT = 0.02
"""Share of clients that wait until the server ends the connection; the others go away when it is silent."""
_BASIC = base64.b64encode(f"__token__:{PUBLISHER}".encode())
_LOGIN = b"Authorization: Basic " + _BASIC + b"\r\n"
_ARCHIVE = b"PK\x03\x04"
_END = b"Connection: close\r\n\r\n"
_WORDS = (
    b"\r\n", b"\n", b"\r", b"\x00", b"\x1b[2J", b"%", b"%2F", b"%252e", b"..", b"//", b"\\", b"%0d%0a", b"?", b"#",
    b"\xff", b"\xc3\xa4", b"\xe2\x80\xae", b":", b" ", b"\t", b"0", b"-1", b"9" * 20, b"--", b"--bound", b";",
    b"--bound--\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n",
    b"Content-Encoding: gzip\r\n", b"Content-Transfer-Encoding: base64\r\n", b"Range: bytes=-0,5-1\r\n",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b'filename="a"; name*=utf-8\'\'%00', b"charset=nonsense",
    b"Accept: */*;q=nan\r\n", b"If-None-Match: ,W/\r\n", b"Host: b\r\n", b"X-Forwarded-Proto: x\r\n",
    PUBLISHER.encode(),
)  # fmt: skip


@dataclass
class Found:
    """One input and what it did."""

    request: bytes
    problem: str


def seeds(folder: Path) -> list[bytes]:
    """Return good requests for every route, and uploads with all that forms can have."""
    paths = {(route.method, route.path) for route in ROUTES if hasattr(route, "path")}
    plain = [_plain(method, path) for method, path in sorted(paths)]
    upload = _form(distributions.wheel(folder))
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (upload[:100], upload[100:])) + b"0\r\n\r\n"
    content_type = b"Content-Type: multipart/form-data; boundary=bound\r\n"
    head = b"POST /legacy/ HTTP/1.1\r\nHost: a\r\n" + _LOGIN + content_type
    return [
        *plain,
        *[head + b"Content-Length: %d\r\n" % len(upload) + _END + upload] * 10,
        *[head + b"Transfer-Encoding: chunked\r\n" + _END + chunked] * 10,
        head + b"Expect: 100-continue\r\nContent-Length: %d\r\n" % len(upload) + _END + upload,
    ]


def _plain(method: str, path: str) -> bytes:
    filled = path.format(project="demo", version="1.0", sha256="0" * 64, filename="demo-1.0-py3-none-any.whl")
    body = b'{"reason": "x", "status": "active"}'
    kind = b"Content-Type: application/json\r\nContent-Length: %d\r\nAccept: text/html;q=0.5, */*\r\n" % len(body)
    return f"{method} {filled}?q=x HTTP/1.1\r\nHost: a:80\r\n".encode() + _LOGIN + kind + _END + body


def _form(path: Path) -> bytes:
    fields = {":action": "file_upload", "name": "demo", "version": "1.0", "filetype": "bdist_wheel"}
    disposition = 'Content-Disposition: form-data; name="'
    parts = [f'--bound\r\n{disposition}{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    file = f'--bound\r\n{disposition}content"; filename="{path.name}"\r\n\r\n'.encode()
    return b"".join([*parts, file, path.read_bytes(), b"\r\n--bound--\r\n"])


def mutated(request: bytes, chance: random.Random) -> bytes:
    """Return a request with a few changes in its headers and form; archives have a fuzzer of their own."""
    changed = bytearray(request)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at = chance.randrange((changed.find(_ARCHIVE) + 1 or len(changed)) + 1)
        change: Callable[[bytearray, int, random.Random], None] = chance.choice((_insert, _remove, _flip, _repeat))
        change(changed, at, chance)
    return bytes(changed)


def _insert(request: bytearray, at: int, chance: random.Random) -> None:
    request[at:at] = chance.choice(_WORDS)


def _remove(request: bytearray, at: int, chance: random.Random) -> None:
    del request[at : at + chance.choice((1, 2, 10, 100, 10_000))]


def _flip(request: bytearray, at: int, chance: random.Random) -> None:
    request[at : at + 1] = bytes([chance.randrange(256)])


def _repeat(request: bytearray, at: int, chance: random.Random) -> None:
    piece = request[at : at + chance.choice((1, 20, 100))]
    request[at:at] = piece * chance.choice((1, 3, 200))


class Oracle:
    """Sends requests and keeps what must not be."""

    def __init__(self, server: LimitedServer, log: io.StringIO, chance: random.Random) -> None:
        self.answered: Counter[int] = Counter()
        self.found: list[Found] = []
        self._server = server
        self._log = log
        self._chance = chance

    async def send(self, requests: list[bytes]) -> None:
        """Send these at a time, then see whether the server is well."""
        self._log.seek(0)
        self._log.truncate()
        await asyncio.gather(*(self._send(each, patient=self._chance.random() < PATIENT) for each in requests))
        log = self._log.getvalue()
        everything = b"\n====\n".join(requests)
        for sign in ("Traceback", " ERROR ", PUBLISHER, _BASIC.decode()):
            if sign in log:
                self.found.append(Found(everything, f"{sign!r} is in the log:\n{_excerpt(log, sign)}"))
        health = await send_raw(self._server, b"GET /-/healthz HTTP/1.1\r\nHost: a\r\n" + _END)
        if statuses(health) != [200]:
            self.found.append(Found(everything, f"a good request got {health!r}"))

    async def _send(self, request: bytes, *, patient: bool) -> None:
        try:
            # The impatient go away once the server waits for them.
            sent = send_raw(self._server, request) if patient else converse(self._server, [request])
            answers = statuses(await sent)
        except TimeoutError:
            self.found.append(Found(request, "the connection did not end"))
            return
        self.answered.update(answers or [0])
        if any(status in (500, 504) for status in answers):
            self.found.append(Found(request, f"answered {answers}"))


def _excerpt(log: str, sign: str) -> str:
    at = log.index(sign)
    return log[max(0, at - 300) : at + 4000]


@asynccontextmanager
async def serving(folder: Path, chance: random.Random) -> AsyncIterator[Oracle]:
    """Run the application on a memory storage."""
    access_file = folder / "access.yaml"
    access_file.write_bytes(msgspec.yaml.encode(ACCESS))
    settings = Settings(
        storage=StorageSettings(folder=Folder(path=folder)),
        access_file=access_file,
        scratch_folder=folder / "s",
        limits=LIMITS,
    )
    application = app.build(settings, MemoryStorage())
    application[LIFECYCLE].started = True
    server, log = LimitedServer(application, LIMITS), io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    await server.start_server()
    yield Oracle(server, log, chance)
    await server.close()


async def fuzz(seconds: float, seed: int) -> int:
    """Send for so long; return the exit status."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        good = seeds(Path(folder))
        async with serving(Path(folder), chance) as oracle:
            await oracle.send(good)
            while time.monotonic() < end and not oracle.found:
                await oracle.send([mutated(chance.choice(good), chance) for _ in range(AT_A_TIME)])
    for each in oracle.found:
        sys.stdout.write(f"{each.problem}\n{each.request[:4000]!r}\n")
    summary = ", ".join(f"{status or 'cut'}: {count}" for status, count in sorted(oracle.answered.items()))
    sys.stdout.write(f"seed {seed}: {len(oracle.found)} problems; answers: {summary}\n")
    return 1 if oracle.found else 0


def main() -> None:
    """Fuzz from the command line."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.requests", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    arguments = parser.parse_args()
    sys.exit(asyncio.run(fuzz(arguments.seconds, arguments.seed)))


if __name__ == "__main__":
    main()
