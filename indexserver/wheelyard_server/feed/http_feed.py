"""A feed over HTTP: OSV itself, or a mirror of its export."""

import tempfile
from pathlib import Path

from yarl import URL

from wheelyard_server.errors import FeedPartMissingError, NoListingError
from wheelyard_server.feed import Export, Listing, Record
from wheelyard_server.feed.exports import MAX_EXPORT_BYTES, read_export
from wheelyard_server.feed.listings import MAX_LISTING_BYTES, read_listing
from wheelyard_server.feed.osv_records import MAX_RECORD_BYTES, UnreadableRecordError, read_record
from wheelyard_server.feed.requests import Requests
from wheelyard_server.sliced import in_slices

EXPORT, LISTING = "all.zip", "modified_id.csv"
_ZIP = ".zip"


class HttpFeed:
    """See `Feed`."""

    def __init__(self, source: str, url: URL, requests: Requests, scratch: Path) -> None:
        """`url` is that of the folder, or of an export without one. Downloads go to the folder `scratch`."""
        self.source = source
        self._requests = requests
        self._scratch = scratch
        self._folder = None if url.raw_path.endswith(_ZIP) else url
        self._export = url if self._folder is None else self._folder.joinpath(EXPORT, encoded=True)

    async def export(self, etag: str = "") -> Export | None:
        """See `Feed.export`."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        # It has no name, so a server that is killed leaves nothing behind.
        with tempfile.TemporaryFile(dir=self._scratch) as file:
            got = await self._requests.download(self._export, file, MAX_EXPORT_BYTES, etag)
            if got is None:
                return None
            export = await in_slices(read_export(file.fileno()))
        return export._replace(etag=got.etag, shown=got.shown)

    async def listing(self, etag: str = "") -> Listing | None:
        """See `Feed.listing`."""
        if self._folder is None:
            raise NoListingError("has an export only")
        url = self._folder.joinpath(LISTING, encoded=True)
        try:
            got = await self._requests.get(url, MAX_LISTING_BYTES, etag)
        except FeedPartMissingError as error:
            raise NoListingError(error.reason) from error
        if got is None:
            return None
        return Listing(await in_slices(read_listing(got.body)), got.etag, got.shown)

    async def record(self, identifier: str) -> Record | None:
        """See `Feed.record`."""
        assert self._folder is not None  # noqa: S101 - a listing names it
        url = self._folder.joinpath(f"{identifier}.json", encoded=True)
        try:
            got = await self._requests.get(url, MAX_RECORD_BYTES)
        except FeedPartMissingError:
            return None
        assert got is not None  # noqa: S101 - there was no condition
        try:
            record = read_record(got.body)
        except UnreadableRecordError:
            return None
        return record if record.id == identifier else None

    async def close(self) -> None:
        """See `Feed.close`."""
        await self._requests.close()
