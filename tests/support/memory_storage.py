"""Storage in memory that can fail on purpose. It passes the same contract as the real ones."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from wheelyard_server.errors import (
    ObjectNotFoundError,
    ObjectUnchangedError,
    PreconditionFailedError,
    StorageUnavailableError,
)
from wheelyard_server.storage import Document, ETag, Listed


class Fault(Enum):
    """What can go wrong with one call."""

    LOST_REQUEST = "the call has no effect and raises"
    LOST_ANSWER = "the call has its effect and raises"
    LOST_ANSWER_THEN_CONFLICT = (
        "the call has its effect, is retried by the client library, and conflicts with itself"
    )


class MemoryStorage:
    """Objects in a dictionary. `fail_at(n, fault)` makes the n-th call from now fail, counted from 1."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.before_call: Callable[[str, str], None] | None = None
        """Is given the name of the method and the key; may change the objects: another replica at work."""
        self.before_chunk: Callable[[int], Awaitable[None]] | None = None
        """Is given the position of a chunk of a stream that is about to come; may wait, or raise."""
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.modified: dict[str, datetime] = {}
        """When an object was written, where that is not `now`."""
        self._fail_at = 0
        self._fault = Fault.LOST_REQUEST

    def fail_at(self, call: int, fault: Fault) -> None:
        self._fail_at = len(self.calls) + call
        self._fault = fault

    async def read(self, key: str, *, known: ETag | None = None) -> Document:
        with_fault = self._called("read", key)
        if with_fault is not None:
            raise StorageUnavailableError(key, "made to fail")
        body = self._get(key)
        if _etag(body) == known:
            raise ObjectUnchangedError(key)
        return Document(body, _etag(body))

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        fault = self._called("write", key)
        if fault is Fault.LOST_REQUEST:
            raise StorageUnavailableError(key, "made to fail")
        current = self.objects.get(key)
        if (_etag(current) if current is not None else None) != expected:
            raise PreconditionFailedError(key)
        self.objects[key] = body
        if fault is Fault.LOST_ANSWER:
            raise StorageUnavailableError(key, "made to fail")
        if fault is Fault.LOST_ANSWER_THEN_CONFLICT:
            raise PreconditionFailedError(key)
        return _etag(body)

    async def store(self, key: str, source: Path | bytes) -> None:
        fault = self._called("store", key)
        if fault is not Fault.LOST_REQUEST:
            self.objects[key] = source if isinstance(source, bytes) else source.read_bytes()
        if fault is not None:
            raise StorageUnavailableError(key, "made to fail")

    async def open(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        if self._called("open", key) is not None:
            raise StorageUnavailableError(key, "made to fail")
        return self._chunks(key, self._get(key)[start:end], end - start)

    def path(self, key: str) -> Path | None:  # noqa: ARG002 - the seam's
        return None

    async def list(self, folder: str) -> AsyncIterator[Listed]:
        if self._called("list", folder) is not None:
            raise StorageUnavailableError(folder, "made to fail")
        for key, body in sorted(self.objects.items()):
            if key.startswith(folder):
                yield Listed(key, _etag(body), len(body), self.modified.get(key, self.now))

    async def delete(self, key: str) -> None:
        fault = self._called("delete", key)
        if fault is not Fault.LOST_REQUEST:
            self.objects.pop(key, None)
        if fault is not None:
            raise StorageUnavailableError(key, "made to fail")

    def _called(self, method: str, key: str) -> Fault | None:
        self.calls.append(f"{method} {key}")
        if self.before_call is not None:
            self.before_call(method, key)
        return self._fault if len(self.calls) == self._fail_at else None

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


def _etag(body: bytes) -> ETag:
    return ETag(hashlib.sha256(body).hexdigest())
