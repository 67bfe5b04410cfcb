"""A project as the storage, the cache and readers have it: the values that pass between them."""

from typing import NamedTuple

import msgspec

from wheelyard_server.catalog import encoding
from wheelyard_server.errors import DamagedObjectError
from wheelyard_server.model import FORMAT, Project
from wheelyard_server.storage import ETag, Fingerprint, layout


class StoredProject(NamedTuple):
    """A project as some document had it. Without an ETag there is no document yet."""

    project: Project
    etag: ETag | None


class ProjectView(NamedTuple):
    """A project that is there, as readers see it."""

    project: Project
    etag: ETag
    """Of its document, so the same on every replica."""
    stale_seconds: float | None = None
    """The storage is down and this was so as many seconds ago; None is current."""


class CachedDocument(NamedTuple):
    """What was read last, and when that was known to be current."""

    stored: StoredProject
    checked: float
    size: int
    """Of the document as it is stored."""
    fingerprint: Fingerprint | None
    """Of the stored document, from before it was read."""
    view: ProjectView | None
    """What readers see of it, where there is anything to see."""


def view_of(stored: StoredProject, stale_seconds: float | None = None) -> ProjectView | None:
    """Return the view of a project that has files."""
    if stored.etag is None or not stored.project.files:
        return None
    return ProjectView(stored.project, stored.etag, stale_seconds)


def parse(body: bytes, name: str) -> Project:
    """Decode a document; one that is damaged or too new is an outage of this project, not an empty one."""
    key = layout.document(name)
    try:
        project = encoding.decode(body)
    except msgspec.MsgspecError as error:
        raise DamagedObjectError(key, f"not a project document: {error}") from error
    if project.format > FORMAT:
        raise DamagedObjectError(
            key, f"the document has format {project.format}, this server knows {FORMAT}: upgrade it"
        )
    if project.name != name:
        raise DamagedObjectError(key, f"the document is of the project {project.name!r}")
    return project
