"""A project and its files, as the catalog keeps them and the pages show them.

These are also the shape of the project document in storage (`projects/<name>.json`), which `catalog/encoding.py`
reads and writes. A field that is renamed here needs a new `FORMAT` and a reader for the old one. A new optional
field needs neither: servers keep keys that they do not know.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from itertools import islice
from typing import Self

import msgspec

from wheelyard_server.names import other_spellings, version_key

FORMAT = 2
"""The newest version of the storage layout and of the documents in it that this server knows."""
OLDEST_FORMAT = 1
"""Of documents that do not say theirs."""
MAX_FINDINGS = 16
"""Of a file."""
MAX_FINDING_LENGTH = 200
"""In characters, of a finding's message."""
UNKNOWN = " unknown"
"""The key of `unknown` until `catalog/encoding.py` replaces it; no release has a key that begins with a space."""


class _Part(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, rename="kebab"
):
    unknown: bytes = msgspec.field(default=b"", name=UNKNOWN)
    """JSON object of the keys that a newer release has put here. They are written back as they were."""

    def replace(self, **fields: object) -> Self:
        """Return this with other values in some fields."""
        return msgspec.structs.replace(self, **fields)


class Change(_Part, frozen=True):
    """When something was changed, and by whom."""

    at: datetime
    """UTC."""
    by: str
    """The user's name."""


class Promotion(_Part, frozen=True):
    """How a file came from another index."""

    source: str = msgspec.field(name="from")
    """That index, as `<namespace>/<name>`."""
    by: str
    """The user's name."""
    at: datetime
    """UTC."""


class Finding(_Part, frozen=True):
    """A rule that a file breaks although it was accepted."""

    rule: str
    """The rule's name, which never changes."""
    message: str
    """What is wrong with the file, for people; see `findings`."""


def findings(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings that are kept of a file: the first `MAX_FINDINGS`, their messages shortened."""
    kept = islice(found, MAX_FINDINGS)
    return tuple(each.replace(message=each.message[:MAX_FINDING_LENGTH]) for each in kept)


class File(_Part, frozen=True, gc=False):
    """One distribution file of a project. Once it is in a document, only whether it is yanked ever changes."""

    filename: str
    version: str
    """Canonical version, PEP 440."""
    upload_id: str
    """Says where the bytes lie: `files/<project>/<upload id>/<filename>`. Fresh for every upload."""
    size: int
    """In bytes, PEP 700."""
    sha256: str
    """Lower-case hex, of the whole file."""
    upload_time: datetime
    """When the file was first published, here or in the index that it came from. UTC, PEP 700."""
    uploader: str
    """The user's name."""
    core_metadata_sha256: str
    """Of `<filename>.metadata`: METADATA or PKG-INFO, byte for byte."""
    requires_python: str | None = None
    """As in the file's core metadata, PEP 503."""
    summary: str = ""
    """As in the file's core metadata."""
    provenance_sha256: str | None = None
    """Of `<filename>.provenance`, PEP 740; None where the file has no attestations."""
    provenance_id: str | None = None
    """Says where the provenance lies, as `upload_id` does, fresh whenever it changes; None is beside the bytes.
    Format 2."""
    yanked: str | None = None
    """Why it should not be chosen any more, maybe empty, PEP 592; None is not yanked."""
    yank_changed: Change | None = None
    """When it was last yanked or unyanked. Format 2."""
    added: datetime | None = None
    """When this index took the file, UTC; None is at its `upload_time`. Format 2."""
    promoted: Promotion | None = None
    """None: it was uploaded here. Format 2."""
    findings: tuple[Finding, ...] = ()
    """Rules that the file breaks although it was accepted. Format 2."""

    @property
    def is_wheel(self) -> bool:
        """Tell a wheel from an sdist."""
        return self.filename.endswith(".whl")

    @property
    def object_ids(self) -> frozenset[str]:
        """Return the ids under which the file's objects lie."""
        return _object_ids(self.upload_id, self.provenance_id)


class DeletedFile(_Part, frozen=True, gc=False):
    """What is kept of a deleted file: no spelling of its name ever comes back with other bytes."""

    filename: str
    sha256: str
    upload_id: str
    deleted: datetime
    """UTC."""
    deleted_by: str = ""
    """The user's name; empty where it is not known. Format 2."""
    upload_time: datetime | None = None
    """That of the file: the same bytes, published again, keep it. UTC. Format 2."""
    provenance_id: str | None = None
    """That of the file. Format 2."""

    @property
    def object_ids(self) -> frozenset[str]:
        """Return the ids under which the file's objects lie until they are collected."""
        return _object_ids(self.upload_id, self.provenance_id)


def _object_ids(upload_id: str, provenance_id: str | None) -> frozenset[str]:
    return frozenset((upload_id, provenance_id or upload_id))


class FencedUpload(_Part, frozen=True):
    """An upload whose objects are being collected, so that it can never be committed any more."""

    upload_id: str
    fenced: datetime
    """UTC."""


class Status(StrEnum):
    """The status markers of PEP 792.

    https://packaging.python.org/en/latest/specifications/project-status-markers/
    """

    ACTIVE = "active"
    ARCHIVED = "archived"
    """Takes no uploads; is installed as ever."""
    QUARANTINED = "quarantined"
    """Takes no uploads and offers no files."""
    DEPRECATED = "deprecated"
    """Takes uploads and is installed as ever; tools may warn."""

    @property
    def takes_uploads(self) -> bool:
        """Return whether files may be added."""
        return self in (Status.ACTIVE, Status.DEPRECATED)

    @property
    def offers_files(self) -> bool:
        """Return whether files may be listed and downloaded."""
        return self is not Status.QUARANTINED


class Project(_Part, frozen=True, dict=True):
    """A project's document. `name` is normalised; no filename is there twice, whether deleted or not.

    Nor is a distribution in two spellings, but in documents from before that was refused.
    """

    name: str
    format: int = OLDEST_FORMAT
    """That of the document which this was read from."""
    serial: int = 0
    """Grows with each change of the document; see `catalog/serials.py`. Format 2."""
    owner: str = ""
    """Whose name this is: empty is this index's own, else the upstream that is mirrored. Format 2."""
    operations: tuple[str, ...] = ()
    """Ids of the last writes, the newest last: how a writer whose answer got lost knows its own work."""
    files: tuple[File, ...] = ()
    """In the order of upload."""
    deleted: tuple[DeletedFile, ...] = ()
    fenced: tuple[FencedUpload, ...] = ()
    status: Status = Status.ACTIVE
    status_reason: str = ""
    status_changed: Change | None = None
    """When the status was last set. Format 2."""

    def file(self, filename: str) -> File | None:
        """Return the file of that name, if there is one."""
        return self._by_name.get(filename)

    @cached_property
    def _by_name(self) -> dict[str, File]:
        return {file.filename: file for file in self.files}

    @cached_property
    def by_filename(self) -> tuple[File, ...]:
        """The files, sorted by filename."""
        return tuple(sorted(self.files, key=lambda file: file.filename))

    @cached_property
    def by_version(self) -> dict[str, tuple[File, ...]]:
        """The files of each version by its `version_key`, in the order of upload."""
        keys = {version: version_key(version) for version in self.versions}
        found: dict[str, list[File]] = {}
        for file in self.files:
            found.setdefault(keys[file.version], []).append(file)
        return {version: tuple(files) for version, files in found.items()}

    @cached_property
    def has_provenance(self) -> bool:
        """Return whether any file has a provenance object (PEP 740)."""
        return any(file.provenance_sha256 is not None for file in self.files)

    @cached_property
    def last_time(self) -> datetime | None:
        """When the last file was uploaded or deleted, UTC; None if there never was one."""
        times = (*(file.upload_time for file in self.files), *(file.deleted for file in self.deleted))
        return max(times, default=None)

    def deleted_file(self, filename: str) -> DeletedFile | None:
        """Return what is kept of the deleted file of that name, if there was one."""
        return next((file for file in self.deleted if file.filename == filename), None)

    def same_file(self, filename: str) -> File | None:
        """Return the file of that name, else the first that spells the same distribution in another way."""
        return self.file(filename) or self.file(_first_spelling(filename, self.files))

    def same_deleted_file(self, filename: str) -> DeletedFile | None:
        """Return the deleted file of that name, else the first that spelled the same distribution."""
        return self.deleted_file(filename) or self.deleted_file(_first_spelling(filename, self.deleted))

    @property
    def versions(self) -> tuple[str, ...]:
        """All versions that have files, in the order of upload."""
        return tuple(dict.fromkeys(file.version for file in self.files))


def _first_spelling(filename: str, files: Iterable[File | DeletedFile]) -> str:
    """Return the first filename that is the same distribution; "" if there is none."""
    return next(other_spellings(filename, (file.filename for file in files)), "")
