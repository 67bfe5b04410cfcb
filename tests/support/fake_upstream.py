"""An upstream in memory that can fail on purpose, a clock that it shares with catalogs, and catalogs over both."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from wheelyard_server.catalog.catalog import Catalog, Policy
from wheelyard_server.catalog.mirrors.mirrors import Upstreams
from wheelyard_server.catalog.mirrors.sources import ConfiguredUpstream
from wheelyard_server.errors import UpstreamError, UpstreamFileMissingError, UpstreamUnavailableError
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings.upstreams import UpstreamFreshness
from wheelyard_server.storage import Storage
from wheelyard_server.upstream import WHOLE, Absent, FileStream, Health, Page, PageFile, Unchanged, WantedPart

START = datetime(2026, 11, 30, tzinfo=UTC)


class FakeTime:
    """A clock that only moves in `sleep`: `now` is the wall clock, `monotonic` the other one."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

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
    """Pages by project. `error` is raised by every call, `delay` is awaited first."""

    name: str = "up"
    url: str = "https://upstream.example.com/simple/"
    pages: dict[str, Page] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    """Bytes by URL."""
    error: UpstreamError | None = None
    asked: list[str] = field(default_factory=list)
    """The projects whose pages were asked for, in order."""
    opened: list[str] = field(default_factory=list)
    """The URLs of the files that were asked for, in order."""
    retried: list[str] = field(default_factory=list)
    """Those that were asked for over a new connection."""
    delay: Callable[[], object] | None = None
    has_etags: bool = True
    max_age: float | None = None

    def put(self, project: str, *filenames: str | PageFile, **fields: object) -> None:
        """Let it have a page with these files."""
        self.pages[project] = page(*filenames, **{"max_age": self.max_age, **fields})

    def fail(self, reason: str = "does not answer", seconds: int = 5) -> None:
        """Let every call fail from now on."""
        self.error = UpstreamUnavailableError(self.name, reason, seconds)

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
        self.opened.append(url)
        if is_retry:
            self.retried.append(url)
        await self._called()
        body = self._body(url)
        known = _digest(body)
        first = 0 if part.validator and part.validator != known else part.start
        return FileStream(_chunks(body[first : part.end]), first, len(body), known)

    async def read(self, url: str, max_bytes: int) -> bytes:
        self.opened.append(url)
        await self._called()
        return self._body(url)[:max_bytes]

    def health(self) -> Health:
        return Health(self.name, self.error is None, START, "" if self.error is None else str(self.error))

    async def close(self) -> None:
        """Do nothing: it has no connections."""

    async def _called(self) -> None:
        if self.delay is not None:
            waiting = self.delay()
            if asyncio.iscoroutine(waiting):
                await waiting
        if self.error is not None:
            raise self.error

    def _body(self, url: str) -> bytes:
        if url not in self.files:
            raise UpstreamFileMissingError(self.name, f"has no file at {url}")
        return self.files[url]


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), 1000):
        yield body[at : at + 1000]


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
