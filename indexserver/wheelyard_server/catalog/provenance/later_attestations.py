"""Later attestations: uploading the same bytes again adds its attestations, each once (PEP 740)."""

import asyncio
import hashlib
import uuid
from functools import partial

from wheelyard_server.catalog import edits
from wheelyard_server.catalog.contents.verified_streams import verify_bytes
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.provenance.attestations import Subject, provenance
from wheelyard_server.catalog.provenance.ci_jobs import CIJob
from wheelyard_server.errors import BusyError, StorageUnavailableError
from wheelyard_server.model import File
from wheelyard_server.names import NormalizedName
from wheelyard_server.storage import Storage, layout

_FORMAT = 2
"""Documents of format 1 cannot refer to a later provenance object."""
_TRIES = 8
"""Each failed attempt means that another writer changed the same file."""


class LaterAttestations:
    """Adds attestations to files of one storage.

    A provenance object never changes. A change of the document refers to a new one, with an id of
    its own. The old one is removed with the file, or by garbage collection.
    """

    def __init__(self, storage: Storage, documents: Documents) -> None:
        self._storage = storage
        self._documents = documents

    async def add(self, name: NormalizedName, filename: str, attestations: str, job: CIJob | None) -> None:
        """Return when the attestations are visible on every replica; a file that is gone is ignored.

        Raises `InvalidUploadError` as `provenance` does, `ProjectClosedError` for a project that
        accepts no uploads, and `BusyError` while servers of an older release may run, which would
        lose them.
        """
        for _ in range(_TRIES):
            file = (await self._documents.read(name)).project.same_file(filename)
            if file is None:
                return
            earlier = await self._provenance(name, file)
            subject = Subject(filename, file.sha256)
            body = await asyncio.to_thread(provenance, attestations, subject, job, earlier)
            if body == earlier or await self._swapped(name, file, body):
                return
        raise StorageUnavailableError(layout.document(name), "too many concurrent writers")

    async def _provenance(self, name: NormalizedName, file: File) -> bytes | None:
        if file.provenance_sha256 is None:
            return None
        key = layout.provenance(name, file)
        return verify_bytes((await self._storage.read(key)).body, file.provenance_sha256, key)

    async def _swapped(self, name: NormalizedName, file: File, body: bytes) -> bool:
        """Try to make `body` the file's provenance; False means: read the file again and decide."""
        if await self._documents.format() < _FORMAT:
            raise BusyError("This index is being upgraded and cannot add attestations yet, try again later")
        attested = file.replace(provenance_id=uuid.uuid4().hex, provenance_sha256=hashlib.sha256(body).hexdigest())
        change = partial(edits.with_provenance, file=file, attested=attested)
        project = await self._documents.change(name, change, {layout.provenance(name, attested): body})
        return attested in project.files
