"""A project and its files, as the catalog keeps them and the pages show them.

These are also the shape of the project document in storage (`projects/<name>.json`), so a field that is
renamed here needs a new `FORMAT` and a reader for the old one.
"""

from datetime import datetime
from typing import Self

import msgspec

FORMAT = 1
"""Version of the storage layout and of the documents in it."""


class File(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="kebab"):
    """One distribution file of a project. Immutable once it is in a document."""

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
    """UTC, PEP 700."""
    uploader: str
    """The user's name."""
    requires_python: str | None = None
    """As in the file's core metadata, PEP 503."""
    core_metadata_sha256: str | None = None
    """Of `<filename>.metadata`, PEP 658; None for an sdist."""


class Project(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """A project's document. `name` is normalised; no two files have the same filename."""

    name: str
    format: int = FORMAT
    operation: str = ""
    """Id of the write that made this document: how a writer whose answer got lost knows its own work."""
    files: tuple[File, ...] = ()

    def file(self, filename: str) -> File | None:
        """Return the file of that name, if there is one."""
        return next((file for file in self.files if file.filename == filename), None)

    def with_file(self, file: File) -> Self:
        """Return this project with one more file, kept in the order of upload."""
        return msgspec.structs.replace(self, files=(*self.files, file))
