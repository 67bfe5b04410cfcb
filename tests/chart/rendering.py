"""The chart, rendered by helm without any cluster."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from cluster import tools
from support.mainjob import CHART

EVERYTHING = Path(__file__).with_name("everything.yaml")
"""Values with all on that can be on."""


def helm(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run helm, which may fail."""
    command = [str(tools.built(tools.HELM) / "helm"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def manifest(*options: object) -> str:
    """Return what the chart makes with these options of helm, as the release `release` in `system`."""
    done = helm("template", "release", CHART, "--namespace", "system", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(*options: object) -> list[dict[str, Any]]:
    """Return that as objects."""
    return [each for each in yaml.safe_load_all(manifest(*options)) if each]
