"""Look into an uploaded distribution: it must be whole, sound, and what its filename says.

`wheel.py` and `sdist.py` say what must agree in the two kinds of distribution; `metadata.py` and `record.py` read
the files in them that tell. Below, `zip_archive.py` (with `zip_directory.py`) and `tar_archive.py` read archives
more strictly than the standard library does, with the rules of `paths.py` and `limits.py` for both.

Everything here blocks, in bounded memory, and raises `InvalidUploadError` for whatever is wrong with a file.
"""

from typing import BinaryIO

from wheelyard_server.catalog.inspection.limits import ArchiveLimits
from wheelyard_server.catalog.inspection.metadata import CoreMetadata
from wheelyard_server.catalog.inspection.sdist import inspect_sdist
from wheelyard_server.catalog.inspection.wheel import inspect_wheel
from wheelyard_server.names import DistributionFilename, FileType

__all__ = ["ArchiveLimits", "CoreMetadata", "inspect"]


def inspect(file: BinaryIO, filename: DistributionFilename, limits: ArchiveLimits) -> CoreMetadata:
    """Return the core metadata of a distribution, having read all of it.

    Raises `InvalidUploadError` unless the archive is well-formed and its content agrees with itself and with the
    filename. Blocks (for seconds, if the file is large): call it in a thread.
    """
    look = inspect_wheel if filename.filetype is FileType.WHEEL else inspect_sdist
    return look(file, filename, limits)
