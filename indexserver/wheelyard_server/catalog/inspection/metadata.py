"""Core metadata: the description that a distribution contains.

https://packaging.python.org/en/latest/specifications/core-metadata/
"""

import re
from dataclasses import dataclass

from packaging.metadata import InvalidMetadata, Metadata, RawMetadata, parse_email
from packaging.utils import canonicalize_name

from wheelyard_server.catalog.inspection.findings import Findings, Rule
from wheelyard_server.catalog.inspection.wording import shown
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.names import DistributionFilename, FileType

METADATA_VERSIONS = ("1.0", "1.1", "1.2", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5")
"""2.0 was never a standard, but wheel wrote it until 2018."""
_NEXT_MAJOR_VERSION = 3
"""The first major version of metadata whose meaning is unknown."""
_REQUIRED = ("name", "version")
_CHECKED = ("summary", "requires_dist", "provides_extra", "dynamic")
"""With Requires-Python, the fields that installers and pages use. In other fields, many real
projects have errors."""
_ONCE = ("metadata-version", "name", "version", "requires-python")
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n|\r?\n\Z")
_LINE = rb"[^\0\r\n]*+(?:\r?\n|\Z)"
_HEADERS = re.compile(rb"(?:^[!-9;-~]++:" + _LINE + rb"(?:[ \t]" + _LINE + rb")*+)++", re.MULTILINE)
"""Headers by RFC 5322, with UTF-8."""
_LINES = re.compile(rb"(?:(?!\Z)" + _LINE + rb")++")
"""Lines that end at the same place for all readers."""
_FIELD_NAME = re.compile(rb"^[!-9;-~]+(?=:)", re.MULTILINE)
_FIELD_NAMES = 100
"""Maximum number of different fields. About 30 exist; parsing takes quadratic time in their
number."""
_CHARACTERS = 1000
"""Maximum length of the fields that the catalog stores with each file."""
_SHAPE = "The metadata must be lines like 'Name: demo', an empty line and the description"


@dataclass(frozen=True, slots=True)
class CoreMetadata:
    """The core metadata of a distribution, checked against its filename."""

    raw: bytes
    """`METADATA` or `PKG-INFO`, byte for byte."""
    metadata_version: str
    """Empty if missing."""
    requires_python: str | None
    """A valid version specifier."""
    summary: str
    """One line. Like all of this, it is untrusted text."""


def parse_metadata(raw: bytes, filename: DistributionFilename, findings: Findings) -> CoreMetadata:
    """Parse core metadata; raise `InvalidUploadError` unless all readers see the metadata of this filename."""
    fields = _parse_headers(raw, filename, findings)
    version = fields.get("metadata_version", "")
    _check_version(version, findings)
    metadata = Metadata.from_raw(fields, validate=False)
    _check_names(metadata, filename)
    for name in _CHECKED:
        if problem := _problem(metadata, name):
            findings.add(Rule.METADATA_FIELD, problem)
    return CoreMetadata(raw, version, _requires_python(metadata, fields, findings), _summary(fields, findings))


def fields_of(raw: bytes) -> RawMetadata:
    """Return the fields of stored core metadata, including the description; unreadable parts are omitted.

    Only the headers are parsed: on a description that looks like nested mail, Python's parser
    recurses.
    """
    headers, *body = _END_OF_HEADERS.split(raw, maxsplit=1)
    try:
        fields, _ = parse_email(headers + b"\n\n")
    except (ValueError, RecursionError):  # It was checked when it was stored, but perhaps by an older release.
        fields = RawMetadata()
    description = b"".join(body).decode(errors="replace")
    if description.strip():
        fields["description"] = description
    return fields


def _parse_headers(raw: bytes, filename: DistributionFilename, findings: Findings) -> RawMetadata:
    """Parse only the headers: a description cannot be invalid, but could pretend to be nested mail."""
    headers = _END_OF_HEADERS.split(raw, maxsplit=1)[0]
    if not _LINES.fullmatch(headers) or not _HEADERS.match(headers):
        raise InvalidUploadError(_SHAPE)
    if len({name.lower() for name in _FIELD_NAME.findall(headers)}) > _FIELD_NAMES:
        raise InvalidUploadError(f"The metadata has more than {_FIELD_NAMES} different fields")
    headers = _in_utf8(headers, filename, findings)
    fields = _fields(headers)
    if not _HEADERS.fullmatch(headers):
        _check_readings(headers, fields)
        findings.add(Rule.METADATA_LINE, f"{_SHAPE}, without line breaks in a field such as License")
    return fields


def _in_utf8(headers: bytes, filename: DistributionFilename, findings: Findings) -> bytes:
    """Return the headers in UTF-8. pip refuses a wheel with other metadata, but regenerates that of an sdist."""
    try:
        headers.decode()
    except UnicodeDecodeError as error:
        problem = f"The metadata cannot be read as UTF-8: {shown(str(error))}"
        if filename.filetype is FileType.WHEEL:
            raise InvalidUploadError(problem) from None
        findings.add(Rule.METADATA_ENCODING, problem)
    return headers.decode(errors="replace").encode()


def _check_readings(headers: bytes, fields: RawMetadata) -> None:
    """Refuse headers that differ between readers that stop, or go on, at a line that is not a header.

    Python regards the rest as the description; uv skips the line. Both must find the same fields.
    """
    going_on = _fields(b"".join(match[0] for match in _HEADERS.finditer(headers)))
    for name in ("metadata_version", *_REQUIRED, "requires_python", *_CHECKED):
        if going_on.get(name) != fields.get(name):
            raise InvalidUploadError(
                f"{_SHAPE}: after a line that is not a header, some installers see a different {_shown_name(name)}"
            )


def _fields(headers: bytes) -> RawMetadata:
    try:
        fields, unparsed = parse_email(headers + b"\n\n")
    except ValueError as error:
        raise InvalidUploadError(f"The metadata cannot be read: {shown(str(error))}") from None
    for name in _ONCE:
        if name in unparsed:
            raise InvalidUploadError(f"The metadata must have {name.title()} exactly once")
    return fields


def _check_version(version: str, findings: Findings) -> None:
    """Check Metadata-Version. An unknown minor version has the same meaning, with more fields."""
    if version in METADATA_VERSIONS:
        return
    message = f"Metadata-Version {shown(version)} is unknown: the newest supported one is {METADATA_VERSIONS[-1]}"
    major = re.match(r"\d{1,3}(?=\.)", version)
    if version and (major is None or int(major[0]) >= _NEXT_MAJOR_VERSION):
        raise InvalidUploadError(message)
    findings.add(Rule.METADATA_VERSION, message)


def _check_names(metadata: Metadata, filename: DistributionFilename) -> None:
    for name in _REQUIRED:
        if problem := _problem(metadata, name):
            raise InvalidUploadError(problem)
    if canonicalize_name(metadata.name) != filename.project:
        raise InvalidUploadError(
            f"The metadata names the project {shown(metadata.name)}, but the filename a different one"
        )
    if metadata.version != filename.version:
        raise InvalidUploadError(
            f"The metadata has the version {shown(str(metadata.version))}, but the filename a different one"
        )


def _requires_python(metadata: Metadata, fields: RawMetadata, findings: Findings) -> str | None:
    # A long header may be folded into several lines.
    specifier = " ".join(fields.get("requires_python", "").split())
    if len(specifier) > _CHARACTERS:
        raise InvalidUploadError(f"Requires-Python may have at most {_CHARACTERS} characters")
    if problem := _problem(metadata, "requires_python"):
        findings.add(Rule.METADATA_REQUIRES_PYTHON, f"{problem}; it has no effect")
        return None
    return specifier or None


def _summary(fields: RawMetadata, findings: Findings) -> str:
    summary = " ".join(fields.get("summary", "").split())
    if len(summary) > _CHARACTERS:
        findings.add(
            Rule.METADATA_SUMMARY, f"The Summary has more than {_CHARACTERS} characters, the rest is dropped"
        )
    return summary[:_CHARACTERS]


def _problem(metadata: Metadata, name: str) -> str:
    """Return the problem of a field; "" if it is valid."""
    try:
        getattr(metadata, name)
    except InvalidMetadata as error:
        return f"The metadata is not valid: {shown(str(error))}"
    except RecursionError:
        return "The metadata is not valid: a requirement's marker is nested too deeply"
    except ValueError as error:
        # Python raises this for numbers with thousands of digits.
        return f"The metadata is not valid: {shown(str(error))}"
    return ""


def _shown_name(name: str) -> str:
    return name.replace("_", "-").title()
