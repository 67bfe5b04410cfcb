"""The fast lane: hot pages and files, answered from memory and from disk before aiohttp reads the request.

It takes what it recognises to the last byte: one whole GET or HEAD of what is ready, with headers that are
known to be harmless, by anonymous or with a token, on a connection where nothing else is going on. All else it
leaves to aiohttp as it came. What it answers is the same, byte for byte; rights, freshness, metrics and log too.
`performance.fastLane: false` takes it out of the way. `test_fast_lane.py` compares the two.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from io import FileIO
from typing import Any, Protocol

from aiohttp import web

from wheelyard_server.access.reloading import CurrentAccess
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.counts import Source
from wheelyard_server.catalog.documents import CachedDocument, ProjectView
from wheelyard_server.errors import StorageError
from wheelyard_server.model import File
from wheelyard_server.names import NormalizedName
from wheelyard_server.web.front.fast_requests import Asking, Recognition, Target
from wheelyard_server.web.front.unsent import Unsent
from wheelyard_server.web.handlers.files import prepared as prepared_file
from wheelyard_server.web.http import request_ids
from wheelyard_server.web.http.headers import is_among, tail
from wheelyard_server.web.http.lifecycle import Lifecycle
from wheelyard_server.web.pages.representation import CACHE_STATUS, Prepared, cache_status
from wheelyard_server.web.pages.simple_pages import ProjectPages
from wheelyard_server.web.telemetry.logs import REQUEST, RequestLog
from wheelyard_server.web.telemetry.metrics import Metrics
from wheelyard_server.web.telemetry.sampling import Sampling

log = logging.getLogger(__name__)

_END = b"\r\n\r\n"
"""Of the headers."""
_WRITTEN_AT_ONCE = 64 * 1024
"""Up to here, to copy a body behind its head is quicker than to send two pieces."""

_GATHERINGS = 16
"""Of two turns of the event loop each: so long those who wait are kept waiting for others, at most."""


class Client(Protocol):
    """The connection that a request came by. It brings no other one before this one is answered or passed on."""

    is_outside: bool
    """It came to the external listener."""

    def sender(self, forwarded: str) -> str:
        """Return the address of whoever asks; `forwarded` is X-Forwarded-For, "" where there is none."""

    def send(self, head: bytes, body: bytes = b"", sender: str = "") -> None:
        """Send a whole answer, in one piece or in two. A `body` of its own is counted for the `sender`."""

    async def send_file(self, head: bytes, file: FileIO, size: int) -> int:
        """Send a whole answer from the disk, and return how many bytes of the file there were.

        Raises `ConnectionError` or `TimeoutError` if the client has gone. A part of a file closes the connection.
        """

    def pass_on(self, data: bytes) -> None:
        """Let aiohttp answer."""

    def cut(self, reason: str) -> None:
        """Close the connection at once."""


@dataclass(slots=True, eq=False)
class _Group:
    """Requests of one turn of the event loop that differ in nothing but their clients."""

    data: bytes
    target: Target
    asking: Asking
    outside: bool
    cached: CachedDocument
    """The project as it was known when the first of them came."""
    prepared: Prepared
    """The answer, if that is current."""
    began: float
    clients: list[Client] = field(default_factory=list)

    def named(self) -> Sequence[tuple[Client, bytes]]:
        """Return the clients with the ids of their requests: what they say themselves, if they do."""
        said, count = self.asking.request_id, len(self.clients)
        ids = request_ids.fresh(count) if said is None else [said.encode()] * count
        return list(zip(self.clients, ids, strict=True))


@dataclass(eq=False)
class FastLane:
    """Answers what is hot."""

    catalog: Catalog
    access: CurrentAccess
    pages: ProjectPages
    lifecycle: Lifecycle
    metrics: Metrics
    log: RequestLog
    header_bytes: int
    """What the settings allow: a longer request is for aiohttp to refuse."""
    unsent: Unsent
    sampling: Sampling | None = None
    """Which requests are traced, and so go aiohttp's way; None traces none."""
    _recognition: Recognition = field(init=False)
    _turn: dict[tuple[Target, Asking, bool], _Group] = field(default_factory=dict, init=False)
    """What came in this turn of the event loop."""
    _last: _Group | None = field(default=None, init=False)
    """That of the request before, in the same turn: most who come together want the same."""
    _waiting: dict[NormalizedName, list[_Group]] = field(default_factory=dict, init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _second: int = field(default=0, init=False)
    _tail: bytes = field(default=b"", init=False)
    """Of answers in this second."""

    def __post_init__(self) -> None:
        self._recognition = Recognition(self.header_bytes)

    def takes(self, client: Client, data: bytes) -> bool:
        """Answer the request that is all of `data` soon; False: it is not for this lane."""
        group = self._last
        if group is None or data != group.data or client.is_outside != group.outside:
            group = self._group(data, client.is_outside)
        if group is None or (self.sampling and self.sampling.holds_back(client, group.asking.traceparent)):
            return False
        if not group.clients:
            if not self._turn:
                asyncio.get_running_loop().call_soon(self._end_turn)
            self._turn[group.target, group.asking, group.outside] = group
        self._last = group
        group.clients.append(client)
        return True

    def _group(self, data: bytes, outside: bool) -> _Group | None:  # noqa: FBT001
        """Return the group of a request, or a new one if the answer is ready; None: it is not for this lane."""
        recognised = self._recognition.of(data)
        if recognised is None:
            return None
        target, asking = recognised
        group = self._turn.get((target, asking, outside))
        if group is not None:
            return group
        cached = self.catalog.cached_project(target.project)
        if cached is None or cached.view is None or self.lifecycle.reason is not None:
            return None
        prepared = self._prepared(target, asking, cached.view, outside=outside)
        return prepared and _Group(data, target, asking, outside, cached, prepared, time.perf_counter())

    def _end_turn(self) -> None:
        """Answer what came, by one look for each group: it is later than all its requests."""
        groups, self._turn, self._last = self._turn, {}, None
        for group in groups.values():
            try:
                if self.catalog.is_fresh(group.cached):
                    self.catalog.counts.page_reads += len(group.clients)
                    self._answer(group, group.prepared)
                else:
                    self._wait(group)
            except Exception as error:  # noqa: BLE001 - it is logged there
                _failed(group.target.path, group.clients, error)

    def _prepared(self, target: Target, asking: Asking, view: ProjectView, *, outside: bool) -> Prepared | None:
        """Return the answer if the sender may have it and it is ready."""
        if not asking.may_read(self.access.access, target.project, outside=outside):
            return None
        if target.filename:
            return prepared_file(self.catalog, view, target, asking, is_outside=outside)
        page = self.pages.ready(view, asking.media_type, asking.encoding)
        if page is None:
            return None
        unchanged = asking.if_none_match != "" and is_among(page.etag(asking.encoding), asking.if_none_match)
        return page.prepared(asking.encoding, unchanged=unchanged)

    def _answer(self, group: _Group, prepared: Prepared, stale_seconds: float | None = None) -> None:
        target = group.target
        status, head, body = prepared
        if target.method == "HEAD":
            body = b""
        if stale_seconds is not None and not target.filename:
            head += f"{CACHE_STATUS}: {cache_status(stale_seconds)}\r\n".encode()
        head += self._tail_at(time.time())
        answered = group.named()
        if isinstance(body, File):
            for client, request_id in answered:
                self._start(self._send_file(group, client, request_id, head, body))
            return
        if len(body) > _WRITTEN_AT_ONCE:
            answered = [each for each in answered if self._send_large(group, *each, head, body)]
        else:
            for client, request_id in answered:
                client.send(b"".join((head, request_id, _END, body)))
        if status == HTTPStatus.FOUND:
            self.catalog.counts.file_reads[Source.REDIRECT] += len(group.clients)
        elif body and target.filename:
            self.catalog.counts.file_reads[Source.MEMORY] += len(group.clients)
        self._record(group, answered, status, len(head), len(body))

    def _send_large(self, group: _Group, client: Client, request_id: bytes, head: bytes, body: bytes) -> bool:
        """Send it, or leave it to aiohttp's way to refuse: so much waits for this client already."""
        sender = client.sender(group.asking.forwarded)
        if not self.unsent.has_room(sender, body):
            client.pass_on(group.data)
            return False
        client.send(b"".join((head, request_id, _END)), body, sender)
        return True

    async def _send_file(self, group: _Group, client: Client, request_id: bytes, head: bytes, file: File) -> None:
        path, sent = group.target.path, 0
        with self.lifecycle.running():
            try:
                opened = await self._opened(group.target.project, file)
                if opened is None:
                    client.pass_on(group.data)
                    return
                # Where the client has gone there is nobody to tell.
                with opened, suppress(ConnectionError, TimeoutError):
                    sent = await client.send_file(b"".join((head, request_id, _END)), opened, file.size)
                    if sent < file.size:
                        log.error("%s was cut off: the file became shorter while it was sent", path)
            except Exception as error:  # noqa: BLE001 - it is logged there
                _failed(path, [client], error)
        self._record(group, [(client, request_id)], HTTPStatus.OK, len(head), sent)

    async def _opened(self, project: NormalizedName, file: File) -> FileIO | None:
        """Open a file that was at hand; None: it was lost or changed since."""
        try:
            content = await self.catalog.open(project, file, 0, file.size)
        except StorageError:
            return None  # aiohttp's way meets it as well, and tells.
        return content if isinstance(content, FileIO) else None

    def _record(
        self,
        group: _Group,
        answered: Sequence[tuple[Client, bytes]],
        status: HTTPStatus,
        head_size: int,
        body_size: int,
    ) -> None:
        """Count answers of the same size that have been sent, and log them."""
        target, asking, count = group.target, group.asking, len(answered)
        seconds = time.perf_counter() - group.began
        self.metrics.answered(target.route, target.method, status, seconds, count)
        self.metrics.exchanged(asking.family, body_size, count=count)
        self.metrics.authenticated(asking.method, "accepted", count)
        if self.log.enabled:
            now, size = time.time(), head_size + body_size
            for client, request_id in answered:
                sender = client.sender(asking.forwarded)
                told = (sender, target.method, target.path, status, size + len(request_id) + len(_END), seconds)
                self.log.log(now, request_id.decode(), REQUEST % told)

    def _tail_at(self, now: float) -> bytes:
        if int(now) != self._second:
            self._second, self._tail = int(now), tail(now)
        return self._tail

    def _wait(self, group: _Group) -> None:
        """Answer once the project is known to be current; all who wait for the same share the question."""
        name = group.target.project
        others = self._waiting.get(name)
        if others is not None:
            others.append(group)
            return
        self._waiting[name] = [group]
        self._start(self._answer_waiting(name))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_waiting(self, name: NormalizedName) -> None:
        with self.lifecycle.running():
            try:
                while waiting := self._waiting[name]:
                    # Whoever comes from here on waits for the next: an answer is never older than its request.
                    self._waiting[name] = []
                    await self._answer_all(name, waiting)
                    await self._gathered(name, _clients(waiting))
            finally:
                del self._waiting[name]

    async def _gathered(self, name: NormalizedName, answered: int) -> None:
        """Return when as many have come for a project as have just been answered, or no more come.

        Who was quick has asked again meanwhile, and shares one question with those who wait already: in the first
        turn that is read, at the end of the next it waits.
        """
        before = first = _clients(self._waiting[name])
        for _ in range(_GATHERINGS):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            waiting = _clients(self._waiting[name])
            if waiting == before or waiting - first >= answered:
                return
            before = waiting

    async def _answer_all(self, name: NormalizedName, groups: Sequence[_Group]) -> None:
        self.catalog.counts.page_reads += _clients(groups) - 1
        view = await self._current(name)
        for group in groups:
            try:
                self._answer_or_pass_on(group, view)
            except Exception as error:  # noqa: BLE001 - it is logged there
                _failed(group.target.path, group.clients, error)

    async def _current(self, name: NormalizedName) -> ProjectView | None:
        try:
            return await self.catalog.revalidated_project(name)
        except Exception:  # noqa: BLE001 - whatever it is, aiohttp's way meets it as well, and tells
            return None

    def _answer_or_pass_on(self, group: _Group, view: ProjectView | None) -> None:
        prepared = None
        if view is not None and self.lifecycle.reason is None:
            prepared = self._prepared(group.target, group.asking, view, outside=group.outside)
        if view is None or prepared is None:
            for client in group.clients:
                client.pass_on(group.data)
        else:
            self._answer(group, prepared, view.stale_seconds)


LANE = web.AppKey("lane", FastLane)


def _clients(groups: Iterable[_Group]) -> int:
    return sum(len(group.clients) for group in groups)


def _failed(path: str, clients: Iterable[Client], error: Exception) -> None:
    """Leave nobody waiting for an answer that a fault of ours prevents."""
    log.error("A request for %s was not answered", path, exc_info=error)
    for client in clients:
        client.cut("its request was not answered")
