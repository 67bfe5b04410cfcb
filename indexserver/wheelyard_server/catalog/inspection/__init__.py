"""Look into an uploaded distribution: it must be whole, sound, and what its filename says.

`wheel.py` and `sdist.py` say what must agree in the two kinds of distribution; `metadata.py` and `record.py` read
the files in them that tell. Below, `zip_archive.py` (with `zip_directory.py`) and `tar_archive.py` read archives
more strictly than the standard library does, with the rules of `paths.py` and `limits.py` for both.

Everything here blocks, in bounded memory. What is wrong with a file raises `InvalidUploadError` or is a finding;
`findings.py` says which of the two.
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
    """What an inspection found."""

    metadata: CoreMetadata
    findings: tuple[Finding, ...]
    """One for each rule that the file breaks. Always empty where only well-formed files are taken."""


def inspect(
    file: BinaryIO, filename: DistributionFilename, limits: ArchiveLimits, accept: Accept = Accept.WELL_FORMED
) -> Inspected:
    """Return what is in a distribution, having read all of it.

    Raises `InvalidUploadError` if the archive or its content deceives, or does not agree with the filename; and for
    whatever is wrong with it, if only what is well-formed is accepted. Blocks (for seconds, if the file is large):
    call it in a thread.
    """
    look = inspect_wheel if filename.filetype is FileType.WHEEL else inspect_sdist
    findings = Findings(accept)
    metadata = look(file, filename, limits, findings)
    return Inspected(metadata, findings.found())
