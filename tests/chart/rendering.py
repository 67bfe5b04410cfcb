"""Renders the chart with helm, without a cluster."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from cluster import pypi
from support.mainjob import CHART

EVERYTHING = Path(__file__).with_name("everything.yaml")
"""Values that enable everything."""


def helm(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run helm; it may fail."""
    command = [str(pypi.helm()), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def manifest(*options: object) -> str:
    """Return the manifest of the release `release` in `system`, with these options of helm."""
    done = helm("template", "release", CHART, "--namespace", "system", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(*options: object) -> list[dict[str, Any]]:
    """Return the manifest's objects."""
    return [each for each in yaml.safe_load_all(manifest(*options)) if each]
