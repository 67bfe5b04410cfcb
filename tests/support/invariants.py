"""The invariants of the design, checked from outside, as clients see an index."""

import hashlib
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from support.contents import received
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.errors import NotFoundError, ObjectNotFoundError, StorageUnavailableError
from wheelyard_server.model import File
from wheelyard_server.model.status import Status
from wheelyard_server.names import NormalizedName


class Shown(NamedTuple):
    """A file as its project's page shows it."""

    filename: str
    sha256: str
    yanked: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """All that clients see of a project; one without files is as one that never was."""

    files: frozenset[Shown] = frozenset()
    status: Status = Status.ACTIVE

    @property
    def filenames(self) -> frozenset[str]:
        """The names of all files."""
        return frozenset(file.filename for file in self.files)


async def downloads(catalog: Catalog, name: NormalizedName) -> dict[str, bytes]:
    """Return all files of a project; whatever is listed must be there and be what its digests say.

    Raises `NotFoundError` if the project has no files.
    """
    found = {}
    for file in (await catalog.project(name)).project.files:
        assert file.filename not in found, f"{file.filename} is listed twice"
        try:
            found[file.filename] = await _download(catalog, name, file)
        except ObjectNotFoundError as error:
            raise AssertionError(f"{file.filename} is listed and not there") from error
    return found


async def _download(catalog: Catalog, name: NormalizedName, file: File) -> bytes:
    body = await received(await catalog.open(name, file, 0, file.size))
    assert (len(body), _sha256(body)) == (file.size, file.sha256)
    assert _sha256(await catalog.core_metadata(name, file)) == file.core_metadata_sha256
    if file.provenance_sha256 is not None:
        assert _sha256(await catalog.provenance(name, file)) == file.provenance_sha256
    return body


async def listing(catalog: Catalog, name: NormalizedName) -> Page:
    """Return what can be seen of a project now. An old page, which says so, is no answer."""
    return await _shown(name, catalog.project(name))


async def listing_unshared(catalog: Catalog, name: NormalizedName) -> Page:
    """Return the same, asked for as the fast lane does."""
    return await _shown(name, catalog.revalidated_project(name))


async def _shown(name: NormalizedName, project: Awaitable[ProjectView]) -> Page:
    try:
        seen = await project
    except NotFoundError:
        return Page()
    if seen.stale_seconds is not None:
        raise StorageUnavailableError(name, "an old page")
    files = (Shown(file.filename, file.sha256, file.yanked) for file in seen.project.files)
    return Page(frozenset(files), seen.project.status)


async def page(catalog: Catalog, name: NormalizedName) -> Page:
    """Return what can be seen of a project now, after all of it was downloaded."""
    with suppress(NotFoundError):
        await downloads(catalog, name)
    return await listing(catalog, name)


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
