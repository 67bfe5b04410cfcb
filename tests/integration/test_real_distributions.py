"""The distributions of the most used projects are accepted, by all the rules for an upload.

The lists next to this file name the distributions, with versions, so that the test says the same
every day. They are fetched from the configured package index once and kept in the cache.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cluster.paths import cache
from wheelyard_server.catalog.inspection import ArchiveLimits, inspect
from wheelyard_server.names import FileType, parse_filename

UNEARTH = Path(sys.executable).parent / "unearth"
LISTS = Path(__file__).parent / "distributions"
WANTED = [
    (FileType.WHEEL, "recent.txt"),
    (FileType.SDIST, "recent.txt"),
    (FileType.WHEEL, "old_wheels.txt"),
    (FileType.SDIST, "old_sdists.txt"),
]
ONLY = {FileType.WHEEL: "--only-binary", FileType.SDIST: "--no-binary"}


def requirements(name: str) -> list[str]:
    return [line for line in (LISTS / name).read_text().splitlines() if not line.startswith("#")]


def fetched(filetype: FileType, name: str) -> Path:
    """Return a folder with the distributions of a list; fetch them all if they are not all there."""
    digest = hashlib.sha256((LISTS / name).read_bytes()).hexdigest()[:12]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache() / "distributions" / f"{filetype}-{Path(name).stem}-{version}-{digest}"
    if not folder.is_dir():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run([UNEARTH, ONLY[filetype], "--download", partial, "--requirements", LISTS / name], check=True)
        partial.rename(folder)
    return folder


@pytest.mark.parametrize(
    ("filetype", "name", "requirement"),
    [(filetype, name, line) for filetype, name in WANTED for line in requirements(name)],
)
def test_a_real_distribution_is_accepted(filetype: FileType, name: str, requirement: str) -> None:
    wanted = Requirement(requirement)
    found = [
        path
        for path in fetched(filetype, name).iterdir()
        if parse_filename(path.name).project == canonicalize_name(wanted.name)
    ]
    assert len(found) == 1
    filename = parse_filename(found[0].name)
    assert filename.filetype is filetype
    with found[0].open("rb") as file:
        assert inspect(file, filename, ArchiveLimits()).findings == ()
