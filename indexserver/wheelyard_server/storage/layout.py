"""Where everything lies in a storage: the one place that spells keys."""

import hashlib
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from wheelyard_server.model import File
from wheelyard_server.storage import Listed, Server

INDEX = "wheelyard.json"
"""Format version and whose storage it is."""
DOCUMENTS = "projects/"
"""Prefix of all project documents."""
FILES = "files/"
"""Prefix of all files and what lies beside them."""
CATALOG = "catalog/"
"""Prefix of what is derived: safe to delete."""
PROBES = f"{CATALOG}probe/"
"""Prefix of the objects that show whether conditional writes are safe; each is there for a moment."""
SNAPSHOT = f"{CATALOG}projects.json"
"""What the project list knows of every project."""
SPENT = "spent/"
"""Prefix of what marks something as used up, by the day after which it does not matter any more."""
CONDITIONAL_WRITES = "conditional-writes/"
"""Prefix of what was found out about conditional writes, by the server that was tried."""

_DOCUMENT = ".json"
_METADATA = ".metadata"
_PROVENANCE = ".provenance"


class FileKey(NamedTuple):
    """The parts of the key of a file, or of what lies beside it."""

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
    """Yield what was stored with a file's bytes."""
    yield Beside(core_metadata(project, file), file.core_metadata_sha256)
    if file.provenance_sha256 is not None:
        yield Beside(provenance(project, file), file.provenance_sha256)


def parse_file_key(key: str) -> FileKey | None:
    """Take a key under `FILES` apart; None is not one of ours."""
    parts = key.removeprefix(FILES).split("/")
    return FileKey(*parts) if len(parts) == 3 else None


def spent(last_day: date, digest: str) -> str:
    """Return the key of the mark that something was used."""
    return f"{SPENT}{last_day.isoformat()}/{digest}"


def is_past(spent_key: str, today: date) -> bool:
    """Return whether a mark does not matter any more."""
    return spent_key.removeprefix(SPENT) < today.isoformat()


def probe(identity: str) -> str:
    """Return the key of an object that tests whether conditional writes are safe."""
    return f"{PROBES}{identity}"


def verdict(server: Server, *, is_safe: bool) -> str:
    """Return the key of what was found out about a server.

    Each of the two has a key of its own: what is found unsafe can be remembered without a conditional write.
    """
    digest = hashlib.sha256("\n".join(server).encode()).hexdigest()
    return f"{CONDITIONAL_WRITES}{digest[:16]}/{'safe' if is_safe else 'unsafe'}.json"


def is_folder_marker(listed: Listed) -> bool:
    """Return whether this stands for a folder under `FILES`: servers on a file system may list theirs."""
    return listed.size == 0 and listed.key.removeprefix(FILES).count("/") < 2
