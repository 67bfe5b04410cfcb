"""The inspection of wheels.

https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

import re
from email.message import Message
from email.parser import BytesHeaderParser
from typing import BinaryIO

from packaging.tags import Tag, parse_tag

from wheelyard_server.catalog.inspection.findings import Findings, Rule
from wheelyard_server.catalog.inspection.limits import ArchiveLimits
from wheelyard_server.catalog.inspection.metadata import CoreMetadata, parse_metadata
from wheelyard_server.catalog.inspection.record import check_record
from wheelyard_server.catalog.inspection.wording import shown
from wheelyard_server.catalog.inspection.zip_archive import ZipArchive
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.names import DistributionFilename, belongs_to, tag_count

_FILE_TAGS = 5000
"""Far more than any filename can contain."""
_OWNED_FOLDER = re.compile(r".+-.+\.data|.+\.dist-info")
_NESTED_DIST_INFO = re.compile(r"[^/]+\.data/(purelib|platlib)/[^/]+\.dist-info/", re.IGNORECASE)


def inspect_wheel(
    file: BinaryIO, filename: DistributionFilename, limits: ArchiveLimits, findings: Findings
) -> CoreMetadata:
    """Return a wheel's metadata; raise `InvalidUploadError` unless it is consistent. Reads the whole file."""
    archive = ZipArchive(file, limits, findings)
    dist_info = _dist_info(archive, filename)
    metadata = parse_metadata(archive.read(f"{dist_info}/METADATA", limits.metadata_bytes), filename, findings)
    _check_wheel_file(archive.read(f"{dist_info}/WHEEL", limits.metadata_bytes), filename, findings)
    check_record(archive, f"{dist_info}/RECORD", limits, findings)
    return metadata


def _dist_info(archive: ZipArchive, filename: DistributionFilename) -> str:
    """Return the name of the one .dist-info folder; a .data folder must belong to the same project."""
    found = [root for root in archive.tree.roots if root.lower().endswith(".dist-info")]
    if len(found) != 1 or not found[0].endswith(".dist-info"):
        raise InvalidUploadError(f"A wheel must have exactly one .dist-info folder, but this has {len(found)}")
    for folder in filter(_OWNED_FOLDER.fullmatch, archive.tree.roots):
        if not belongs_to(folder.rpartition(".")[0], filename):
            raise InvalidUploadError(f"The wheel's folder {shown(folder)} does not match its project and version")
    # When installed, these would be a second, unexpected project.
    for name in archive.files:
        if _NESTED_DIST_INFO.match(name):
            raise InvalidUploadError(f"The wheel contains the metadata of another project: {shown(name)}")
    return found[0]


def _check_wheel_file(raw: bytes, filename: DistributionFilename, findings: Findings) -> None:
    """Check WHEEL: the version of the format, and the tags, which must be those of the filename."""
    fields = BytesHeaderParser().parsebytes(raw)
    versions = [str(version).strip() for version in fields.get_all("Wheel-Version", [])]
    if len(versions) != 1 or not re.fullmatch(r"[01]\.\d{1,3}", versions[0]):
        raise InvalidUploadError(
            "The WHEEL file must have exactly one Wheel-Version, 1.0: build the wheel with a newer tool"
        )
    if not versions[0].startswith("1."):
        findings.add(Rule.WHEEL_VERSION, f"The Wheel-Version is {versions[0]}, which was never a standard")
    problem = _tag_problem(fields, filename)
    if problem:
        findings.add(Rule.WHEEL_TAGS, f"{problem}: build the wheel again, or rename it with 'wheel tags'")


def _tag_problem(fields: Message, filename: DistributionFilename) -> str:
    """Return the problem of the `Tag` lines, or ""; each may be compressed, as in a filename."""
    lines = [str(line) for line in fields.get_all("Tag", [])]
    if sum(tag_count(line) for line in lines) > _FILE_TAGS:
        return "The WHEEL file has too many tags"
    try:
        listed = frozenset[Tag]().union(*(parse_tag(line) for line in lines))
    except ValueError:
        return "The WHEEL file has an invalid Tag line"
    different = sorted(map(str, listed ^ filename.tags))
    return f"The tags of the filename and of the WHEEL file differ in {shown(different[0])}" if different else ""
