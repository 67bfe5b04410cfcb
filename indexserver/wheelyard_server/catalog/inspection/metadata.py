"""Core metadata: what a distribution says of itself.

https://packaging.python.org/en/latest/specifications/core-metadata/
"""

import re
from dataclasses import dataclass

from packaging.metadata import InvalidMetadata, Metadata, RawMetadata, parse_email
from packaging.utils import canonicalize_name

from wheelyard_server.catalog.inspection.wording import shown
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.names import DistributionFilename

METADATA_VERSIONS = ("1.0", "1.1", "1.2", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5")
"""2.0 was never a standard, but is what wheel wrote until 2018."""
_CHECKED = ("name", "version", "summary", "requires_python", "requires_dist", "provides_extra", "dynamic")
"""The fields that installers and the pages use; of others, many a real project has one that is wrong."""
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n|\r?\n\Z")
_HEADERS = re.compile(rb"(?:[!-9;-~]++:[^\0\r\n]*+(?:\r?\n[ \t][^\0\r\n]*+)*+(?:\r?\n|\Z))++")
"""RFC 5322 with UTF-8. After any other line, some parsers go on and others take the rest for the description."""
_FIELD_NAME = re.compile(rb"^[!-9;-~]+(?=:)", re.MULTILINE)
_FIELD_NAMES = 100
"""There are about 30; the time to parse them grows with the square of how many different ones there are."""
_CHARACTERS = 1000
"""For what the catalog keeps of each file."""


@dataclass(frozen=True, slots=True)
class CoreMetadata:
    """What a distribution says of itself, found to agree with its filename."""

    raw: bytes
    """`METADATA` or `PKG-INFO`, byte for byte."""
    metadata_version: str
    requires_python: str | None
    """A valid version specifier."""
    summary: str
    """One line; untrusted text, as all of this."""


def parse_metadata(raw: bytes, filename: DistributionFilename) -> CoreMetadata:
    """Read core metadata; raise `InvalidUploadError` unless it is valid and that of this filename."""
    fields = _parse_headers(raw)
    version = fields.get("metadata_version", "")
    if version not in METADATA_VERSIONS:
        newest = METADATA_VERSIONS[-1]
        raise InvalidUploadError(f"Metadata-Version {shown(version)} is not known here, the newest is {newest}")
    metadata = _validated(fields)
    if canonicalize_name(metadata.name) != filename.project:
        raise InvalidUploadError(f"The metadata names the project {shown(metadata.name)}, the filename another")
    if metadata.version != filename.version:
        raise InvalidUploadError(
            f"The metadata has the version {shown(str(metadata.version))}, the filename another"
        )
    # A long header may be folded into several lines.
    requires_python, summary = " ".join(fields.get("requires_python", "").split()), fields.get("summary", "")
    if max(len(requires_python), len(summary)) > _CHARACTERS:
        raise InvalidUploadError(f"Summary and Requires-Python may have at most {_CHARACTERS} characters each")
    return CoreMetadata(raw, version, requires_python or None, summary)


def fields_of(raw: bytes) -> RawMetadata:
    """Return the fields of stored core metadata, the description among them; what cannot be read is left out.

    The headers alone are parsed: a description that looks like nested mail recurses in Python's parser.
    """
    headers, *body = _END_OF_HEADERS.split(raw, maxsplit=1)
    try:
        fields, _ = parse_email(headers + b"\n\n")
    except (ValueError, RecursionError):  # It was checked when it was stored, perhaps by an older version.
        fields = RawMetadata()
    description = b"".join(body).decode(errors="replace")
    if description.strip():
        fields["description"] = description
    return fields


def _parse_headers(raw: bytes) -> RawMetadata:
    """Parse the headers alone: a long description cannot be wrong, but could pretend to be nested mail."""
    headers = _END_OF_HEADERS.split(raw, maxsplit=1)[0]
    if not _HEADERS.fullmatch(headers):
        raise InvalidUploadError("The metadata must be lines like 'Name: demo', an empty line and the description")
    if len({name.lower() for name in _FIELD_NAME.findall(headers)}) > _FIELD_NAMES:
        raise InvalidUploadError(f"The metadata has more than {_FIELD_NAMES} different fields")
    try:
        headers.decode()
        fields, unparsed = parse_email(headers + b"\n\n")
    except ValueError as error:
        raise InvalidUploadError(f"The metadata cannot be read: {shown(str(error))}") from None
    for name in ("metadata-version", "name", "version", "requires-python"):
        if name in unparsed:
            raise InvalidUploadError(f"The metadata must have {name.title()} once")
    return fields


def _validated(fields: RawMetadata) -> Metadata:
    metadata = Metadata.from_raw(fields, validate=False)
    try:
        for name in _CHECKED:
            getattr(metadata, name)
    except InvalidMetadata as error:
        raise InvalidUploadError(f"The metadata is not valid: {shown(str(error))}") from None
    except RecursionError:
        raise InvalidUploadError("The metadata is not valid: a requirement's marker is nested too deeply") from None
    except ValueError as error:
        # What Python says of numbers with thousands of digits.
        raise InvalidUploadError(f"The metadata is not valid: {shown(str(error))}") from None
    return metadata
