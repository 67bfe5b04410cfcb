"""Names of projects, versions and files, as the packaging specifications define them.

They are checked once, when they arrive. The type `NormalizedName` proves that a name was checked.
Sources: https://packaging.python.org/en/latest/specifications/name-normalization/ (PEP 503),
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
    "SDIST_SUFFIXES",
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
    "possible_projects",
    "standard_sdist_stem",
    "tag_count",
    "version_key",
]

MAX_SPLITS = 12
"""How many ends of a project's name in a filename are looked at."""
PROJECT_NAME_LENGTH = 200
"""Maximum length: keys and filenames contain the name."""
_SAFE_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,239}")
_PROJECT_NAME = re.compile(rf"(?=.{{1,{PROJECT_NAME_LENGTH}}}\Z)[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_DASH, _SEPARATOR = re.compile("-"), re.compile("[-_.]")
_WHEEL_TAGS = re.compile(r"(-[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*){3}\.whl\Z")
_TAGS = 500
"""Maximum number of tags, more than any real wheel has: a compressed tag set is the product of its
parts."""
SDIST_SUFFIXES = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar.Z", ".tar")
"""All suffixes that sdists ever had; uploads have one of the first two."""
_PYTHON_TAG = re.compile(r"[A-Za-z]+\d")
_TRAILING_ZEROS = re.compile(r"((?:\d+!)?\d+(?:\.\d+)*?)(?:\.0)+(?=\Z|[^.\d]|\.[a-z])")
_BUILD_TAG = re.compile(r"(\d+)(.*)", re.DOTALL)


class FileType(StrEnum):
    """The `filetype` of the upload API: the two types that are still built."""

    WHEEL = "bdist_wheel"
    SDIST = "sdist"


@dataclass(frozen=True, slots=True)
class DistributionFilename:
    """The parsed filename of a distribution."""

    filename: str
    project: NormalizedName
    version: Version
    filetype: FileType
    tags: frozenset[Tag] = frozenset()
    """Tags of a wheel; empty for an sdist."""


class DistributionIdentity(NamedTuple):
    """The identity of a distribution within its project, equal for all spellings of its filename.

    Installers use it and may pick either of two files with the same identity. So its content never
    changes.
    """

    version: Version
    build: BuildTag = ()
    tags: tuple[str, ...] = ()
    """Pythons, ABIs and platforms of a wheel. Empty for an sdist: a version has one sdist, in any
    format."""


def parse_project_name(name: str) -> NormalizedName:
    """Return the normalized form of a project name; raise `NotFoundError` if it is invalid."""
    if len(name) > PROJECT_NAME_LENGTH:
        raise NotFoundError("This is not a valid project name")
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName:
        raise NotFoundError("This is not a valid project name") from None


def parse_version(version: str) -> Version:
    """Return a version (PEP 440), equal to all its spellings; raise `NotFoundError` if it is invalid."""
    try:
        return Version(version)
    except ValueError:
        # Python also raises this for numbers with thousands of digits.
        raise NotFoundError("This is not a valid version") from None


def possible_projects(filename: str) -> tuple[NormalizedName, ...]:
    """Return the projects to which a file of this name may belong, the likeliest first.

    A filename does not show where the name ends: `a-b-1.0.tar.gz` may be of `a-b` or of `a`.
    """
    is_wheel = filename.endswith(".whl")
    ends = [each.start() for each in (_DASH if is_wheel or _is_sdist(filename) else _SEPARATOR).finditer(filename)]
    # The name in a wheel's filename has no dash.
    names = [filename[:end] for end in (ends[:1] if is_wheel else ends[: -MAX_SPLITS - 1 : -1])]
    return tuple(dict.fromkeys(canonicalize_name(name) for name in names if _PROJECT_NAME.fullmatch(name)))


def _is_sdist(filename: str) -> bool:
    return filename.endswith(SDIST_SUFFIXES)


def version_key(version: str) -> str:
    """Return a key that equal versions share, without parsing; the version must be in its canonical form."""
    zeros = _TRAILING_ZEROS.match(version) if ".0" in version else None
    return version if zeros is None else zeros[1] + version[zeros.end() :]


def parse_filename(filename: str) -> DistributionFilename:
    """Parse a wheel's or sdist's filename; raise `InvalidUploadError` if it is neither."""
    # Refuse control characters and path separators before the name reaches a key, a header or a
    # page.
    if not _SAFE_FILENAME.fullmatch(filename):
        raise InvalidUploadError("The filename contains characters that a distribution's filename may not have")
    try:
        if filename.endswith(".whl"):
            _refuse_variant(filename)
            _check_wheel_tags(filename)
            project, version, _, tags = parse_wheel_filename(filename)
            return DistributionFilename(filename, project, version, FileType.WHEEL, tags)
        project, version = parse_sdist_filename(filename)
        return DistributionFilename(filename, project, version, FileType.SDIST)
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise InvalidUploadError(f"Not the filename of a wheel or an sdist: {error}") from None


def _refuse_variant(filename: str) -> None:
    """Refuse a variant wheel, which has the Python tag in place of a build tag.

    https://peps.python.org/pep-0825/
    """
    parts = filename.removesuffix(".whl").split("-")
    if len(parts) in {6, 7} and _PYTHON_TAG.match(parts[-4]):
        raise InvalidUploadError(
            f"This index does not accept variant wheels yet (PEP 825, variant {parts[-1]}):"
            " upload the wheel without a variant"
        )


def _check_wheel_tags(filename: str) -> None:
    if not _WHEEL_TAGS.search(filename) or tag_count(filename) > _TAGS:
        raise InvalidUploadError("The wheel's filename must end in its tags, such as -py3-none-any.whl")


def tag_count(compressed: str) -> int:
    """Return the number of tags in the compressed tag set at the end of `compressed`."""
    return math.prod(part.removesuffix(".whl").count(".") + 1 for part in compressed.split("-")[-3:])


def distribution_identity(filename: str) -> DistributionIdentity | None:
    """Return the identity of the distribution with this filename; None if it is not a wheel or an sdist."""
    version = _version(_spelled_version(filename))
    if version is None:
        return None
    if not filename.endswith(".whl"):
        return DistributionIdentity(version)
    # Tags are case-insensitive. Compare the compressed parts, not the tags in them, which may be
    # many.
    parts = filename.removesuffix(".whl").split("-")
    tags = tuple(".".join(sorted(set(part.lower().split(".")))) for part in parts[-3:])
    return DistributionIdentity(version, _build_tag(parts[2]) if len(parts) > 5 else (), tags)


def other_spellings(filename: str, filenames: Iterable[str]) -> Iterator[str]:
    """Yield the other `filenames` of the same distribution; all filenames belong to one project."""
    wanted = distribution_identity(filename)
    if wanted is None:
        return
    # A project may have tens of thousands of files: only few are parsed completely.
    is_version = cache(lambda spelled: _version(spelled) == wanted.version)
    for other in filenames:
        is_candidate = other.endswith(".whl") is bool(wanted.tags) and is_version(_spelled_version(other))
        if is_candidate and other != filename and distribution_identity(other) == wanted:
            yield other


def _spelled_version(filename: str) -> str:
    """Return the version in a filename as it is spelled; "" if there is none."""
    if filename.endswith(".whl"):
        return "".join(filename.split("-")[1:2])
    last = filename.rpartition("-")[2]
    return next((last.removesuffix(suffix) for suffix in SDIST_SUFFIXES if last.endswith(suffix)), "")


def _version(spelled: str) -> Version | None:
    try:
        return Version(spelled)
    except ValueError:
        return None


def _build_tag(part: str) -> BuildTag:
    match = _BUILD_TAG.fullmatch(part)
    return (int(match[1]), match[2]) if match else ()


def belongs_to(folder: str, filename: DistributionFilename) -> bool:
    """Return whether `folder` is a spelling of a distribution's `NAME-VERSION`."""
    name, _, version = folder.rpartition("-")
    try:
        return canonicalize_name(name) == filename.project and Version(version) == filename.version
    except InvalidVersion:
        return False


def standard_sdist_stem(filename: DistributionFilename) -> str:
    """Return the filename without `.tar.gz` that PEP 625 requires."""
    return f"{filename.project.replace('-', '_')}-{filename.version}"
