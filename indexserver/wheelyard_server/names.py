"""Names as the packaging specifications define them, checked once at the edge.

A value of type `NormalizedName` proves that it was checked, so code that takes one need not check again.
Source: https://packaging.python.org/en/latest/specifications/name-normalization/ (PEP 503),
https://packaging.python.org/en/latest/specifications/binary-distribution-format/ (wheels) and
https://packaging.python.org/en/latest/specifications/source-distribution-format/ (PEP 625).
"""

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from packaging.tags import Tag
from packaging.utils import (
    InvalidName,
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from wheelyard_server.errors import InvalidUploadError, NotFoundError

__all__ = [
    "DistributionFilename",
    "FileType",
    "NormalizedName",
    "belongs_to",
    "parse_filename",
    "parse_project_name",
    "parse_version",
    "standard_sdist_stem",
    "tag_count",
]

PROJECT_NAME_LENGTH = 200
"""Keys and names of files are made of it."""
_SAFE_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,239}")
_WHEEL_TAGS = re.compile(r"(-[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*){3}\.whl\Z")
_TAGS = 500
"""More than any real wheel has; a compressed tag set grows as the product of its parts."""


class FileType(StrEnum):
    """The `filetype` of the upload API; the two that packaging still builds."""

    WHEEL = "bdist_wheel"
    SDIST = "sdist"


@dataclass(frozen=True, slots=True)
class DistributionFilename:
    """What a distribution's filename says about it."""

    filename: str
    project: NormalizedName
    version: Version
    filetype: FileType
    tags: frozenset[Tag] = frozenset()
    """Of a wheel; an sdist has none."""


def parse_project_name(name: str) -> NormalizedName:
    """Return the normalised form of a project name; raise `NotFoundError` if it is none."""
    if len(name) > PROJECT_NAME_LENGTH:
        raise NotFoundError("This is not a valid project name")
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName:
        raise NotFoundError("This is not a valid project name") from None


def parse_version(version: str) -> Version:
    """Return a version (PEP 440), equal to all its spellings; raise `NotFoundError` if it is none."""
    try:
        return Version(version)
    except ValueError:
        # Also what Python says of numbers with thousands of digits.
        raise NotFoundError("This is not a valid version") from None


def parse_filename(filename: str) -> DistributionFilename:
    """Parse a wheel's or sdist's filename; raise `InvalidUploadError` if it is neither."""
    # Control characters and path separators end here, before the name reaches a key, a header or a page.
    if not _SAFE_FILENAME.fullmatch(filename):
        raise InvalidUploadError("The filename has characters that no distribution's filename may have")
    try:
        if filename.endswith(".whl"):
            _check_wheel_tags(filename)
            project, version, _, tags = parse_wheel_filename(filename)
            return DistributionFilename(filename, project, version, FileType.WHEEL, tags)
        project, version = parse_sdist_filename(filename)
        return DistributionFilename(filename, project, version, FileType.SDIST)
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise InvalidUploadError(f"Neither a wheel's nor an sdist's filename: {error}") from None


def _check_wheel_tags(filename: str) -> None:
    if not _WHEEL_TAGS.search(filename) or tag_count(filename) > _TAGS:
        raise InvalidUploadError("The wheel's filename must end in its tags, such as -py3-none-any.whl")


def tag_count(compressed: str) -> int:
    """Return how many tags the compressed tag set at the end of `compressed` stands for."""
    return math.prod(part.removesuffix(".whl").count(".") + 1 for part in compressed.split("-")[-3:])


def belongs_to(folder: str, filename: DistributionFilename) -> bool:
    """Tell whether `folder`, a `NAME-VERSION`, spells the project and version of a distribution."""
    name, _, version = folder.rpartition("-")
    try:
        return canonicalize_name(name) == filename.project and Version(version) == filename.version
    except InvalidVersion:
        return False


def standard_sdist_stem(filename: DistributionFilename) -> str:
    """Return what PEP 625 wants before `.tar.gz`."""
    return f"{filename.project.replace('-', '_')}-{filename.version}"
