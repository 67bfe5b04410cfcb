"""Look into an uploaded distribution and read what its core metadata says.

Core metadata: https://packaging.python.org/en/latest/specifications/core-metadata/. All functions here block
and run in a thread.
"""

import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from packaging.metadata import parse_email
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.names import DistributionFilename, FileType

METADATA_BYTES = 2 * 1024 * 1024
"""More than any real project has; a bomb ends here."""


@dataclass(frozen=True, slots=True)
class CoreMetadata:
    """What a distribution says of itself, found to agree with its filename."""

    raw: bytes
    """`METADATA` or `PKG-INFO`, byte for byte."""
    requires_python: str | None
    summary: str


def read_core_metadata(path: Path, filename: DistributionFilename) -> CoreMetadata:
    """Return the core metadata of the distribution at `path`.

    Raises `InvalidUploadError` if there is none, or it disagrees with the filename.
    """
    raw = _read_raw(path, filename)
    fields, _ = parse_email(raw)
    _check_agreement(fields.get("name"), fields.get("version"), filename)
    return CoreMetadata(raw, _checked_specifiers(fields.get("requires_python")), fields.get("summary") or "")


def _read_raw(path: Path, filename: DistributionFilename) -> bytes:
    with _readable(filename.filename):
        if filename.filetype is FileType.WHEEL:
            with zipfile.ZipFile(path) as archive:
                return _read_member(archive, _wheel_metadata_name(archive, filename))
        member = f"{_sdist_root(filename)}/PKG-INFO"
        if filename.filename.endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                return _read_member(archive, member)
        with tarfile.open(path, "r:gz") as archive:
            return _read_tar_member(archive, member)


@contextmanager
def _readable(filename: str) -> Iterator[None]:
    """Say of a damaged archive that it is one, whatever the library calls it."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        EOFError,
        OSError,
        NotImplementedError,
        ValueError,
    ) as error:
        raise InvalidUploadError(f"{filename} is not a readable archive: {error}") from error


def _wheel_metadata_name(archive: zipfile.ZipFile, filename: DistributionFilename) -> str:
    """Return the name of METADATA; a wheel has exactly one .dist-info folder, and it is the project's."""
    folders = {name.partition("/")[0] for name in archive.namelist()}
    found = sorted(folder for folder in folders if folder.endswith(".dist-info"))
    if len(found) != 1:
        raise InvalidUploadError(f"{filename.filename} must have one .dist-info folder, it has {len(found)}")
    project = found[0].removesuffix(".dist-info").rpartition("-")[0]
    if canonicalize_name(project) != filename.project:
        raise InvalidUploadError(f"{filename.filename} holds {found[0]}, which is another project's")
    return f"{found[0]}/METADATA"


def _sdist_root(filename: DistributionFilename) -> str:
    return filename.filename.removesuffix(".tar.gz").removesuffix(".zip")


def _read_member(archive: zipfile.ZipFile, member: str) -> bytes:
    try:
        with archive.open(member) as file:
            return _read_bounded(file, member)
    except KeyError:
        raise InvalidUploadError(f"The archive has no {member}") from None


def _read_tar_member(archive: tarfile.TarFile, member: str) -> bytes:
    for info in archive:
        if info.name == member and info.isfile():
            file = archive.extractfile(info)
            if file is not None:
                return _read_bounded(file, member)
    raise InvalidUploadError(f"The archive has no {member}")


def _read_bounded(file: IO[bytes], member: str) -> bytes:
    raw = file.read(METADATA_BYTES + 1)
    if len(raw) > METADATA_BYTES:
        raise InvalidUploadError(f"{member} is larger than {METADATA_BYTES} bytes")
    return raw


def _check_agreement(name: str | None, version: str | None, filename: DistributionFilename) -> None:
    if not name or canonicalize_name(name) != filename.project:
        raise InvalidUploadError(f"The metadata in {filename.filename} names the project {name!r}")
    try:
        agrees = Version(version or "") == filename.version
    except InvalidVersion:
        agrees = False
    if not agrees:
        raise InvalidUploadError(f"The metadata in {filename.filename} has the version {version!r}")


def _checked_specifiers(requires_python: str | None) -> str | None:
    if not requires_python:
        return None
    try:
        SpecifierSet(requires_python)
    except InvalidSpecifier:
        raise InvalidUploadError(f"Requires-Python is not a version specifier: {requires_python!r}") from None
    return requires_python
