"""Commit an upload: look into it, put its bytes, then swap the project's document. The swap is the commit.

A crash before the swap leaves objects that no document names; after it, everything is there. There is no state
between.
"""

import asyncio
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from wheelyard_server.catalog.distribution import CoreMetadata, read_core_metadata
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.scratch import Received
from wheelyard_server.errors import FileExistsWithOtherContentError
from wheelyard_server.model import File, Project
from wheelyard_server.names import DistributionFilename, FileType
from wheelyard_server.storage import Storage, layout

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Upload:
    """A received file, with what its sender says of it already checked against the file."""

    filename: DistributionFilename
    content: Received
    uploader: str


class Publisher:
    """Puts uploads into a storage."""

    def __init__(self, storage: Storage, documents: Documents, now: Clock = lambda: datetime.now(UTC)) -> None:
        self._storage = storage
        self._documents = documents
        self._now = now

    async def publish(self, upload: Upload) -> None:
        """Return when the file is there for everybody. The same bytes again are a success.

        Raises `InvalidUploadError`, and `FileExistsWithOtherContentError` for a filename that has other bytes.
        """
        name = upload.filename.project
        metadata = await asyncio.to_thread(read_core_metadata, upload.content.path, upload.filename)
        known = await self._documents.read(name)
        if _already_there(known.project, upload):
            return
        file = self._describe(upload, metadata)
        await self._storage.store(layout.content(name, file), upload.content.path)
        if file.core_metadata_sha256 is not None:
            await self._storage.store(layout.core_metadata(name, file), metadata.raw)
        await self._documents.change(name, lambda project: _with(project, file, upload))

    def _describe(self, upload: Upload, metadata: CoreMetadata) -> File:
        is_wheel = upload.filename.filetype is FileType.WHEEL
        return File(
            filename=upload.filename.filename,
            version=str(upload.filename.version),
            upload_id=uuid.uuid4().hex,
            size=upload.content.size,
            sha256=upload.content.digests["sha256"],
            upload_time=self._now(),
            uploader=upload.uploader,
            requires_python=metadata.requires_python,
            core_metadata_sha256=hashlib.sha256(metadata.raw).hexdigest() if is_wheel else None,
        )


def _already_there(project: Project, upload: Upload) -> bool:
    existing = project.file(upload.filename.filename)
    if existing is None:
        return False
    if existing.sha256 != upload.content.digests["sha256"]:
        raise FileExistsWithOtherContentError(existing.filename)
    return True


def _with(project: Project, file: File, upload: Upload) -> Project:
    """Return the project with the file in it, unless somebody else was faster with the same bytes."""
    return project if _already_there(project, upload) else project.with_file(file)
