"""Older releases of the index server, from the history of this repository."""

import subprocess
from pathlib import Path

from support.documents import ROOT

FORMAT_1 = "cc2aa7bdfd975700ed5bf7fc97254ef48548a066"
"""The last commit whose servers know format 1 and no other."""


def unpacked(commit: str, folder: Path) -> Path:
    """Unpack the index server of a commit and return what its Python path has to begin with."""
    archive = subprocess.run(
        ["git", "archive", "--format=tar", commit, "indexserver"], cwd=ROOT, capture_output=True, check=False
    )
    assert archive.returncode == 0, (
        f"The tests run the index server of {commit}, which this clone does not have: "
        f"git fetch --unshallow ({archive.stderr.decode().strip()})"
    )
    subprocess.run(["tar", "--extract"], cwd=folder, input=archive.stdout, check=True)
    return folder / "indexserver"
