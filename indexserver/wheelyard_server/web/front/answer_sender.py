"""Sends the fast lane's answers: from memory at once, from disk by `sendfile`."""

import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from io import FileIO

from wheelyard_server.access.readable import ReadableCatalog
from wheelyard_server.catalog.counts import Source
from wheelyard_server.errors import StorageError
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.names import NormalizedName
from wheelyard_server.web.front.request_groups import LaneClient, RequestGroup, RunningTasks, cut_off
from wheelyard_server.web.front.request_recorder import RequestRecorder
from wheelyard_server.web.front.unsent import Unsent
from wheelyard_server.web.http.cache_status import Caveat, with_caveat
from wheelyard_server.web.http.headers import END_OF_HEADERS, tail
from wheelyard_server.web.http.lifecycle import Lifecycle
from wheelyard_server.web.pages.representation import ReadyAnswer

log = logging.getLogger(__name__)

_FOUND = HTTPStatus.FOUND  # Python 3.11 takes a while to look up a member.
MAX_COPIED_BYTES = 64 * 1024
"""A body up to this size is copied behind its head: that is quicker than to send two pieces."""


class AnswerSender:
    """Sends ready answers to the clients of a group, and has them recorded."""

    def __init__(
        self, catalog: ReadableCatalog, lifecycle: Lifecycle, unsent: Unsent, recorder: RequestRecorder
    ) -> None:
        self._catalog = catalog
        self._lifecycle = lifecycle
        self._unsent = unsent
        self._recorder = recorder
        self._tasks = RunningTasks()
        self._second = 0
        self._tail = b""
        """The end of the headers of all answers in this second."""

    def send(self, group: RequestGroup, answer: ReadyAnswer, caveat: Caveat = None) -> None:
        """Send an answer to all clients of a group; `caveat` is None if it was here and current."""
        status, head, body, fetched = answer
        if group.target.method == "HEAD":
            body, fetched = b"", None
        if caveat is not None and not group.target.filename:
            head = with_caveat(head, caveat)
        head += self._tail_at(time.time())
        answered = group.with_request_ids()
        if not isinstance(body, bytes):
            for client, request_id in answered:
                self._tasks.start(self._send_file(group, client, request_id, head, body))
            return
        if len(body) > MAX_COPIED_BYTES:
            answered = [each for each in answered if self._send_large(group, *each, head, body)]
        else:
            for client, request_id in answered:
                client.send(b"".join((head, request_id, END_OF_HEADERS, body)))
        self._count_reads(group, answer, body)
        if fetched is not None and (body or status is _FOUND):
            self._record_fetches(group, (client for client, _ in answered), fetched)
        self._recorder.record(group, answered, status, len(head), len(body))

    def _count_reads(self, group: RequestGroup, answer: ReadyAnswer, body: bytes) -> None:
        if answer.status is _FOUND:
            self._catalog.counts.file_reads[Source.REDIRECT] += len(group.clients)
        elif body and group.target.filename:
            self._catalog.counts.file_reads[Source.MEMORY] += len(group.clients)

    def _record_fetches(
        self, group: RequestGroup, clients: Iterable[LaneClient], file: File | MirroredFile
    ) -> None:
        headers = group.headers
        addresses: dict[str, int] = {}
        for client in clients:
            address = client.sender(headers.forwarded_for)
            addresses[address] = addresses.get(address, 0) + 1
        self._catalog.record_fetches(group.target.project, file, headers.reader, addresses, headers.client_family)

    def _send_large(
        self, group: RequestGroup, client: LaneClient, request_id: bytes, head: bytes, body: bytes
    ) -> bool:
        """Send a body, or let aiohttp's way refuse the request if too much is unsent for this client already."""
        sender = client.sender(group.headers.forwarded_for)
        if not self._unsent.has_room(sender, body):
            client.pass_on(group.data)
            return False
        client.send(b"".join((head, request_id, END_OF_HEADERS)), body, sender)
        return True

    async def _send_file(
        self, group: RequestGroup, client: LaneClient, request_id: bytes, head: bytes, file: File | MirroredFile
    ) -> None:
        path, sent, size = group.target.path, 0, file.size or 0
        with self._lifecycle.running():
            try:
                opened = await self._open(group.target.project, file)
                if opened is None:
                    client.pass_on(group.data)
                    return
                # If the client has gone, there is nothing left to do.
                with opened, suppress(ConnectionError, TimeoutError):
                    whole_head = b"".join((head, request_id, END_OF_HEADERS))
                    began = partial(self._record_fetches, group, (client,), file)
                    sent = await client.send_file(whole_head, opened, size, began)
                    if sent < size:
                        log.error("%s was cut off: the file became shorter while it was sent", path)
            except Exception as error:  # noqa: BLE001 - it is logged there
                cut_off(path, [client], error)
        self._recorder.record(group, [(client, request_id)], HTTPStatus.OK, len(head), sent)

    async def _open(self, project: NormalizedName, file: File | MirroredFile) -> FileIO | None:
        """Open a file on this machine; None if it was lost or changed since it was found there."""
        try:
            content = await self._catalog.open(project, file)
        except StorageError:
            return None  # aiohttp's way meets the same error, and answers and logs it.
        return content if isinstance(content, FileIO) else None

    def _tail_at(self, now: float) -> bytes:
        if int(now) != self._second:
            self._second, self._tail = int(now), tail(now)
        return self._tail
