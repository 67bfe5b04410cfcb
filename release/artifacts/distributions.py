"""The wheel and the sdist."""

import os
import sys
from pathlib import Path

from .commands import run
from .project import ROOT


def build(target: Path, epoch: int) -> list[Path]:
    """Build both; the wheel is made of the sdist, so it proves that nothing is missing there."""
    before = set(target.iterdir())
    # Without isolation: the backend is the locked one.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(ROOT)]
    run(*command, environment={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)})
    return sorted(set(target.iterdir()) - before)
