"""The history of a project, as far as its document knows it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from wheelyard_server.model import DeletedFile, File, Project


class EventKind(StrEnum):
    """The kind of an event."""

    PUBLISHED = "published"
    PROMOTED = "promoted"
    """Taken over from another index."""
    YANKED = "yanked"
    UNYANKED = "unyanked"
    DELETED = "deleted"
    STATUS = "status"
    """The status marker was set."""
    CLAIMED = "claimed"
    """The name became this index's own."""
    MIRRORED = "mirrored"
    """This index saw the project at the upstream for the first time."""


class Event(NamedTuple):
    """Something that happened to a project, or to one of its files."""

    at: datetime
    """In UTC."""
    kind: EventKind
    by: str = ""
    """The user's name; "" if it is unknown."""
    version: str = ""
    filename: str = ""
    details: str = ""
    """The reason, the other index, or the status."""


def history(project: Project) -> Sequence[Event]:
    """Return the events, the last one first. Of changes that repeat, documents keep the last one.

    Many files take milliseconds: a thread should do this.
    """
    return sorted(_events(project), key=lambda event: (event.at, event.filename), reverse=True)


def _events(project: Project) -> Iterator[Event]:
    for file in project.files:
        yield from _of_file(file)
    for gone in project.deleted:
        yield from _of_deleted(gone)
    if project.status_changed is not None:
        words = f"{project.status}: {project.status_reason}" if project.status_reason else str(project.status)
        yield Event(project.status_changed.at, EventKind.STATUS, project.status_changed.by, details=words)
    if project.claimed is not None:
        yield Event(project.claimed.at, EventKind.CLAIMED, project.claimed.by)
    if project.mirror is not None:
        yield Event(project.mirror.made, EventKind.MIRRORED, details=project.owner)


def _of_file(file: File) -> Iterator[Event]:
    if file.promoted is None:
        yield Event(file.added or file.upload_time, EventKind.PUBLISHED, file.uploader, file.version, file.filename)
    else:
        moved = file.promoted
        yield Event(moved.at, EventKind.PROMOTED, moved.by, file.version, file.filename, moved.source)
    if file.yank_changed is not None:
        kind = EventKind.UNYANKED if file.yanked is None else EventKind.YANKED
        changed = file.yank_changed
        yield Event(changed.at, kind, changed.by, file.version, file.filename, file.yanked or "")


def _of_deleted(file: DeletedFile) -> Iterator[Event]:
    version = _version(file.filename)
    if file.upload_time is not None:
        yield Event(file.upload_time, EventKind.PUBLISHED, version=version, filename=file.filename)
    yield Event(file.deleted, EventKind.DELETED, file.deleted_by, version, file.filename)


def _version(filename: str) -> str:
    """Return the version that a filename names; "" if it is in an old form."""
    try:
        if filename.endswith(".whl"):
            return str(parse_wheel_filename(filename)[1])
        return str(parse_sdist_filename(filename)[1])
    except (InvalidWheelFilename, InvalidSdistFilename):
        return ""
