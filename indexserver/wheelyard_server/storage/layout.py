"""The layout of a storage: the one place that spells keys. See docs/contract.md."""

import hashlib
import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from wheelyard_server.model import File
from wheelyard_server.storage import Listed, Server

INDEX = "wheelyard.json"
"""The format of the storage, and the index that owns it."""
DOCUMENTS = "projects/"
"""Prefix of all project documents."""
FILES = "files/"
"""Prefix of all files and of the small objects that belong to them."""
MIRRORED = "mirrored/"
"""Prefix of the bytes that were fetched from upstreams: files and the small objects that belong to
them, by digest."""
CATALOG = "catalog/"
"""Prefix of derived objects, which are safe to delete."""
PROBES = f"{CATALOG}probe/"
"""Prefix of the short-lived objects that test whether conditional writes are safe."""
SNAPSHOT = f"{CATALOG}projects.json"
"""A snapshot of the project list."""
MIRRORED_SIZE = f"{CATALOG}mirrored.json"
"""The size of all objects below `MIRRORED`, and how much each server may add."""
SPENT = "spent/"
"""Prefix of the marks of CI tokens that were used, by the day after which a mark is no longer
needed."""
POLICY = "policy/"
"""Prefix of what people decided about files, in addition to the policy file."""
QUARANTINE = f"{POLICY}quarantine.json"
"""The releases and files that people have quarantined by hand."""
ADVISORIES = "advisories/"
"""Prefix of the advisories of all replicas."""
CURRENT_ADVISORIES = f"{ADVISORIES}current.json"
"""Which of them are in force, and which server fetches the next."""
FETCHES = "fetches/"
"""Prefix of the fetch log, by day."""
CONDITIONAL_WRITES = "conditional-writes/"
"""Prefix of the results of testing conditional writes, one folder per server."""

_DOCUMENT = ".json"
_LOG = ".json.gz"
_DAY = f"day{_LOG}"
_SEGMENT = re.compile(r"([0-9a-f]{16})-([0-9]{6})\.json\.gz")
_METADATA = ".metadata"
_PROVENANCE = ".provenance"


class FileKey(NamedTuple):
    """The parts of the key of a file, or of a small object that belongs to it."""

    project: str
    upload_id: str
    name: str


class Beside(NamedTuple):
    """A small object that belongs to a file."""

    key: str
    sha256: str


def document(project: str) -> str:
    """Return the key of a project's document, the only mutable object of a project."""
    return f"{DOCUMENTS}{project}{_DOCUMENT}"


def project_of(key: str) -> str:
    """Return the project whose document has this key."""
    return key.removeprefix(DOCUMENTS).removesuffix(_DOCUMENT)


def content(project: str, file: File) -> str:
    """Return the key of a file's bytes."""
    return f"{FILES}{project}/{file.upload_id}/{file.filename}"


def core_metadata(project: str, file: File) -> str:
    """Return the key of a file's core metadata."""
    return with_metadata(content(project, file))


def with_metadata(content_key: str) -> str:
    """Return the key of the core metadata of the file with this key."""
    return content_key + _METADATA


def provenance(project: str, file: File) -> str:
    """Return the key of a file's provenance object."""
    return f"{FILES}{project}/{file.provenance_id or file.upload_id}/{file.filename}{_PROVENANCE}"


def beside(project: str, file: File) -> Iterator[Beside]:
    """Yield the small objects that were stored with a file's bytes."""
    yield Beside(core_metadata(project, file), file.core_metadata_sha256)
    if file.provenance_sha256 is not None:
        yield Beside(provenance(project, file), file.provenance_sha256)


def parse_file_key(key: str) -> FileKey | None:
    """Return the parts of a key under `FILES`; None if it is not one of Wheelyard's keys."""
    parts = key.removeprefix(FILES).split("/")
    return FileKey(*parts) if len(parts) == 3 else None


def mirrored(sha256: str) -> str:
    """Return the key of the bytes with this digest, which were fetched from an upstream."""
    return f"{MIRRORED}{sha256[:2]}/{sha256}"


def advisories(sha256: str) -> str:
    """Return the key of the advisories with this digest."""
    return f"{ADVISORIES}{sha256}"


class SegmentKey(NamedTuple):
    """The parts of the key of a segment of the fetch log."""

    day: date
    replica: str
    number: int


def fetches_of(day: date) -> str:
    """Return the folder of a day of the fetch log."""
    return f"{FETCHES}{day.isoformat()}/"


def merged_fetches(day: date) -> str:
    """Return the key of the merged fetches of a day."""
    return f"{fetches_of(day)}{_DAY}"


def fetch_segment(segment: SegmentKey) -> str:
    """Return the key of the fetches that one replica wrote at once."""
    return f"{fetches_of(segment.day)}{segment.replica}-{segment.number:06}{_LOG}"


def parse_fetches(key: str) -> SegmentKey | date | None:
    """Return the segment that a key under `FETCHES` names, or the day whose merged fetches it has.

    None: it is not one of Wheelyard's keys.
    """
    folder, _, name = key.removeprefix(FETCHES).partition("/")
    try:
        day = date.fromisoformat(folder)
    except ValueError:
        return None
    match = _SEGMENT.fullmatch(name)
    if match is not None:
        found = SegmentKey(day, match[1], int(match[2]))
        return found if fetch_segment(found) == key else None
    return day if merged_fetches(day) == key else None


def spent(last_day: date, digest: str) -> str:
    """Return the key of the mark that a token was used."""
    return f"{SPENT}{last_day.isoformat()}/{digest}"


def is_past(spent_key: str, today: date) -> bool:
    """Return whether a mark is no longer needed."""
    return spent_key.removeprefix(SPENT) < today.isoformat()


def probe(identity: str) -> str:
    """Return the key of an object that tests whether conditional writes are safe."""
    return f"{PROBES}{identity}"


def verdict(server: Server, *, is_safe: bool) -> str:
    """Return the key of the result of testing a server.

    The two results have different keys, so that "unsafe" can be stored without a conditional write.
    """
    digest = hashlib.sha256("\n".join(server).encode()).hexdigest()
    return f"{CONDITIONAL_WRITES}{digest[:16]}/{'safe' if is_safe else 'unsafe'}.json"


def is_folder_marker(listed: Listed) -> bool:
    """Return whether this is a folder under `FILES`: servers on top of a file system may list folders."""
    return listed.size == 0 and listed.key.removeprefix(FILES).count("/") < 2
