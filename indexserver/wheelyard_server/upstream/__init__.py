"""Other indexes: fetches their pages and files over HTTP.

This package knows no documents and decides nothing: `catalog/mirrors/` decides which index owns a
name, which bytes are kept and which pages are fresh. It raises `UpstreamError`, which never means
that something does not exist.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

from wheelyard_server.names import NormalizedName


class PageFile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One file of a page, as the upstream describes it. Nothing is checked but the types and the lengths."""

    filename: str
    url: str
    """Absolute, without a fragment, with the percent encoding of the page."""
    hashes: dict[str, str] = {}
    """Hex digests by the name of the algorithm."""
    size: int | None = None
    upload_time: datetime | None = None
    """In UTC."""
    requires_python: str | None = None
    yanked: str | None = None
    """The reason, possibly empty; None if the file is not yanked."""
    core_metadata: str | None = None
    """SHA-256 of the core metadata; "" if there is one without a digest; None if there is none."""
    provenance: str = ""
    """Absolute URL of the provenance object."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The page of a project."""

    files: tuple[PageFile, ...]
    etag: str = ""
    serial: int = 0
    versions: tuple[str, ...] = ()
    status: str = "active"
    status_reason: str = ""
    max_age: float | None = None
    """Seconds that the upstream allows to keep it; None if it does not say."""
    unusable: int = 0
    """Number of entries that could not be read and are left out."""


class Unchanged(NamedTuple):
    """The page is the one that the caller has."""

    max_age: float | None = None


class Absent(NamedTuple):
    """The upstream says that it has no such project."""


class FileStream(NamedTuple):
    """The bytes of a file, as the upstream sends them."""

    chunks: AsyncIterator[bytes]
    """Raises `UpstreamError` if the stream ends early or stalls. Must be read to its end or closed."""
    start: int
    """Position of the first byte: 0 if the upstream ignored the range."""
    size: int | None
    """Size of the whole file in bytes, if the upstream says so."""
    validator: str
    """A strong ETag, for `If-Range`; "" if there is none."""


class WantedPart(NamedTuple):
    """The bytes of a file that are asked for."""

    start: int = 0
    end: int | None = None
    """Position after the last byte; None is the end of the file."""
    validator: str = ""
    """The part is only of use if the file still has this strong ETag; "": in any case."""


WHOLE = WantedPart()


class Health(NamedTuple):
    """Whether an upstream answers, for the condition and the metrics."""

    name: str
    is_reachable: bool
    since: datetime
    """When that began, in UTC."""
    reason: str
    """What went wrong last, for people; "" if it is reachable."""


class Upstream(Protocol):
    """One upstream. Concurrent calls are bounded; callers share calls for the same thing by themselves."""

    name: str
    url: str
    """URL of its simple API, with a slash at the end."""

    async def page(self, project: NormalizedName, etag: str = "") -> Page | Unchanged | Absent:
        """Return the page of a project, unless its ETag is still `etag`; raise `UpstreamError`."""
        ...

    async def open(
        self, url: str, part: WantedPart = WHOLE, *, is_retry: bool = False, is_verified: bool = False
    ) -> FileStream:
        """Open a file, or a part of it; raise `UpstreamError`.

        If the file has another ETag than the part wants, all of it comes. `is_retry`: over a new
        connection, since the bytes of an earlier one were wrong. `is_verified`: the caller
        compares the digest of all bytes, so a transfer that stops may go on without a validator.
        Raises `UpstreamFileMissingError` for 404 and 410.
        """
        ...

    async def read(self, url: str, max_bytes: int) -> bytes:
        """Return a small object whole; raise `UpstreamError` as `open`, also if it is larger."""
        ...

    def health(self) -> Health:
        """Return the result of the last calls."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...
