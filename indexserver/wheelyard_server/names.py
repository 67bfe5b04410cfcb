"""Names as the packaging specifications define them, checked once at the edge.

A value of type `NormalizedName` proves that it was checked, so code that takes one need not check again.
Source: https://packaging.python.org/en/latest/specifications/name-normalization/ (PEP 503),
https://packaging.python.org/en/latest/specifications/binary-distribution-format/ (wheels) and
https://packaging.python.org/en/latest/specifications/source-distribution-format/ (PEP 625).
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from packaging.tags import Tag
from packaging.utils import (
    BuildTag,
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
    "DistributionIdentity",
    "FileType",
    "NormalizedName",
    "belongs_to",
    "distribution_identity",
    "other_spellings",
    "parse_filename",
    "parse_project_name",
    "parse_version",
    "standard_sdist_stem",
    "tag_count",
    "version_key",
]

PROJECT_NAME_LENGTH = 200
"""Keys and names of files are made of it."""
_SAFE_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,239}")
_WHEEL_TAGS = re.compile(r"(-[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*){3}\.whl\Z")
_TAGS = 500
"""More than any real wheel has; a compressed tag set grows as the product of its parts."""
_SDIST_SUFFIXES = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar.Z", ".tar")
"""All that sdists ever had; uploads have one of the first two."""
_PYTHON_TAG = re.compile(r"[A-Za-z]+\d")
_TRAILING_ZEROS = re.compile(r"((?:\d+!)?\d+(?:\.\d+)*?)(?:\.0)+(?=\Z|[^.\d]|\.[a-z])")
_BUILD_TAG = re.compile(r"(\d+)(.*)", re.DOTALL)


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


class DistributionIdentity(NamedTuple):
    """Which distribution of its project a file is. Equal for all spellings of a filename.

    Installers go by this and take either of two files that have it, so it has one content, for ever.
    """

    version: Version
    build: BuildTag = ()
    tags: tuple[str, ...] = ()
    """Pythons, ABIs and platforms of a wheel. An sdist has none: a version has one sdist, whatever its suffix."""


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


def version_key(version: str) -> str:
    """Return what equal versions have in common, without parsing: of one as `str` of a `Version` writes it."""
    zeros = _TRAILING_ZEROS.match(version) if ".0" in version else None
    return version if zeros is None else zeros[1] + version[zeros.end() :]


def parse_filename(filename: str) -> DistributionFilename:
    """Parse a wheel's or sdist's filename; raise `InvalidUploadError` if it is neither."""
    # Control characters and path separators end here, before the name reaches a key, a header or a page.
    if not _SAFE_FILENAME.fullmatch(filename):
        raise InvalidUploadError("The filename has characters that no distribution's filename may have")
    try:
        if filename.endswith(".whl"):
            _refuse_variant(filename)
            _check_wheel_tags(filename)
            project, version, _, tags = parse_wheel_filename(filename)
            return DistributionFilename(filename, project, version, FileType.WHEEL, tags)
        project, version = parse_sdist_filename(filename)
        return DistributionFilename(filename, project, version, FileType.SDIST)
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise InvalidUploadError(f"Neither a wheel's nor an sdist's filename: {error}") from None


def _refuse_variant(filename: str) -> None:
    """Say what a variant wheel is: in the place of a build tag, it has the Python tag.

    https://peps.python.org/pep-0825/
    """
    parts = filename.removesuffix(".whl").split("-")
    if len(parts) in {6, 7} and _PYTHON_TAG.match(parts[-4]):
        raise InvalidUploadError(
            f"A variant wheel (PEP 825, variant {parts[-1]}), which this index does not take yet:"
            " upload the wheel without a variant"
        )


def _check_wheel_tags(filename: str) -> None:
    if not _WHEEL_TAGS.search(filename) or tag_count(filename) > _TAGS:
        raise InvalidUploadError("The wheel's filename must end in its tags, such as -py3-none-any.whl")


def tag_count(compressed: str) -> int:
    """Return how many tags the compressed tag set at the end of `compressed` stands for."""
    return math.prod(part.removesuffix(".whl").count(".") + 1 for part in compressed.split("-")[-3:])


def distribution_identity(filename: str) -> DistributionIdentity | None:
    """Return which distribution a filename names; None if it is neither a wheel's nor an sdist's."""
    version = _version(_spelled_version(filename))
    if version is None:
        return None
    if not filename.endswith(".whl"):
        return DistributionIdentity(version)
    # Tags compare without case. The parts are compared, not the tags that they stand for, which may be many.
    parts = filename.removesuffix(".whl").split("-")
    tags = tuple(".".join(sorted(set(part.lower().split(".")))) for part in parts[-3:])
    return DistributionIdentity(version, _build_tag(parts[2]) if len(parts) > 5 else (), tags)


def other_spellings(filename: str, filenames: Iterable[str]) -> Iterator[str]:
    """Yield those of `filenames` that name the same distribution, without `filename`. All are of one project."""
    wanted = distribution_identity(filename)
    if wanted is None:
        return
    # A project may have tens of thousands of files: few of them are looked at in full.
    is_version = cache(lambda spelled: _version(spelled) == wanted.version)
    for other in filenames:
        is_candidate = other.endswith(".whl") is bool(wanted.tags) and is_version(_spelled_version(other))
        if is_candidate and other != filename and distribution_identity(other) == wanted:
            yield other


def _spelled_version(filename: str) -> str:
    """Return the version of a filename as it stands there; "" if there is none."""
    if filename.endswith(".whl"):
        return "".join(filename.split("-")[1:2])
    last = filename.rpartition("-")[2]
    return next((last.removesuffix(suffix) for suffix in _SDIST_SUFFIXES if last.endswith(suffix)), "")


def _version(spelled: str) -> Version | None:
    try:
        return Version(spelled)
    except ValueError:
        return None


def _build_tag(part: str) -> BuildTag:
    match = _BUILD_TAG.fullmatch(part)
    return (int(match[1]), match[2]) if match else ()


def belongs_to(folder: str, filename: DistributionFilename) -> bool:
    """Return whether `folder`, a `NAME-VERSION`, spells the project and version of a distribution."""
    name, _, version = folder.rpartition("-")
    try:
        return canonicalize_name(name) == filename.project and Version(version) == filename.version
    except InvalidVersion:
        return False


def standard_sdist_stem(filename: DistributionFilename) -> str:
    """Return what PEP 625 wants before `.tar.gz`."""
    return f"{filename.project.replace('-', '_')}-{filename.version}"
