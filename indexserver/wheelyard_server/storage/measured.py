"""A storage that records the outcome and duration of each call, for metrics and traces."""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path

from wheelyard_server import spans
from wheelyard_server.errors import (
    ObjectNotFoundError,
    ObjectUnchangedError,
    PreconditionFailedError,
    StorageError,
)
from wheelyard_server.storage import (
    CheapChecks,
    Document,
    ETag,
    Listed,
    Server,
    Storage,
    cheap_checks,
    local_paths,
)

OUTCOME = "wheelyard.storage.outcome"
"""Attribute of a call's span."""


class StorageOutcome(StrEnum):
    """How a call ended."""

    DONE = "done"
    MISSING = "missing"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    UNAVAILABLE = "unavailable"


_OUTCOMES: dict[type[StorageError], StorageOutcome] = {
    ObjectNotFoundError: StorageOutcome.MISSING,
    ObjectUnchangedError: StorageOutcome.UNCHANGED,
    PreconditionFailedError: StorageOutcome.CONFLICT,
}

Record = Callable[[str, StorageOutcome, float], None]
"""Is called with the operation, its outcome and its duration in seconds."""


class MeasuredStorage:
    """Passes everything on to another storage, and has the same capabilities.

    A call that its caller gives up before the end is not recorded.
    """

    def __init__(self, storage: Storage, record: Record) -> None:
        self._storage = storage
        self._record = record
        if (local := local_paths(storage)) is not None:
            # These cost less than measuring them would, so they are not measured.
            self.path, self.fingerprint = local.path, local.fingerprint
        if (checks := cheap_checks(storage)) is not None:
            self.is_unchanged = partial(self._is_unchanged, checks)

    async def read(self, key: str, *, if_none_match: ETag | None = None) -> Document:
        """See `Storage.read`."""
        with self._measured("read"):
            return await self._storage.read(key, if_none_match=if_none_match)

    async def _is_unchanged(self, checks: CheapChecks, key: str, etag: ETag) -> bool:
        """See `CheapChecks.is_unchanged`. It is recorded as the read that it saves."""
        start = time.perf_counter()
        is_unchanged = await checks.is_unchanged(key, etag)
        if is_unchanged:
            self._record("read", StorageOutcome.UNCHANGED, time.perf_counter() - start)
        return is_unchanged

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        """See `Storage.write`."""
        with self._measured("write"):
            return await self._storage.write(key, body, expected=expected)

    async def store(self, objects: Mapping[str, Path | bytes]) -> None:
        """See `Storage.store`."""
        with self._measured("store"):
            await self._storage.store(objects)

    async def commit(
        self, objects: Mapping[str, Path | bytes], key: str, body: Callable[[], bytes], *, expected: ETag | None
    ) -> ETag:
        """See `Storage.commit`."""
        with self._measured("commit"):
            return await self._storage.commit(objects, key, body, expected=expected)

    async def open(self, key: str, start: int, end: int, *, is_whole: bool = False) -> AsyncIterator[bytes]:
        """See `Storage.open`. The stream that follows is an operation of its own."""
        with self._measured("open"):
            chunks = await self._storage.open(key, start, end, is_whole=is_whole)
        return self._streamed(chunks)

    async def list(self, folder: str, *, cuts: Sequence[str] = ()) -> AsyncIterator[Listed]:
        """See `Storage.list`."""
        with self._measured("list"):
            async for listed in self._storage.list(folder, cuts=cuts):
                yield listed

    async def delete(self, key: str) -> None:
        """See `Storage.delete`."""
        with self._measured("delete"):
            await self._storage.delete(key)

    async def remote_server(self) -> Server | None:
        """See `Storage.remote_server`. It is not measured: it is asked once in a while, and never by a client."""
        return await self._storage.remote_server()

    async def _streamed(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        with self._measured("stream"):
            async for chunk in chunks:
                yield chunk

    @contextmanager
    def _measured(self, operation: str) -> Iterator[None]:
        start = time.perf_counter()
        with spans.call(f"storage.{operation}") as span:
            try:
                yield
            except StorageError as error:
                outcome = _OUTCOMES.get(type(error), StorageOutcome.UNAVAILABLE)
                self._record(operation, outcome, time.perf_counter() - start)
                span.set_attribute(OUTCOME, outcome)
                if outcome is StorageOutcome.UNAVAILABLE:
                    span.failed(outcome)
                raise
            self._record(operation, StorageOutcome.DONE, time.perf_counter() - start)
            span.set_attribute(OUTCOME, StorageOutcome.DONE)
