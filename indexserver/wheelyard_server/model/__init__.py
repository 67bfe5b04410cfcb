"""A project and its files, as the catalog stores them and pages show them.

This is also the structure of the project document in storage (`projects/<name>.json`), which
`catalog/encoding.py` reads and writes. Renaming a field needs a new `FORMAT` and a reader for the
old one. A new optional field needs neither: servers preserve keys that they do not know.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property
from itertools import islice

import msgspec

from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.model.part import Part
from wheelyard_server.model.status import Status
from wheelyard_server.names import other_spellings, version_key

FORMAT = 2
"""The newest format of the storage and its documents that this server knows."""
OLDEST_FORMAT = 1
"""The format of documents that do not state one."""
MAX_FINDINGS = 16
"""Maximum number of findings of a file."""
MAX_FINDING_LENGTH = 200
"""Maximum number of characters of a finding's message."""


class Change(Part, frozen=True):
    """The time and the author of a change."""

    at: datetime
    """In UTC."""
    by: str
    """The user's name."""


class Promotion(Part, frozen=True):
    """The promotion of a file from another index."""

    source: str = msgspec.field(name="from")
    """The other index, as `<namespace>/<name>`."""
    by: str
    """The user's name."""
    at: datetime
    """UTC."""


class Finding(Part, frozen=True):
    """A rule that an accepted file breaks."""

    rule: str
    """The rule's name, which never changes."""
    message: str
    """The problem of the file, for people; see `findings`."""


def findings(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings that are stored with a file: the first `MAX_FINDINGS`, with shortened messages."""
    kept = islice(found, MAX_FINDINGS)
    return tuple(each.replace(message=each.message[:MAX_FINDING_LENGTH]) for each in kept)


class File(Part, frozen=True, gc=False):
    """One distribution file of a project. In a document, only its yanked state and its provenance ever change."""

    filename: str
    version: str
    """Canonical version (PEP 440)."""
    upload_id: str
    """Part of the key of the bytes: `files/<project>/<upload id>/<filename>`. New for every
    upload."""
    size: int
    """In bytes (PEP 700)."""
    sha256: str
    """Digest of the whole file, in lower-case hex."""
    upload_time: datetime
    """When the file was first published, here or in the index that it came from, in UTC (PEP
    700)."""
    uploader: str
    """The user's name."""
    core_metadata_sha256: str
    """Digest of `<filename>.metadata`, which is METADATA or PKG-INFO, byte for byte."""
    requires_python: str | None = None
    """As in the file's core metadata (PEP 503)."""
    summary: str = ""
    """As in the file's core metadata."""
    provenance_sha256: str | None = None
    """Digest of `<filename>.provenance` (PEP 740); None if the file has no attestations."""
    provenance_id: str | None = None
    """Part of the key of the provenance, new whenever it changes; None means `upload_id`. Format
    2."""
    yanked: str | None = None
    """Reason why it is yanked, possibly empty (PEP 592); None if it is not yanked."""
    yank_changed: Change | None = None
    """When it was last yanked or unyanked. Format 2."""
    added: datetime | None = None
    """When this index received the file, in UTC; None means at its `upload_time`. Format 2."""
    promoted: Promotion | None = None
    """None if it was uploaded to this index. Format 2."""
    findings: tuple[Finding, ...] = ()
    """Rules that the file breaks, although it was accepted. Format 2."""
    license: str = ""
    """As in `MirroredFile`. Format 2."""

    @property
    def is_wheel(self) -> bool:
        """Return whether this is a wheel, not an sdist."""
        return self.filename.endswith(".whl")

    @property
    def has_provenance(self) -> bool:
        """Return whether the file has a provenance object (PEP 740)."""
        return self.provenance_sha256 is not None

    @property
    def published(self) -> datetime:
        """Return when the file was first published, in UTC."""
        return self.upload_time

    @property
    def object_ids(self) -> frozenset[str]:
        """Return the ids in the keys of the file's objects."""
        return _object_ids(self.upload_id, self.provenance_id)


class DeletedFile(Part, frozen=True, gc=False):
    """The record of a deleted file, which prevents that any spelling of its name returns with other bytes."""

    filename: str
    sha256: str
    upload_id: str
    deleted: datetime
    """When it was deleted, in UTC."""
    deleted_by: str = ""
    """The user's name; empty if unknown. Format 2."""
    upload_time: datetime | None = None
    """As in the file: the same bytes keep it if they are published again. Format 2."""
    provenance_id: str | None = None
    """As in the file. Format 2."""

    @property
    def object_ids(self) -> frozenset[str]:
        """Return the ids in the keys of the file's objects, which exist until they are collected."""
        return _object_ids(self.upload_id, self.provenance_id)


def _object_ids(upload_id: str, provenance_id: str | None) -> frozenset[str]:
    return frozenset((upload_id, provenance_id or upload_id))


class FencedUpload(Part, frozen=True):
    """An upload whose objects are being collected, so that it can never be committed."""

    upload_id: str
    fenced: datetime
    """When collecting began, in UTC."""


class Project(Part, frozen=True, dict=True):
    """A project's document. `name` is normalized. No filename occurs twice, including deleted ones.

    No distribution occurs in two spellings either, except in documents from before that was
    refused.
    """

    name: str
    format: int = OLDEST_FORMAT
    """The format of the document that this was read from."""
    serial: int = 0
    """Increases with each change of the document; see `catalog/serials.py`. Format 2."""
    owner: str = ""
    """The upstream that this name is mirrored from; empty if it is this index's own. Format 2."""
    operations: tuple[str, ...] = ()
    """Ids of the last writes, the newest last: a writer whose answer got lost recognizes its own
    write."""
    files: tuple[File, ...] = ()
    """In the order of upload."""
    deleted: tuple[DeletedFile, ...] = ()
    fenced: tuple[FencedUpload, ...] = ()
    status: Status = Status.ACTIVE
    status_reason: str = ""
    status_changed: Change | None = None
    """When the status was last set. Format 2."""
    mirror: Mirror | None = None
    """The files of the upstream `owner`; then `files` is empty. `deleted` need not be: files that were
    published here before never return with other bytes. Format 2."""
    claimed: Change | None = None
    """When the name was claimed from an upstream. Format 2."""
    former: tuple[Mirror, ...] = ()
    """The mirrors that the name was until it was claimed or got another owner, the last one first: if one
    returns, its filenames keep their digests. Format 2."""

    @property
    def all_files(self) -> Sequence[File | MirroredFile]:
        """Return the files of this index or those of the upstream: no project has both."""
        return self.files if self.mirror is None else self.mirror.files

    def file(self, filename: str) -> File | None:
        """Return the file of that name; None if there is none."""
        return self._by_name.get(filename)

    @cached_property
    def _by_name(self) -> dict[str, File]:
        return {file.filename: file for file in self.files}

    @cached_property
    def by_filename(self) -> tuple[File, ...]:
        """Return the files, sorted by filename."""
        return tuple(sorted(self.files, key=lambda file: file.filename))

    @cached_property
    def by_version(self) -> dict[str, tuple[File, ...]]:
        """Return the files of each version by its `version_key`, in the order of upload."""
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
        """Return when the last file was uploaded or deleted, in UTC; None if there never was one."""
        times = (*(file.upload_time for file in self.files), *(file.deleted for file in self.deleted))
        return max(times, default=None)

    def deleted_file(self, filename: str) -> DeletedFile | None:
        """Return the record of the deleted file of that name; None if there is none."""
        return next((file for file in self.deleted if file.filename == filename), None)

    def same_file(self, filename: str) -> File | None:
        """Return the file of that name, else the first file that spells the same distribution differently."""
        return self.file(filename) or self.file(_first_spelling(filename, self.files))

    def same_deleted_file(self, filename: str) -> DeletedFile | None:
        """Return the deleted file of that name, else the first that spells the same distribution differently."""
        return self.deleted_file(filename) or self.deleted_file(_first_spelling(filename, self.deleted))

    @property
    def versions(self) -> tuple[str, ...]:
        """Return all versions that have files, in the order of upload."""
        return tuple(dict.fromkeys(file.version for file in self.files))


def _first_spelling(filename: str, files: Iterable[File | DeletedFile]) -> str:
    """Return the first filename of the same distribution; "" if there is none."""
    return next(other_spellings(filename, (file.filename for file in files)), "")
