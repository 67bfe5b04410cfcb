"""An upstream that records the result and duration of each request, for metrics and traces."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import NamedTuple

from wheelyard_server import spans
from wheelyard_server.errors import (
    UpstreamAnswerError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamFileMissingError,
    UpstreamUnavailableError,
)
from wheelyard_server.names import NormalizedName
from wheelyard_server.upstream import WHOLE, Absent, FileStream, Health, Page, Unchanged, Upstream, WantedPart

NAME = "wheelyard.upstream"
RESULT = "wheelyard.upstream.result"
"""Attributes of a request's span."""


class UpstreamKind(StrEnum):
    """The kind of a request."""

    PAGE = "page"
    FILE = "file"
    METADATA = "metadata"
    """A small object of a file: its core metadata or provenance."""


class UpstreamResult(StrEnum):
    """How a request ended."""

    DONE = "done"
    UNCHANGED = "unchanged"
    """The page is the one that is known."""
    ABSENT = "absent"
    """The upstream has no such project or file."""
    REFUSED = "refused"
    """The upstream refuses the credentials."""
    UNUSABLE = "unusable"
    """An answer that is not what was asked for."""
    UNAVAILABLE = "unavailable"
    """No answer, or one that means to try again later."""
    CANCELED = "canceled"
    """This server stopped reading a file."""


_RESULTS: dict[type[UpstreamError], UpstreamResult] = {
    UpstreamCredentialsError: UpstreamResult.REFUSED,
    UpstreamFileMissingError: UpstreamResult.ABSENT,
    UpstreamAnswerError: UpstreamResult.UNUSABLE,
    UpstreamUnavailableError: UpstreamResult.UNAVAILABLE,
}
_FAILURES = (UpstreamResult.REFUSED, UpstreamResult.UNUSABLE, UpstreamResult.UNAVAILABLE)


class UpstreamRequest(NamedTuple):
    """A request that has ended."""

    upstream: str
    kind: UpstreamKind
    result: UpstreamResult
    seconds: float
    """Until the answer was there; of a file until its bytes began."""
    received: int
    """Bytes of a file or a small object."""


Record = Callable[[UpstreamRequest], None]


class MeasuredUpstream:
    """Passes everything on to another upstream.

    A request that its caller gives up before it is answered is not recorded.
    """

    def __init__(self, upstream: Upstream, record: Record) -> None:
        self.name, self.url = upstream.name, upstream.url
        self._upstream = upstream
        self._record = record

    async def page(self, project: NormalizedName, etag: str = "") -> Page | Unchanged | Absent:
        """See `Upstream.page`."""
        with self._measured(UpstreamKind.PAGE) as request:
            page = await self._upstream.page(project, etag)
            request.answered(_result_of(page))
        return page

    async def open(
        self, url: str, part: WantedPart = WHOLE, *, is_retry: bool = False, is_verified: bool = False
    ) -> FileStream:
        """See `Upstream.open`. The request ends with the stream."""
        with self._measured(UpstreamKind.FILE) as request:
            stream = await self._upstream.open(url, part, is_retry=is_retry, is_verified=is_verified)
            request.answered(None)
        return stream._replace(chunks=self._streamed(stream.chunks, request))

    async def read(self, url: str, max_bytes: int) -> bytes:
        """See `Upstream.read`."""
        with self._measured(UpstreamKind.METADATA) as request:
            body = await self._upstream.read(url, max_bytes)
            request.received = len(body)
            request.answered(UpstreamResult.DONE)
        return body

    def health(self) -> Health:
        """See `Upstream.health`."""
        return self._upstream.health()

    async def close(self) -> None:
        """See `Upstream.close`."""
        await self._upstream.close()

    @contextmanager
    def _measured(self, kind: UpstreamKind) -> Iterator["_Running"]:
        request = _Running(self.name, kind, self._record)
        with spans.call(f"upstream.{kind}") as span:
            span.set_attribute(NAME, self.name)
            try:
                yield request
            except UpstreamError as error:
                result = _result_of_error(error)
                request.answered(result)
                span.set_attribute(RESULT, result)
                if result in _FAILURES:
                    span.failed(result)
                raise
            span.set_attribute(RESULT, request.result or UpstreamResult.DONE)

    @staticmethod
    async def _streamed(chunks: AsyncIterator[bytes], request: "_Running") -> AsyncIterator[bytes]:
        result = UpstreamResult.CANCELED
        try:
            async for chunk in chunks:
                request.received += len(chunk)
                yield chunk
            result = UpstreamResult.DONE
        except UpstreamError as error:
            result = _result_of_error(error)
            raise
        finally:
            request.ended(result)
            await close(chunks)


class _Running:
    def __init__(self, upstream: str, kind: UpstreamKind, record: Record) -> None:
        self._upstream = upstream
        self._kind = kind
        self._record = record
        self._began = time.perf_counter()
        self._seconds = 0.0
        self.result: UpstreamResult | None = None
        self.received = 0

    def answered(self, result: UpstreamResult | None) -> None:
        """Note the duration; record the request unless its bytes still follow."""
        self._seconds, self.result = time.perf_counter() - self._began, result
        if result is not None:
            self.ended(result)

    def ended(self, result: UpstreamResult) -> None:
        """Record the request."""
        self._record(UpstreamRequest(self._upstream, self._kind, result, self._seconds, self.received))


async def close(chunks: AsyncIterator[bytes]) -> None:
    """End a stream, if it is a generator."""
    closing = getattr(chunks, "aclose", None)
    if closing is not None:
        await closing()


def _result_of(page: Page | Unchanged | Absent) -> UpstreamResult:
    if isinstance(page, Unchanged):
        return UpstreamResult.UNCHANGED
    return UpstreamResult.ABSENT if isinstance(page, Absent) else UpstreamResult.DONE


def _result_of_error(error: UpstreamError) -> UpstreamResult:
    return next(
        (result for each, result in _RESULTS.items() if isinstance(error, each)), UpstreamResult.UNAVAILABLE
    )
