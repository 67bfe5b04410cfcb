"""The command line `wheelyard`, run as people run it."""

import os
import subprocess
import sys
from collections.abc import Mapping


def wheelyard(
    *arguments: str, stdin: str = "", variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing of this process's environment but what the storage needs."""
    kept = ("PATH", "PYTHONPATH")
    inherited = {name: value for name, value in os.environ.items() if name in kept or name.startswith("AWS_")}
    environment = {**inherited, "HOME": "/nonexistent", **(variables or {})}
    command = [sys.executable, "-m", "wheelyard_server", *arguments]
    return subprocess.run(
        command, input=stdin, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
