"""The events of each kind, and what their data has."""

from datetime import datetime
from typing import NamedTuple

from wheelyard_server.errors import Refusal
from wheelyard_server.events import Event
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.settings.policy import PolicyException
from wheelyard_server.settings.webhook import EventKind

MAX_SUBJECT_LENGTH = 200
AnyFile = File | MirroredFile


class Fetched(NamedTuple):
    """A file that was fetched."""

    project: str
    version: str
    filename: str
    sha256: str
    fetches: int
    last: datetime
    """When it was fetched last, in UTC."""


def published(project: str, file: File) -> Event:
    """Return the event of a file that was published to this index."""
    data = _file(project, file.version, file.filename, file.sha256) | {"size": file.size, "user": file.uploader}
    return Event(
        EventKind.PUBLISHED, file.filename, (project, file.filename, file.upload_id), file.upload_time, data
    )


def blocked(refusal: Refusal, sentence: str, user: str, now: datetime) -> Event:
    """Return the event of a refused request: one for each file, rule and hour.

    `user` is the first who asked for it.
    """
    hour = now.replace(minute=0, second=0, microsecond=0).isoformat()
    key = (refusal.project, refusal.filename, refusal.sha256, refusal.rule, hour)
    found = _file(refusal.project, refusal.version, refusal.filename, refusal.sha256)
    data = {**found, "rule": refusal.rule, "reason": sentence, "until": refusal.until, "user": user}
    return Event(
        EventKind.BLOCKED,
        refusal.filename or refusal.project,
        key,
        now,
        data | {"advisories": refusal.advisories},
    )


def digest_changed(project: str, upstream: str, file: MirroredFile, now: datetime) -> Event:
    """Return the event of a file for which an upstream lists other bytes than before."""
    data = _file(project, file.version, file.filename, file.sha256) | {
        "upstream": upstream,
        "listed": file.conflict,
    }
    key = (project, file.filename, file.sha256, file.conflict)
    return Event(EventKind.DIGEST_CHANGED, file.filename, key, now, data)


def exception_used(project: str, file: AnyFile, exception: PolicyException, now: datetime) -> Event:
    """Return the event of the first fetch of a file that an exception lets in."""
    found = _file(project, file.version, file.filename, file.sha256)
    key = (project, file.filename, file.sha256, *_identity(exception))
    return Event(EventKind.EXCEPTION_USED, file.filename, key, now, found | _described(exception))


def exception_ended(exception: PolicyException) -> Event:
    """Return the event of the end of an exception."""
    subject = ", ".join(exception.packages)[:MAX_SUBJECT_LENGTH]
    data = {"packages": exception.packages, "versions": exception.versions, **_described(exception)}
    return Event(EventKind.EXCEPTION_ENDED, subject, _identity(exception), exception.until, data)


def malware_fetched(file: Fetched, advisories: tuple[str, ...], now: datetime) -> Event:
    """Return the event of advisories that call a file malware which was fetched before."""
    data: dict[str, object] = _file(file.project, file.version, file.filename, file.sha256)
    data |= {"advisories": advisories, "fetches": file.fetches, "lastFetch": file.last}
    key = (file.project, file.filename, file.sha256, *advisories)
    return Event(EventKind.MALWARE_FETCHED, file.filename, key, now, data)


def _identity(exception: PolicyException) -> tuple[str, ...]:
    until = exception.until.isoformat()
    return (*exception.packages, exception.versions, *exception.rules, until, exception.reason)


def _described(exception: PolicyException) -> dict[str, object]:
    return {
        "from": exception.rules,
        "until": exception.until,
        "reason": exception.reason,
        "approvedBy": exception.approved_by,
        "exceptionSource": exception.source,
    }


def _file(project: str, version: str, filename: str, sha256: str) -> dict[str, object]:
    return {"project": project, "version": version, "filename": filename, "sha256": sha256}
