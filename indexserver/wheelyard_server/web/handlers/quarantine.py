"""The operations of the management API that quarantine files by hand."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import msgspec

from wheelyard_server.errors import InvalidRequestError
from wheelyard_server.names import NormalizedName, parse_project_name, parse_version
from wheelyard_server.policy.quarantine import Quarantined
from wheelyard_server.web.handlers.management_schemas import ApiStruct
from wheelyard_server.web.handlers.operations import Call, Operation

_DIGEST = re.compile("[0-9a-f]{64}")


class QuarantineEntry(ApiStruct, frozen=True):
    """Files that are refused until somebody lifts this: those of a project or version, or one by its digest."""

    project: str | None
    version: str | None
    """Null: all versions."""
    sha256: str | None
    reason: str
    by: str
    at: datetime

    @classmethod
    def of(cls, entry: Quarantined) -> "QuarantineEntry":
        """Return an entry."""
        return cls(
            project=entry.project or None,
            version=entry.version or None,
            sha256=entry.sha256 or None,
            reason=entry.reason,
            by=entry.by,
            at=entry.at,
        )


class Quarantine(ApiStruct, frozen=True):
    """The entries of the quarantine, as far as the user manages their projects."""

    entries: tuple[QuarantineEntry, ...]

    @classmethod
    def of(cls, entries: Iterable[Quarantined]) -> "Quarantine":
        """Return these entries."""
        return cls(entries=tuple(map(QuarantineEntry.of, entries)))


class QuarantineReason(ApiStruct, frozen=True):
    """Why files are quarantined; clients whose downloads are refused see it."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


async def list_quarantine(call: Call) -> Quarantine:
    """List what is quarantined by hand."""
    return Quarantine.of(call.catalog.quarantined())


async def quarantine(call: Call) -> Quarantine:
    """Refuse all files of a project, or of a version of it, on all servers when this answers."""
    return Quarantine.of(await call.catalog.quarantine(_project(call), _version(call), call.body.reason))


async def lift(call: Call) -> Quarantine:
    """End the quarantine of a project or version."""
    return Quarantine.of(await call.catalog.lift(_project(call), _version(call)))


async def file_quarantine(call: Call) -> Quarantine:
    """Refuse a file by its digest, whatever its project and name, on all servers when this answers."""
    return Quarantine.of(await call.catalog.quarantine_file(_sha256(call), call.body.reason))


async def file_lift(call: Call) -> Quarantine:
    """End the quarantine of a file."""
    return Quarantine.of(await call.catalog.lift_file(_sha256(call)))


def _project(call: Call) -> NormalizedName:
    return parse_project_name(call.path["project"])


def _version(call: Call) -> str:
    """Return the version of a path in its canonical form; "" if it has none."""
    version = call.path.get("version")
    return "" if version is None else str(parse_version(version))


def _sha256(call: Call) -> str:
    digest = call.path["sha256"].lower()
    if not _DIGEST.fullmatch(digest):
        raise InvalidRequestError("The digest must be a SHA-256: 64 hexadecimal digits")
    return digest


_PATH = "/api/v1/quarantine"
_PROJECT = f"{_PATH}/projects/{{project}}"
_VERSION = f"{_PROJECT}/versions/{{version}}"
_FILE = f"{_PATH}/files/{{sha256}}"

QUARANTINE_OPERATIONS = (
    Operation("GET", _PATH, "List what is quarantined by hand", list_quarantine, Quarantine),
    Operation("PUT", _PROJECT, "Quarantine a project", quarantine, Quarantine, QuarantineReason),
    Operation("DELETE", _PROJECT, "End the quarantine of a project", lift, Quarantine),
    Operation("PUT", _VERSION, "Quarantine a version", quarantine, Quarantine, QuarantineReason),
    Operation("DELETE", _VERSION, "End the quarantine of a version", lift, Quarantine),
    Operation(
        "PUT", _FILE, "Quarantine a file, whatever its project", file_quarantine, Quarantine, QuarantineReason
    ),
    Operation("DELETE", _FILE, "End the quarantine of a file", file_lift, Quarantine),
)
