"""Provenance objects of mirrored files (PEP 740): fetched once, pinned and kept."""

import hashlib
import logging
from functools import partial

import msgspec

from wheelyard_server.catalog.coalescing import SharedCalls
from wheelyard_server.catalog.learned import Fact, with_facts
from wheelyard_server.catalog.mirrors.arrivals import Keeper
from wheelyard_server.catalog.mirrors.files import MirroredFiles
from wheelyard_server.catalog.mirrors.listed_file import ListedFile
from wheelyard_server.catalog.mirrors.small_objects import SmallMirroredObjects
from wheelyard_server.catalog.provenance.publishers import publisher_of
from wheelyard_server.errors import NotFoundError, UpstreamAnswerError, WheelyardError

log = logging.getLogger(__name__)

MAX_BYTES = 2 * 1024**2
"""An attestation has about 10 KB."""


class MirroredProvenance:
    """Finds the provenance objects of mirrored files."""

    def __init__(self, files: MirroredFiles, objects: SmallMirroredObjects, keeper: Keeper) -> None:
        self._files = files
        self._objects = objects
        self._keeper = keeper
        self._fetching: SharedCalls[bytes] = SharedCalls()

    async def read(self, listed: ListedFile) -> bytes:
        """Return the provenance object of a file.

        Raises `NotFoundError` if the upstream has none, and `UpstreamError`.
        """
        known = await self._kept(listed)
        if known is not None:
            return known
        body = await self._fetched(listed)
        try:
            await self._keeper.change(listed, partial(with_facts, facts=(_fact(listed, body),)))
        except WheelyardError as error:
            log.warning("The digest of the provenance of %s was not stored: %s", listed.file.filename, error)
        return body

    async def fact(self, listed: ListedFile) -> Fact:
        """Return the publisher of a file, without writing it into the document; raise as `read`."""
        return _fact(listed, await self._kept(listed) or await self._fetched(listed))

    async def _kept(self, listed: ListedFile) -> bytes | None:
        digest = listed.file.provenance_sha256
        return await self._objects.kept(digest) if digest else None

    async def _fetched(self, listed: ListedFile) -> bytes:
        """Fetch the provenance object, once for all who wait for it."""
        url = listed.file.provenance_url
        if not url:
            raise NotFoundError("The upstream has no provenance of this file")
        return await self._fetching(f"{listed.identity} {url}", partial(self._fetch, listed))

    async def _fetch(self, listed: ListedFile) -> bytes:
        body = await self._files.read_small(listed, listed.file.provenance_url, MAX_BYTES)
        _check(listed, body)
        await self._objects.keep(body)
        return body


def _fact(listed: ListedFile, body: bytes) -> Fact:
    publisher = publisher_of(body, listed.file.sha256)
    return Fact(listed.file, publisher=publisher, provenance_sha256=hashlib.sha256(body).hexdigest())


def _check(listed: ListedFile, body: bytes) -> None:
    """Raise `UpstreamAnswerError` if this is no JSON object: clients would get a page of a proxy as provenance."""
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError as error:
        reason = f"sent something else than the provenance of {listed.file.filename}: {error}"
        raise UpstreamAnswerError(listed.upstream, reason) from error
