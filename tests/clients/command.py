"""Running a client with nothing in its environment that could come from this machine's settings."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

Done = subprocess.CompletedProcess[str]

_CLEAN = {
    "PATH": os.defpath,
    "LC_ALL": "C.UTF-8",
    "COLUMNS": "500",  # so that no message is broken into lines
    "NO_COLOR": "1",
    "SOURCE_DATE_EPOCH": "1700000000",
    "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "UV_NO_CONFIG": "1",
    "UV_PYTHON_DOWNLOADS": "never",
    "PDM_CHECK_UPDATE": "false",
}


def run(*command: object, cwd: Path, variables: Mapping[str, str] | None = None) -> Done:
    """Run a client to its end; its home is `cwd`, so each test has caches and logins of its own."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**_CLEAN, "HOME": str(cwd), **(variables or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def output(done: Done) -> str:
    """Return what its user sees, on one line."""
    return " ".join((done.stdout + done.stderr).split())


def succeed(*command: object, cwd: Path, variables: Mapping[str, str] | None = None) -> str:
    """Run a client that must succeed and return what it prints."""
    done = run(*command, cwd=cwd, variables=variables)
    assert done.returncode == 0, output(done)
    return done.stdout
