"""The one version of everything, and the one time."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSIONED = ("pyproject.toml", "charts/wheelyard/Chart.yaml", "docs/quickstart.md", "docs/operations.md")
"""The files that have the version in them. pyproject.toml decides; a test asserts that the others agree."""


def version() -> str:
    """Return the version of the wheel, the chart, the image and the command lines."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def set_version(new: str) -> None:
    """Write another version into every file that has it; raise ValueError unless it is one."""
    if not re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", new):
        raise ValueError(f"a version is like 1.2.3, not {new!r}")
    old = re.compile(rf"(?<![\d.]){re.escape(version())}(?![\d.])")
    for path in (ROOT / name for name in VERSIONED):
        path.write_text(old.sub(new, path.read_text()))


def epoch() -> int:
    """Return the time that everything is dated: SOURCE_DATE_EPOCH, or that of the commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    command = ["git", "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
