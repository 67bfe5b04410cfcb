"""A project as the storage, the cache and readers have it: the values that pass between them."""

from typing import NamedTuple

import msgspec

from wheelyard_server.catalog import encoding
from wheelyard_server.errors import DamagedObjectError
from wheelyard_server.model import FORMAT, Project
from wheelyard_server.storage import ETag, Fingerprint, layout


class StoredProject(NamedTuple):
    """A project as read from its document; without an ETag if there is no document yet."""

    project: Project
    etag: ETag | None


class ProjectView(NamedTuple):
    """A project that is there, as readers see it."""

    project: Project
    etag: ETag
    """ETag of its document, so the same on every replica."""
    stale_seconds: float | None = None
    """Age in seconds while the storage does not answer; None if current."""


class CachedDocument(NamedTuple):
    """The last read of a document, and when it was known to be current."""

    stored: StoredProject
    checked: float
    size: int
    """Size of the stored document in bytes."""
    fingerprint: Fingerprint | None
    """Fingerprint of the stored document, from before it was read."""
    view: ProjectView | None
    """The project as readers see it; None if it has no files."""


def view_of(stored: StoredProject, stale_seconds: float | None = None) -> ProjectView | None:
    """Return the project as readers see it; None if it has no files."""
    if stored.etag is None or not stored.project.files:
        return None
    return ProjectView(stored.project, stored.etag, stale_seconds)


def parse(body: bytes, name: str) -> Project:
    """Decode a document; a damaged or too new one raises `DamagedObjectError`, so it is never an empty project."""
    key = layout.document(name)
    try:
        project = encoding.decode(body)
    except msgspec.MsgspecError as error:
        raise DamagedObjectError(key, f"not a project document: {error}") from error
    if project.format > FORMAT:
        raise DamagedObjectError(
            key,
            f"the document has format {project.format}, but this server knows only {FORMAT}: upgrade the server",
        )
    if project.name != name:
        raise DamagedObjectError(key, f"the document belongs to the project {project.name!r}")
    return project
