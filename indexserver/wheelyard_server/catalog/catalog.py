"""The catalog: what the layers above know of projects and files."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NewType

from wheelyard_server.catalog.documents import Documents, Version
from wheelyard_server.catalog.publish import Publisher, Upload
from wheelyard_server.catalog.verify import verified
from wheelyard_server.errors import NotFoundError
from wheelyard_server.model import File, Project
from wheelyard_server.names import NormalizedName
from wheelyard_server.storage import Storage, layout

Revision = NewType("Revision", str)
"""Changes whenever the project does; the same on every replica."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A project that is there, and its revision."""

    project: Project
    revision: Revision


class Catalog:
    """Projects and files of one index. It asks nobody who wants to know: see `access`."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._documents = Documents(storage)
        self._publisher = Publisher(storage, self._documents)

    async def project_names(self) -> list[str]:
        """Return the names of all projects, sorted."""
        return sorted([name async for name in self._documents.names()])

    async def project(self, name: NormalizedName) -> Listing:
        """Return a project as it is now; raise `NotFoundError` if there is none."""
        version: Version = await self._documents.read(name)
        if version.etag is None or not version.project.files:
            raise NotFoundError("No such project in this index")
        return Listing(version.project, Revision(version.etag))

    async def file(self, name: NormalizedName, filename: str, sha256: str) -> File:
        """Return a project's file with this name and digest; raise `NotFoundError` if there is none."""
        file = (await self.project(name)).project.file(filename)
        if file is None or file.sha256 != sha256:
            raise NotFoundError("No such file in this project")
        return file

    async def open(self, name: NormalizedName, file: File, start: int, end: int) -> AsyncIterator[bytes]:
        """Stream a file's bytes from `start` up to and without `end`.

        A whole file is checked on its way: bytes that are not those of the digest never arrive complete.
        """
        key = layout.content(name, file)
        chunks = await self._storage.open(key, start, end)
        return verified(chunks, file.sha256, key) if (start, end) == (0, file.size) else chunks

    async def core_metadata(self, name: NormalizedName, file: File) -> bytes:
        """Return a wheel's METADATA, byte for byte (PEP 658); raise `NotFoundError` for an sdist."""
        if file.core_metadata_sha256 is None:
            raise NotFoundError("This file has no metadata file")
        return (await self._storage.read(layout.core_metadata(name, file))).body

    async def publish(self, upload: Upload) -> None:
        """Add a file; see `Publisher.publish`."""
        await self._publisher.publish(upload)
