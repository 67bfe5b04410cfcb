"""The wheels that go into images, collected by the host's Python, which is also the images' Python."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .paths import REPOSITORY, cache, locked
from .progress import ClusterError, log_tail, step

LOCK = REPOSITORY / "requirements.txt"
"""What the project's image installs besides the project's own wheel: versions, each with its hashes."""
CLIENT_LOCK = REPOSITORY / "requirements-dev.txt"
"""The versions of the client image's tools."""
CLIENT_TOOLS = ("twine", "uv")
# Debian's, not a virtual environment's: images start from the same release's root file system.
_PIP = ("/usr/bin/python3", "-m", "pip", "--disable-pip-version-check")
# What would make another Python of Debian's one.
_FOREIGN = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")


def of_project() -> Path:
    """Return a directory with the lock file of the image and the wheels that it names, checked by their hashes.

    It is kept by the content of the lock file.
    """
    return _collected("project", LOCK, "--require-hashes", "--only-binary", ":all:", "--requirement", str(LOCK))


def of_client() -> Path:
    """Return a directory with the wheels of the tools that the client image publishes with."""
    return _collected("client", CLIENT_LOCK, "--constraint", str(CLIENT_LOCK), *CLIENT_TOOLS)


def build_project(target: Path) -> None:
    """Build the project's own wheel, of this working tree, into a directory, beside the lock file of its image."""
    _pip_wheel("wheelyard", target, "--no-deps", str(REPOSITORY))
    shutil.copy(LOCK, target)


def _collected(name: str, lock: Path, *arguments: str) -> Path:
    key = hashlib.sha256(repr((_PIP, name, CLIENT_TOOLS)).encode() + lock.read_bytes()).hexdigest()[:12]
    target = cache() / "wheels" / f"{name}-{key}"
    with locked(f"wheels-{name}"):
        if not target.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=target.parent))
            with step(f"collecting the wheels of the {name} image", "once, about half a minute"):
                _pip_wheel(name, scratch, *arguments)
            shutil.copy(lock, scratch)
            scratch.chmod(0o755)
            scratch.rename(target)
    return target


def _pip_wheel(name: str, target: Path, *arguments: str) -> None:
    log = cache() / "wheels" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    with log.open("w") as output:
        command = [*_PIP, "wheel", "--wheel-dir", str(target), *arguments]
        done = subprocess.run(command, stdout=output, stderr=output, env=environment, check=False)
    if done.returncode:
        shutil.rmtree(target, ignore_errors=True)
        raise ClusterError(f"pip failed; {log_tail(log)}")
