"""Provenance objects of mirrored files (PEP 740): fetched once, pinned and kept."""

import logging
from functools import partial

import msgspec

from wheelyard_server.catalog.coalescing import SharedCalls
from wheelyard_server.catalog.mirrors import pins
from wheelyard_server.catalog.mirrors.arrivals import Keeper
from wheelyard_server.catalog.mirrors.files import MirroredFiles
from wheelyard_server.catalog.mirrors.listed_file import ListedFile
from wheelyard_server.catalog.mirrors.small_objects import SmallMirroredObjects
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
        file = listed.file
        body = await self._objects.kept(file.provenance_sha256) if file.provenance_sha256 else None
        if body is not None:
            return body
        if not file.provenance_url:
            raise NotFoundError("The upstream has no provenance of this file")
        return await self._fetching(f"{listed.identity} {file.provenance_url}", partial(self._fetch, listed))

    async def _fetch(self, listed: ListedFile) -> bytes:
        body = await self._files.read_small(listed, listed.file.provenance_url, MAX_BYTES)
        _check(listed, body)
        digest = await self._objects.keep(body)
        try:
            await self._keeper.change(listed, partial(pins.with_provenance, listed=listed, sha256=digest))
        except WheelyardError as error:
            log.warning("The digest of the provenance of %s was not stored: %s", listed.file.filename, error)
        return body


def _check(listed: ListedFile, body: bytes) -> None:
    """Raise `UpstreamAnswerError` if this is no JSON object: clients would get a page of a proxy as provenance."""
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError as error:
        reason = f"sent something else than the provenance of {listed.file.filename}: {error}"
        raise UpstreamAnswerError(listed.upstream, reason) from error
