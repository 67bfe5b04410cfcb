"""Requests in the fast lane: their clients, and groups of the same request, answered together."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from io import FileIO
from typing import Any, Protocol

from wheelyard_server.access.readable import ReadableProject
from wheelyard_server.settings import Listener
from wheelyard_server.web.front.fast_requests import RequestHeaders
from wheelyard_server.web.http import request_ids
from wheelyard_server.web.http.targets import Target
from wheelyard_server.web.pages.representation import ReadyAnswer

log = logging.getLogger(__name__)


class LaneClient(Protocol):
    """The connection of a request. It offers no other one until this one is answered or passed on."""

    listener: Listener
    """The listener that it came to."""
    path: str
    """The path at which clients of this listener know the index."""

    def sender(self, forwarded_for: str) -> str:
        """Return the client's address; `forwarded_for` is the X-Forwarded-For header, "" if there is none."""

    def send(self, head: bytes, body: bytes = b"", sender: str = "") -> None:
        """Send a whole answer, in one piece or in two. A separate `body` counts as unsent for the `sender`."""

    async def send_file(self, head: bytes, file: FileIO, size: int, began: Callable[[], None]) -> int:
        """Send a whole answer from the disk, and return how many bytes of the file there were.

        `began` is called once, after the first of them. Raises `ConnectionError` or `TimeoutError`
        if the client has gone. If the file is shorter than `size`, the connection is closed.
        """

    def pass_on(self, data: bytes) -> None:
        """Let aiohttp answer the request."""

    def cut(self, reason: str) -> None:
        """Close the connection at once."""


@dataclass(slots=True, eq=False)
class RequestGroup:
    """Requests of one turn of the event loop that differ only in their clients."""

    data: bytes
    target: Target
    headers: RequestHeaders
    listener: Listener
    path: str
    project: ReadableProject
    """As it was cached when the first of the requests came."""
    ready_answer: ReadyAnswer
    """The answer, if that project is still current."""
    began: float
    """When the first of the requests came, by `time.perf_counter`."""
    clients: list[LaneClient] = field(default_factory=list)

    def with_request_ids(self) -> Sequence[tuple[LaneClient, bytes]]:
        """Return the clients with the ids of their requests: those that they sent, or new ones."""
        sent = self.headers.request_id
        if sent is not None:
            return [(client, sent.encode()) for client in self.clients]
        return list(zip(self.clients, request_ids.fresh(len(self.clients)), strict=True))

    def pass_on(self) -> None:
        """Let aiohttp answer all the requests."""
        for client in self.clients:
            client.pass_on(self.data)


def count_clients(groups: Iterable[RequestGroup]) -> int:
    """Return how many requests the groups have together."""
    return sum(len(group.clients) for group in groups)


def cut_off(path: str, clients: Iterable[LaneClient], error: Exception) -> None:
    """Log an error of the lane, and cut the connections whose requests it leaves without an answer."""
    log.error("A request for %s was not answered", path, exc_info=error)
    for client in clients:
        client.cut("its request was not answered")


class RunningTasks:
    """Keeps tasks until they end: the event loop itself has only weak references to them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the work in a separate task."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
