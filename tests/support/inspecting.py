"""Inspect archives that a test has made."""

from pathlib import Path

import pytest

from wheelyard_server.catalog.inspection import ArchiveLimits, CoreMetadata, Inspected, inspect
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.model import MAX_FINDING_LENGTH, Finding
from wheelyard_server.names import parse_filename
from wheelyard_server.settings import Accept

WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"
ZIP_SDIST = "demo-1.0.zip"


def inspected(
    folder: Path, filename: str, body: bytes, accept: Accept, limits: ArchiveLimits | None = None
) -> Inspected:
    """Return what an inspection finds."""
    path = folder / filename
    path.write_bytes(body)
    with path.open("rb") as file:
        return inspect(file, parse_filename(filename), limits or ArchiveLimits(), accept)


def accepted(folder: Path, filename: str, body: bytes, limits: ArchiveLimits | None = None) -> CoreMetadata:
    """Return the metadata of a well-formed archive."""
    strict = inspected(folder, filename, body, Accept.WELL_FORMED, limits)
    assert inspected(folder, filename, body, Accept.INSTALLABLE, limits) == strict
    return strict.metadata


def refusal(folder: Path, filename: str, body: bytes, limits: ArchiveLimits | None = None) -> str:
    """Return why every index refuses an archive, in a text that fits into a reason phrase."""
    reasons = [_reason(folder, filename, body, accept, limits) for accept in Accept]
    assert len(set(reasons)) == 1 or "well-formed files)" in reasons[1], reasons
    return reasons[0]


def finding(folder: Path, filename: str, body: bytes, limits: ArchiveLimits | None = None) -> Finding:
    """Return the only finding of an archive, which is refused if only well-formed files are accepted."""
    (found,) = inspected(folder, filename, body, Accept.INSTALLABLE, limits).findings
    reason = _reason(folder, filename, body, Accept.WELL_FORMED, limits)
    assert reason.endswith(f" ({found.rule}; this index accepts only well-formed files)")
    assert len(found.message) <= MAX_FINDING_LENGTH
    return found


def _reason(folder: Path, filename: str, body: bytes, accept: Accept, limits: ArchiveLimits | None) -> str:
    with pytest.raises(InvalidUploadError) as caught:
        inspected(folder, filename, body, accept, limits)
    reason = str(caught.value)
    assert reason.isascii()
    assert reason.isprintable()
    assert len(reason) < 300
    return reason
