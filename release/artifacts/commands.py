"""Programs that the artifacts are made with."""

import subprocess
from collections.abc import Mapping


class ArtifactError(Exception):
    """A program failed; the text has what it printed."""


def run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a program and return what it prints; raise `ArtifactError` if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise ArtifactError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
