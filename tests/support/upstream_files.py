"""An upstream in memory, with pages and files that change and fail on request. It speaks no HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

from wheelyard_server.errors import UpstreamAnswerError, UpstreamFileMissingError
from wheelyard_server.names import NormalizedName
from wheelyard_server.upstream import WHOLE, Absent, FileStream, Health, Page, Unchanged, WantedPart

CHUNK_BYTES = 1000
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class UpstreamFiles:
    """See `Upstream`. `failure` is raised by every call while it is set."""

    def __init__(self, name: str = "public", url: str = "https://upstream.example.com/simple/") -> None:
        self.name = name
        self.url = url
        self.pages: dict[str, Page] = {}
        self.files: dict[str, bytes] = {}
        """By URL."""
        self.retried: dict[str, bytes] = {}
        """What a new connection gets instead, by URL."""
        self.failure: Exception | None = None
        self.has_ranges = True
        self.has_sizes = True
        self.calls: list[str] = []
        """`page <project>`, `open <url>`, `retry <url>`, `part <url> <start>-<end>` and `read <url>`."""
        self.before_chunk: Callable[[int], Awaitable[None]] | None = None
        """Is given the position of a chunk that is about to come; may wait, or raise."""
        self.open_streams = 0

    def opens(self, url: str) -> int:
        """Return how many times a whole file was asked for."""
        return sum(call in {f"open {url}", f"retry {url}"} for call in self.calls)

    async def page(self, project: NormalizedName, etag: str = "") -> Page | Unchanged | Absent:
        self._called(f"page {project}")
        page = self.pages.get(project)
        if page is None:
            return Absent()
        return Unchanged(page.max_age) if etag and etag == page.etag else page

    async def open(
        self,
        url: str,
        part: WantedPart = WHOLE,
        *,
        is_retry: bool = False,
        is_verified: bool = False,  # noqa: ARG002
    ) -> FileStream:
        start, end, _ = part
        is_part = start > 0 or end is not None
        self._called(f"part {url} {start}-{end}" if is_part else f"{'retry' if is_retry else 'open'} {url}")
        body = self._body(url, is_retry=is_retry)
        size = len(body) if self.has_sizes else None
        if is_part and self.has_ranges:
            return FileStream(self._chunks(body[start:end]), start, size, "")
        return FileStream(self._chunks(body), 0, size, "")

    async def read(self, url: str, max_bytes: int) -> bytes:
        self._called(f"read {url}")
        body = self._body(url)
        if len(body) > max_bytes:
            raise UpstreamAnswerError(self.name, f"sent more than {max_bytes} bytes")
        return body

    def health(self) -> Health:
        return Health(self.name, self.failure is None, NOW, str(self.failure or ""))

    async def close(self) -> None:
        assert self.open_streams == 0

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if self.failure is not None:
            raise self.failure

    def _body(self, url: str, *, is_retry: bool = False) -> bytes:
        body = (self.retried if is_retry and url in self.retried else self.files).get(url)
        if body is None:
            raise UpstreamFileMissingError(self.name, f"has no file at {url}")
        return body

    async def _chunks(self, body: bytes) -> AsyncIterator[bytes]:
        self.open_streams += 1
        try:
            for start in range(0, len(body), CHUNK_BYTES):
                if self.before_chunk is not None:
                    await self.before_chunk(start)
                yield body[start : start + CHUNK_BYTES]
        finally:
            self.open_streams -= 1
