"""Storage in memory that can fail on purpose. It passes the same contract as the real ones."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Self

from wheelyard_server.errors import (
    ObjectNotFoundError,
    ObjectUnchangedError,
    PreconditionFailedError,
    StorageUnavailableError,
)
from wheelyard_server.storage import Document, ETag, Listed, Server

HANG_SECONDS = 0.002


class Fault(Enum):
    """What can go wrong with one call."""

    LOST_REQUEST = "the call has no effect and raises"
    LOST_ANSWER = "the call has its effect and raises"
    LOST_ANSWER_THEN_CONFLICT = (
        "the call has its effect, is retried by the client library, and conflicts with itself"
    )
    CONFLICT = "a conditional write has no effect and conflicts, without another writer: S3's 409"
    HANG_THEN_LOST_REQUEST = "nothing happens for long, then as LOST_REQUEST"
    HANG_THEN_LOST_ANSWER = "nothing happens for long, then as LOST_ANSWER"
    TRUNCATED_BODY = "a read returns the first half; a stream ends early, which the seam says raises"
    WRONG_BODY = "a read or a stream returns as many other bytes"


_HANGS = {
    Fault.HANG_THEN_LOST_REQUEST: Fault.LOST_REQUEST,
    Fault.HANG_THEN_LOST_ANSWER: Fault.LOST_ANSWER,
}


class MemoryStorage:
    """Objects in a dictionary. `fail_at(n, fault)` makes the n-th call from now fail, counted from 1.

    A fault that means nothing to a call (a conflict of a read, a damaged body of a write) leaves it
    alone.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.cuts: list[tuple[str, ...]] = []
        """Where each listing might have been cut."""
        self.calls: list[str] = []
        self.server: Server | None = None
        self.before_call: Callable[[str, str], None] | None = None
        """Is given the name of the method and the key; may change the objects: another replica at work."""
        self.before_chunk: Callable[[int], Awaitable[None]] | None = None
        """Is given the position of a chunk of a stream that is about to come; may wait, or raise."""
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.modified: dict[str, datetime] = {}
        """When an object was written, where that is not `now`."""
        self._failing = range(0)
        self._fault = Fault.LOST_REQUEST

    def on_server(self, server: Server) -> Self:
        """Let this server decide on conditional writes, as S3 does; without, they are this program's own."""
        self.server = server
        return self

    def fail_at(self, call: int, fault: Fault, times: int = 1) -> None:
        """Let a run of calls fail; the first of them is the one given."""
        first = len(self.calls) + call
        self._failing = range(first, first + times)
        self._fault = fault

    def recover(self) -> None:
        """Let no more calls fail."""
        self._failing = range(0)

    async def read(self, key: str, *, if_none_match: ETag | None = None) -> Document:
        fault = await self._called("read", key)
        if fault in (Fault.LOST_REQUEST, Fault.LOST_ANSWER):
            raise StorageUnavailableError(key, "made to fail")
        body = self._get(key)
        if etag_of(body) == if_none_match:
            raise ObjectUnchangedError(key)
        return Document(_damaged(body, fault), etag_of(body))

    async def is_unchanged(self, key: str, etag: ETag) -> bool:
        return (
            await self._called("is_unchanged", key) is None
            and key in self.objects
            and etag_of(self.objects[key]) == etag
        )

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        fault = await self._called("write", key)
        if fault is Fault.LOST_REQUEST:
            raise StorageUnavailableError(key, "made to fail")
        current = self.objects.get(key)
        if (etag_of(current) if current is not None else None) != expected or fault is Fault.CONFLICT:
            raise PreconditionFailedError(key)
        self.objects[key] = body
        if fault is Fault.LOST_ANSWER:
            raise StorageUnavailableError(key, "made to fail")
        if fault is Fault.LOST_ANSWER_THEN_CONFLICT:
            raise PreconditionFailedError(key)
        return etag_of(body)

    async def store(self, objects: Mapping[str, Path | bytes]) -> None:
        await all_of(self._store(*each) for each in objects.items())

    async def commit(
        self, objects: Mapping[str, Path | bytes], key: str, body: Callable[[], bytes], *, expected: ETag | None
    ) -> ETag:
        await self.store(objects)
        return await self.write(key, body(), expected=expected)

    async def _store(self, key: str, source: Path | bytes) -> None:
        fault = await self._called("store", key)
        if fault is not Fault.LOST_REQUEST:
            self.objects[key] = source if isinstance(source, bytes) else source.read_bytes()
        if fault in (Fault.LOST_REQUEST, Fault.LOST_ANSWER):
            raise StorageUnavailableError(key, "made to fail")

    async def open(self, key: str, start: int, end: int, *, is_whole: bool = False) -> AsyncIterator[bytes]:
        fault = await self._called("open", key)
        if fault in (Fault.LOST_REQUEST, Fault.LOST_ANSWER):
            raise StorageUnavailableError(key, "made to fail")
        body = self._get(key)
        expected = -1 if is_whole and len(body) > end else end - start
        return self._chunks(key, _damaged(body[start:end], fault), expected)

    async def list(self, folder: str, *, cuts: Sequence[str] = ()) -> AsyncIterator[Listed]:
        self.cuts.append(tuple(cuts))
        if await self._called("list", folder) in (Fault.LOST_REQUEST, Fault.LOST_ANSWER):
            raise StorageUnavailableError(folder, "made to fail")
        for key, body in sorted(self.objects.items()):
            if key.startswith(folder):
                yield Listed(key, etag_of(body), len(body), self.modified.get(key, self.now))

    async def remote_server(self) -> Server | None:
        return self.server

    async def delete(self, key: str) -> None:
        fault = await self._called("delete", key)
        if fault is not Fault.LOST_REQUEST:
            self.objects.pop(key, None)
        if fault in (Fault.LOST_REQUEST, Fault.LOST_ANSWER):
            raise StorageUnavailableError(key, "made to fail")

    async def _called(self, method: str, key: str) -> Fault | None:
        """Return the fault that this call has, once any hanging is over."""
        self.calls.append(f"{method} {key}")
        number = len(self.calls)
        if self.before_call is not None:
            self.before_call(method, key)
        fault = self._fault if number in self._failing else None
        if fault in _HANGS:
            await asyncio.sleep(HANG_SECONDS)
            return _HANGS[fault]
        return fault

    def _get(self, key: str) -> bytes:
        if key not in self.objects:
            raise ObjectNotFoundError(key)
        return self.objects[key]

    async def _chunks(self, key: str, body: bytes, expected: int) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            if self.before_chunk is not None:
                await self.before_chunk(start)
            yield body[start : start + 1000]
        if len(body) != expected:
            raise StorageUnavailableError(key, "too short")


def _damaged(body: bytes, fault: Fault | None) -> bytes:
    if fault is Fault.TRUNCATED_BODY:
        return body[: len(body) // 2]
    return body[::-1] if fault is Fault.WRONG_BODY else body


async def all_of(calls: Iterable[Awaitable[None]]) -> None:
    """Let all calls come to their end before the first error of theirs is raised."""
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def etag_of(body: bytes) -> ETag:
    return ETag(hashlib.sha256(body).hexdigest())
