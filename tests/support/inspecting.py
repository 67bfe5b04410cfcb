"""Inspect archives that a test has made."""

from pathlib import Path

import pytest

from wheelyard_server.catalog.inspection import ArchiveLimits, CoreMetadata, inspect
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.names import parse_filename

WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"
ZIP_SDIST = "demo-1.0.zip"


def accepted(folder: Path, filename: str, body: bytes, limits: ArchiveLimits | None = None) -> CoreMetadata:
    """Return what a good archive says of itself."""
    path = folder / filename
    path.write_bytes(body)
    with path.open("rb") as file:
        return inspect(file, parse_filename(filename), limits or ArchiveLimits())


def refusal(folder: Path, filename: str, body: bytes, limits: ArchiveLimits | None = None) -> str:
    """Return why a bad archive is refused, in a text that fits into a reason phrase."""
    with pytest.raises(InvalidUploadError) as caught:
        accepted(folder, filename, body, limits)
    reason = str(caught.value)
    assert reason.isascii()
    assert reason.isprintable()
    assert len(reason) < 300
    return reason
