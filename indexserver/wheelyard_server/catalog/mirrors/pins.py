"""Edits of a mirror's document: what this index learned of a file when it fetched it. Pure functions."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from wheelyard_server.catalog.inspection.licenses import license_of
from wheelyard_server.catalog.mirrors.listed_file import ListedFile
from wheelyard_server.errors import UpstreamBytesError
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import MirroredFile


def with_bytes(project: Project, listed: ListedFile, sha256: str, size: int) -> Project:
    """Return the project with the digest and the size of a file.

    Raises `UpstreamBytesError` if the document has another digest: other bytes were fetched first.
    """

    def pinned(file: MirroredFile) -> MirroredFile:
        if file.sha256 and file.sha256 != sha256:
            raise UpstreamBytesError(
                listed.upstream, f"sent other bytes of {file.filename} than those that were fetched first"
            )
        return file.replace(sha256=sha256, pinned=file.pinned or not file.sha256, size=size)

    return _changed(project, listed, pinned)


def without_bytes(project: Project, listed: ListedFile, now: datetime) -> Project:
    """Return the project after the upstream was asked for a file that it has other bytes for by now.

    The known bytes are not kept, so the file cannot be installed: the next pages take it off the
    page.
    """

    def lost(file: MirroredFile) -> MirroredFile:
        return file.replace(gone=now) if file.conflict and file.gone is None else file

    return _changed(project, listed, lost)


class KnownMetadata(NamedTuple):
    """The digest and the license of core metadata."""

    sha256: str | None
    license: str

    @classmethod
    def of(cls, body: bytes | None) -> "KnownMetadata":
        """Return those of METADATA; None: a file has none."""
        return cls(None, "") if body is None else cls(hashlib.sha256(body).hexdigest(), license_of(body))


def with_metadata(project: Project, listed: ListedFile, known: KnownMetadata, *, extracted: bool) -> Project:
    """Return the project with the digest of a file's core metadata, and its license.

    Metadata that was extracted from the file always counts. Other metadata counts only if none was
    pinned since the file was `listed`.
    """

    def pinned(file: MirroredFile) -> MirroredFile:
        if not extracted and file.core_metadata_sha256 != listed.file.core_metadata_sha256:
            return file
        return file.replace(core_metadata_sha256=known.sha256, extracted=extracted, license=known.license)

    return _changed(project, listed, pinned)


def _changed(project: Project, listed: ListedFile, change: Callable[[MirroredFile], MirroredFile]) -> Project:
    file = listed.of(project)
    # By now the name may have another owner, or the page no longer lists this file.
    if file is None or project.mirror is None:
        return project
    changed = change(file)
    if changed == file:
        return project
    files = tuple(changed if each is file else each for each in project.mirror.files)
    return project.replace(mirror=project.mirror.replace(files=files))
