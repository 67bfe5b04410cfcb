"""A server that sends exactly the bytes that a test says, however wrong they are as HTTP."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto

JSON = "application/vnd.pypi.simple.v1+json"
_EMPTY: Mapping[str, str] = {}


class Then(Enum):
    """What follows the bytes."""

    KEEP = auto()
    CLOSE = auto()
    HANG = auto()
    """Nothing, and the connection stays open."""


@dataclass(frozen=True)
class Reply:
    """The bytes that answer one request."""

    data: bytes = b""
    then: Then = Then.KEEP


def reply(
    status: int = 200, body: bytes = b"", headers: Mapping[str, str] = _EMPTY, then: Then = Then.KEEP
) -> Reply:
    """Return a whole answer of HTTP; headers given replace its own."""
    named = {"Content-Length": str(len(body)), **headers}
    lines = [f"HTTP/1.1 {status} Reason", *(f"{name}: {value}" for name, value in named.items() if value)]
    return Reply("\r\n".join([*lines, "", ""]).encode("latin-1") + body, then)


def page(project: str = "demo", *, headers: Mapping[str, str] = _EMPTY, url: str = "demo-1.0.tar.gz") -> Reply:
    """Return a page with one file."""
    file = {"filename": f"{project}-1.0.tar.gz", "url": url, "hashes": {}}
    body = json.dumps({"meta": {"api-version": "1.0"}, "name": project, "files": [file]})
    return reply(200, body.encode(), {"Content-Type": JSON, **headers})


@dataclass
class Request:
    """One request, as it arrived."""

    head: str
    connection: int
    """Number of the connection, from 0."""
    address: str
    """The address of the server to which the client connected."""

    @property
    def target(self) -> str:
        """Return the target of the request line."""
        return self.head.split(" ", 2)[1]

    def header(self, name: str) -> str:
        """Return a header, "" if there is none."""
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return ""


Answer = Callable[[Request], Reply]


@dataclass
class ScriptedServer:
    """A server that runs."""

    answer: Answer
    port: int = 0
    scheme: str = "http"
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    watch: Callable[[object], object] = bool
    """Is given the certificate that each client shows, None if it shows none."""
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return the URL of its simple API."""
        return f"{self.scheme}://{self.host}/simple/"

    @property
    def host(self) -> str:
        """Return the host, with the port."""
        return f"127.0.0.1:{self.port}"

    @property
    def targets(self) -> list[str]:
        """Return the targets of all requests so far."""
        return [request.target for request in self.requests]

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection."""
        number, self.connections = self.connections, self.connections + 1
        self._writers.append(writer)
        if self.scheme == "https":
            self.watch(writer.get_extra_info("peercert") or None)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                self.requests.append(Request(head, number, writer.get_extra_info("sockname")[0]))
                sent = self.answer(self.requests[-1])
                writer.write(sent.data)
                await writer.drain()
                if sent.then is Then.HANG:
                    await reader.read()
                if sent.then is not Then.KEEP:
                    break
        writer.close()

    def close(self) -> None:
        """Close all connections."""
        for writer in self._writers:
            writer.close()


@asynccontextmanager
async def scripted(
    answer: Answer,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    watch: Callable[[object], object] = bool,
) -> AsyncIterator[ScriptedServer]:
    """Run a server on a free port of this machine."""
    made = ScriptedServer(answer, scheme="https" if tls else "http", watch=watch)
    server = await asyncio.start_server(made.connected, host, port, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made
        made.close()


def in_turn(*replies: Reply) -> Answer:
    """Answer with one after the other; the last one again and again."""
    left = list(replies)
    return lambda _request: left.pop(0) if len(left) > 1 else left[0]


def by_target(replies: Mapping[str, Reply]) -> Answer:
    """Answer by the target of the request, with 404 for any other."""
    return lambda request: replies.get(request.target, reply(404))
