"""Findings: problems of a distribution that are not deceptive.

Every check of an inspection is one of two kinds. A deception always raises `InvalidUploadError`:
two readers see different things, or an installer installs something that is not shown. So
does a file that no client can install. Every other problem is a finding with a `Rule`. An index
that accepts installable files stores it with the file; an index that accepts only well-formed files
refuses the upload.
"""

from collections import Counter
from enum import StrEnum

from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.model import MAX_FINDING_LENGTH, Finding
from wheelyard_server.settings import Accept


class Rule(StrEnum):
    """The names of all findings. They are stored in documents and shown, so they never change."""

    ZIP_COMMENT = "zip-comment"
    """The zip file has a comment at its end."""
    ZIP_DATA_DESCRIPTOR = "zip-data-descriptor"
    """The zip file was written to a pipe: sizes and checksums follow the content."""
    ARCHIVE_FOLDER_REPEATED = "archive-folder-repeated"
    """An empty folder occurs twice in the archive, perhaps in spellings that are the same on
    Windows."""
    WHEEL_VERSION = "wheel-version"
    """WHEEL has a Wheel-Version before 1.0."""
    WHEEL_TAGS = "wheel-tags"
    """The tags in WHEEL differ from those in the filename, which installers use."""
    RECORD_DIGEST_MISSING = "record-digest-missing"
    """RECORD has no digest of a file, or one by an unsupported algorithm."""
    RECORD_DIGEST = "record-digest"
    """RECORD has a wrong digest of a file in .dist-info that installers ignore, such as
    top_level.txt."""
    RECORD_DIGEST_HEX = "record-digest-hex"
    """RECORD has a digest in hex instead of URL-safe base64."""
    RECORD_SIZE = "record-size"
    """RECORD has a wrong size of a file, whose digest is right."""
    RECORD_REPEATED = "record-repeated"
    """RECORD lists a file more than once."""
    RECORD_FOLDER = "record-folder"
    """RECORD lists a folder."""
    RECORD_ABSENT_FILE = "record-absent-file"
    """RECORD lists a file that is not in the wheel."""
    RECORD_MISSING_ROW = "record-missing-row"
    """RECORD does not list a file of the wheel."""
    METADATA_VERSION = "metadata-version"
    """Metadata-Version is missing, or newer than the newest known one."""
    METADATA_ENCODING = "metadata-encoding"
    """The metadata of an sdist is not UTF-8; that of a wheel must be."""
    METADATA_LINE = "metadata-line"
    """A line of the metadata is not a header, such as a raw line of a license."""
    METADATA_FIELD = "metadata-field"
    """An optional field of the metadata is invalid."""
    METADATA_REQUIRES_PYTHON = "metadata-requires-python"
    """Requires-Python is not a valid version specifier, so it has no effect."""
    METADATA_SUMMARY = "metadata-summary"
    """Summary is longer than the part that is stored."""
    SDIST_FILENAME = "sdist-filename"
    """The sdist's filename does not follow PEP 625, although its metadata is newer."""
    SDIST_FOLDER = "sdist-folder"
    """The sdist's folder is not named NAME-VERSION."""


class Findings:
    """Collects the findings of one file, or refuses the file at the first finding."""

    def __init__(self, accept: Accept) -> None:
        self._accept = accept
        self._first: dict[Rule, str] = {}
        self._more: Counter[Rule] = Counter()

    def add(self, rule: Rule, message: str) -> None:
        """Add a finding; raise `InvalidUploadError` if the index accepts only well-formed files."""
        if self._accept is Accept.WELL_FORMED:
            raise InvalidUploadError(f"{message} ({rule}; this index accepts only well-formed files)")
        if rule in self._first:
            self._more[rule] += 1
        self._first.setdefault(rule, message)

    def found(self) -> tuple[Finding, ...]:
        """Return one finding per rule: the first, with the number of further ones."""
        return tuple(
            Finding(rule=rule, message=_counted(message, self._more[rule])) for rule, message in self._first.items()
        )


def _counted(message: str, more: int) -> str:
    suffix = f" (and {more} more)" if more else ""
    return message[: MAX_FINDING_LENGTH - len(suffix)] + suffix
