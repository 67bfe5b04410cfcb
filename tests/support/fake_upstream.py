"""An upstream without HTTP that fails on request, a clock that it shares with catalogs, and catalogs over both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from wheelyard_server.catalog.catalog import Catalog, Policy
from wheelyard_server.catalog.mirrors.mirrors import Upstreams
from wheelyard_server.catalog.mirrors.sources import ConfiguredUpstream
from wheelyard_server.errors import (
    UpstreamAnswerError,
    UpstreamError,
    UpstreamFileMissingError,
    UpstreamUnavailableError,
)
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings.upstreams import UpstreamFreshness
from wheelyard_server.storage import Storage
from wheelyard_server.upstream import WHOLE, Absent, FileStream, Health, Page, PageFile, Unchanged, WantedPart

START = datetime(2026, 11, 30, tzinfo=UTC)
CHUNK_BYTES = 1000


class FakeTime:
    """A clock that only moves in `sleep`: `now` is the wall clock, `monotonic` the other one."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.ahead = timedelta()
        """How much the wall clock is wrong."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds) + self.ahead

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def page_file(filename: str, body: bytes = b"", origin: str = "", **fields: object) -> PageFile:
    """Describe a file with these bytes, as an upstream that lists SHA-256 does."""
    described: dict[str, object] = {
        "filename": filename,
        "url": f"{origin or 'https://files.example.com'}/packages/{filename}",
        "hashes": {"sha256": sha256(body or filename.encode()).hexdigest()},
        "size": len(body or filename),
        "upload_time": START - timedelta(days=9),
        **fields,
    }
    return PageFile(**described)  # type: ignore[arg-type]


def page(*filenames: str | PageFile, **fields: object) -> Page:
    """Return a page of these files."""
    files = tuple(each if isinstance(each, PageFile) else page_file(each) for each in filenames)
    return Page(files=files, **fields)  # type: ignore[arg-type]


@dataclass
class FakeUpstream:
    """See `Upstream`. `error` is raised by every call while it is set, `delay` is awaited first."""

    name: str = "up"
    url: str = "https://upstream.example.com/simple/"
    pages: dict[str, Page] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    """Bytes by URL."""
    retried: dict[str, bytes] = field(default_factory=dict)
    """What a new connection gets instead, by URL."""
    error: UpstreamError | None = None
    delay: Callable[[], object] | None = None
    before_chunk: Callable[[int], Awaitable[None]] | None = None
    """Is given the position of a chunk that is about to come; may wait, or raise."""
    has_etags: bool = True
    has_ranges: bool = True
    has_sizes: bool = True
    max_age: float | None = None
    asked: list[str] = field(default_factory=list)
    """The projects whose pages were asked for, in order."""
    calls: list[str] = field(default_factory=list)
    """`open <url>`, `retry <url>`, `part <url> <start>-<end>` and `read <url>`, in order."""
    open_streams: int = 0

    def put(self, project: str, *filenames: str | PageFile, **fields: object) -> None:
        """Let it have a page with these files."""
        self.pages[project] = page(*filenames, **{"max_age": self.max_age, **fields})

    def fail(self, reason: str = "does not answer", seconds: int = 5) -> None:
        """Let every call fail from now on."""
        self.error = UpstreamUnavailableError(self.name, reason, seconds)

    def opens(self, url: str) -> int:
        """Return how many times a whole file was asked for."""
        return sum(call in {f"open {url}", f"retry {url}"} for call in self.calls)

    async def page(self, project: NormalizedName, etag: str = "") -> Page | Unchanged | Absent:
        self.asked.append(project)
        await self._called()
        found = self.pages.get(project)
        if found is None:
            return Absent()
        current = found.etag or _etag(found) if self.has_etags else ""
        if current and current == etag:
            return Unchanged(found.max_age)
        return Page(**{**{each: getattr(found, each) for each in found.__struct_fields__}, "etag": current})

    async def open(
        self,
        url: str,
        part: WantedPart = WHOLE,
        *,
        is_retry: bool = False,
        is_verified: bool = False,  # noqa: ARG002
    ) -> FileStream:
        start, end, validator = part
        is_part = start > 0 or end is not None
        self.calls.append(f"part {url} {start}-{end}" if is_part else f"{'retry' if is_retry else 'open'} {url}")
        await self._called()
        body = self._body(url, is_retry=is_retry)
        size, known = len(body) if self.has_sizes else None, _digest(body) if self.has_etags else ""
        if not self.has_ranges or (validator and validator != known):
            return FileStream(self._chunks(body), 0, size, known)
        return FileStream(self._chunks(body[start:end]), start, size, known)

    async def read(self, url: str, max_bytes: int) -> bytes:
        self.calls.append(f"read {url}")
        await self._called()
        body = self._body(url)
        if len(body) > max_bytes:
            raise UpstreamAnswerError(self.name, f"sent more than {max_bytes} bytes")
        return body

    def health(self) -> Health:
        return Health(self.name, self.error is None, START, "" if self.error is None else str(self.error))

    async def close(self) -> None:
        assert self.open_streams == 0

    async def _called(self) -> None:
        if self.delay is not None:
            waiting = self.delay()
            if asyncio.iscoroutine(waiting):
                await waiting
        if self.error is not None:
            raise self.error

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


def _digest(body: bytes) -> str:
    return f'"{sha256(body).hexdigest()[:16]}"'


def _etag(found: Page) -> str:
    return _digest(repr(found).encode())


def configured(
    upstream: FakeUpstream, *packages: str, fresh: float = 600, stale: float = 86_400, offline: bool = False
) -> ConfiguredUpstream:
    """Return the upstream with settings; it is asked for all names if no globs are given."""
    freshness = UpstreamFreshness(fresh_seconds=fresh, stale_seconds=stale)
    return ConfiguredUpstream(upstream, packages or ("*",), freshness, offline)


def replica(
    storage: Storage,
    clock: FakeTime,
    *upstreams: ConfiguredUpstream,
    private: tuple[str, ...] = (),
    new_names_per_hour: int = 2_000,
) -> Catalog:
    """Return the catalog of one replica of an index with these upstreams."""
    wanted = Upstreams(upstreams, private, new_names_per_hour, clock.monotonic)
    return Catalog(storage, Policy(upstreams=wanted), now=clock.now, may_raise_format=lambda: True)
