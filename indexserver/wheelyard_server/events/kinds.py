"""The events of each kind, and what their data has."""

from datetime import datetime

from wheelyard_server.errors import Refusal
from wheelyard_server.events import Event
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.settings.webhook import EventKind


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


def _file(project: str, version: str, filename: str, sha256: str) -> dict[str, object]:
    return {"project": project, "version": version, "filename": filename, "sha256": sha256}
