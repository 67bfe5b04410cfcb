"""A feed in a file: an export that a person brings to a network without access to the feed."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from wheelyard_server.errors import FeedError, NoListingError
from wheelyard_server.feed import Export, Listing, Record
from wheelyard_server.feed.exports import MAX_EXPORT_BYTES, read_export
from wheelyard_server.sliced import in_slices


class FileFeed:
    """See `Feed`. Its ETag is made of the file's size, time and inode."""

    def __init__(self, path: Path) -> None:
        self.source = str(path)
        self._path = path

    async def export(self, etag: str = "") -> Export | None:
        """See `Feed.export`."""
        found, shown = await asyncio.to_thread(self._state)
        if found == etag:
            return None
        export = await in_slices(read_export(self._path))
        return export._replace(etag=found, shown=shown)

    async def listing(self, etag: str = "") -> Listing | None:  # noqa: ARG002 - the seam's
        """See `Feed.listing`."""
        raise NoListingError("is a file")

    async def record(self, identifier: str) -> Record | None:  # noqa: ARG002 - same
        """See `Feed.record`."""
        raise NoListingError("is a file")

    async def close(self) -> None:
        """See `Feed.close`."""

    def _state(self) -> tuple[str, datetime]:
        try:
            found = self._path.stat()
        except OSError as error:
            raise FeedError(f"cannot be read: {self._path} ({error.strerror})") from error
        if found.st_size > MAX_EXPORT_BYTES:
            raise FeedError(f"has more than {MAX_EXPORT_BYTES // 1024**2} MiB: {self._path}")
        return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}", datetime.fromtimestamp(found.st_mtime, UTC)
