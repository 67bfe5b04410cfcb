"""Problems of a distribution that deceive nobody.

Every check of an inspection is one of two kinds. A deception (two readers see different things, or an installer
installs something other than what is shown) raises `InvalidUploadError`, always; so does a file that no client can
install. Every other problem is a finding with a `Rule`. An index that accepts installable files stores it with the
file; an index that accepts only well-formed files refuses the upload.
"""

from collections import Counter
from enum import StrEnum

from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.model import MAX_FINDING_LENGTH, Finding
from wheelyard_server.settings import Accept


class Rule(StrEnum):
    """The names of all findings. They are kept in documents and shown, so they never change."""

    ZIP_COMMENT = "zip-comment"
    """The zip file has a comment at its end."""
    ZIP_DATA_DESCRIPTOR = "zip-data-descriptor"
    """The zip file was written to a pipe: sizes and checksums follow the content."""
    ARCHIVE_FOLDER_REPEATED = "archive-folder-repeated"
    """A folder without content is in the archive twice, maybe in a spelling that Windows takes for the same."""
    WHEEL_VERSION = "wheel-version"
    """WHEEL has a Wheel-Version before 1.0."""
    WHEEL_TAGS = "wheel-tags"
    """The tags of WHEEL are not those of the filename, by which installers go."""
    RECORD_DIGEST_MISSING = "record-digest-missing"
    """RECORD has no digest of a file, or one by an algorithm that does not count."""
    RECORD_DIGEST = "record-digest"
    """RECORD has another digest of a file in .dist-info that nobody installs by, such as top_level.txt."""
    RECORD_DIGEST_HEX = "record-digest-hex"
    """RECORD has a digest in hex instead of URL-safe base64."""
    RECORD_SIZE = "record-size"
    """RECORD has another size of a file, whose digest is right."""
    RECORD_REPEATED = "record-repeated"
    """RECORD lists a file more than once."""
    RECORD_FOLDER = "record-folder"
    """RECORD lists a folder."""
    RECORD_ABSENT_FILE = "record-absent-file"
    """RECORD lists a file that is not in the wheel."""
    RECORD_MISSING_ROW = "record-missing-row"
    """RECORD does not list a file of the wheel."""
    METADATA_VERSION = "metadata-version"
    """Metadata-Version is missing, or newer than all that are known here."""
    METADATA_ENCODING = "metadata-encoding"
    """The metadata of an sdist are not UTF-8; those of a wheel have to be."""
    METADATA_LINE = "metadata-line"
    """A line of the metadata is no header, such as a raw line of a license."""
    METADATA_FIELD = "metadata-field"
    """A field of the metadata that may be wrong is wrong."""
    METADATA_REQUIRES_PYTHON = "metadata-requires-python"
    """Requires-Python is no version specifier, so that it limits nothing."""
    METADATA_SUMMARY = "metadata-summary"
    """Summary is longer than what is kept of it."""
    SDIST_FILENAME = "sdist-filename"
    """The sdist's filename is not spelled as PEP 625 has it, though its metadata are newer."""
    SDIST_FOLDER = "sdist-folder"
    """The sdist's folder is not NAME-VERSION."""


class Findings:
    """Collects the findings of one file, or refuses it at the first."""

    def __init__(self, accept: Accept) -> None:
        self._accept = accept
        self._first: dict[Rule, str] = {}
        self._more: Counter[Rule] = Counter()

    def add(self, rule: Rule, message: str) -> None:
        """Take a finding; raise `InvalidUploadError` if the index takes only well-formed files."""
        if self._accept is Accept.WELL_FORMED:
            raise InvalidUploadError(f"{message} ({rule}; this index takes only what is well-formed)")
        if rule in self._first:
            self._more[rule] += 1
        self._first.setdefault(rule, message)

    def found(self) -> tuple[Finding, ...]:
        """Return one finding for each rule: the first, and how many more there were."""
        return tuple(
            Finding(rule=rule, message=_counted(message, self._more[rule])) for rule, message in self._first.items()
        )


def _counted(message: str, more: int) -> str:
    suffix = f" (and {more} more)" if more else ""
    return message[: MAX_FINDING_LENGTH - len(suffix)] + suffix
