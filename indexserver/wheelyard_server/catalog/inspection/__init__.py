"""The inspection of an uploaded distribution: it must be complete, sound, and match its filename.

`wheel.py` and `sdist.py` define what must agree in the two kinds of distribution; `metadata.py` and
`record.py` read the files that are compared. Below them, `zip_archive.py` (with `zip_directory.py`)
and `tar_archive.py` read archives more strictly than the standard library does, with the rules of
`paths.py` and `limits.py` for both.

Everything here blocks, in bounded memory. A problem of a file raises `InvalidUploadError` or is a
finding; `findings.py` says which.
"""

from typing import BinaryIO, NamedTuple

from wheelyard_server.catalog.inspection.findings import Findings
from wheelyard_server.catalog.inspection.limits import ArchiveLimits
from wheelyard_server.catalog.inspection.metadata import CoreMetadata
from wheelyard_server.catalog.inspection.sdist import inspect_sdist
from wheelyard_server.catalog.inspection.wheel import inspect_wheel
from wheelyard_server.model import Finding
from wheelyard_server.names import DistributionFilename, FileType
from wheelyard_server.settings import Accept

__all__ = ["ArchiveLimits", "CoreMetadata", "Inspected", "inspect"]


class Inspected(NamedTuple):
    """The result of an inspection."""

    metadata: CoreMetadata
    findings: tuple[Finding, ...]
    """One finding per rule that the file breaks. Always empty if only well-formed files are
    accepted."""


def inspect(
    file: BinaryIO, filename: DistributionFilename, limits: ArchiveLimits, accept: Accept = Accept.WELL_FORMED
) -> Inspected:
    """Return the metadata and findings of a distribution, after reading all of it.

    Raises `InvalidUploadError` if the archive or its contents are deceptive, or contradict the
    filename. If only well-formed files are accepted, it also raises for every other problem.
    Blocks, for seconds if the file is large: call it in a thread.
    """
    look = inspect_wheel if filename.filetype is FileType.WHEEL else inspect_sdist
    findings = Findings(accept)
    metadata = look(file, filename, limits, findings)
    return Inspected(metadata, findings.found())
