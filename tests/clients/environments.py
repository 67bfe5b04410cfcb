"""An environment for each client: their dependencies conflict with each other's and with the project's own.

Each has a lock file (`make lock` renews them); twine and uv come with the development environment.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

from cluster.paths import cache, locked
from cluster.progress import say

LOCKS = Path(__file__).parent / "locks"
_DEVELOPMENT = Path(sys.executable).parent
UV = _DEVELOPMENT / "uv"
TWINE = _DEVELOPMENT / "twine"


def program(client: str) -> Path:
    """Return the program of a client that has a lock file."""
    return environment(client) / "bin" / client


def environment(client: str, locks: Path = LOCKS) -> Path:
    """Return the environment of a lock file: made the first time, then kept for all clones of the project."""
    lock = locks / f"{client}.txt"
    key = hashlib.sha256(f"{sys.base_prefix} {sys.version}".encode() + lock.read_bytes()).hexdigest()[:12]
    target = cache() / "clients" / f"{client}-{key}"
    ready = target / ".ready"
    with locked(f"client-{client}"):
        if not ready.exists():
            say(f"installing {client} (once)")
            subprocess.run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, target], check=True)
            subprocess.run([UV, "pip", "sync", "--quiet", "--python", target / "bin/python", lock], check=True)
            ready.touch()
    return target
