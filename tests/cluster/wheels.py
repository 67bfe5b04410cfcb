"""The wheels that go into images: for the images' Python and architecture, whatever the host's are."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .debian import HOST_ARCHITECTURE
from .paths import HERE, REPOSITORY, cache, locked
from .progress import ClusterError, log_tail, step

LOCK = REPOSITORY / "requirements.txt"
"""What the project's image installs in addition to the project's own wheel: versions, each with its hashes."""
CLIENT_LOCK = HERE / "locks/client.txt"
"""The tools of the client image: twine and uv."""
PYTHON = "3.13"
"""The Python of images: that of `debian.RELEASE`."""
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""The architectures of the image, as Debian and OCI call them, each with its name in wheels' platform tags."""
# The C library of `debian.RELEASE`, and the oldest one that PEP 600 has a tag for.
_GLIBC, _OLDEST_GLIBC = 41, 5
# Debian's, not a virtual environment's.
_PIP = ("/usr/bin/python3", "-m", "pip", "--disable-pip-version-check")
# What would make another Python of Debian's one.
_FOREIGN = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")


def of_project(architecture: str = HOST_ARCHITECTURE) -> Path:
    """Return a directory with `requirements.txt` of the image and the wheels that it names.

    pip has checked their hashes. The directory is kept by the content of the lock file.
    """
    return _collected("project", LOCK, architecture)


def of_client() -> Path:
    """Return a directory with `requirements.txt` of the client image and the wheels that it names."""
    return _collected("client", CLIENT_LOCK, HOST_ARCHITECTURE)


def build_project(target: Path) -> None:
    """Build the project's own wheel, of this working tree, into a directory, next to the lock file of its image."""
    _pip("wheelyard", target, "wheel", "--wheel-dir", str(target), "--no-deps", str(REPOSITORY))
    shutil.copy(LOCK, target / "requirements.txt")


def _collected(name: str, lock: Path, architecture: str) -> Path:
    options = (*_target(architecture), "--no-deps", "--require-hashes", "--requirement", str(lock))
    key = hashlib.sha256(repr((_PIP, name, options)).encode() + lock.read_bytes()).hexdigest()[:12]
    target = cache() / "wheels" / f"{name}-{architecture}-{key}"
    with locked(f"wheels-{name}-{architecture}"):
        if not target.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=target.parent))
            with step(f"collecting the wheels of the {name} image for {architecture}", "once, about 10 seconds"):
                _pip(name, scratch, "download", "--dest", str(scratch), *options)
            shutil.copy(lock, scratch / "requirements.txt")
            scratch.chmod(0o755)
            scratch.rename(target)
    return target


def _target(architecture: str) -> tuple[str, ...]:
    """Return pip's options for wheels of the images' Python; pip takes each platform tag by itself only."""
    machine = MACHINES[architecture]
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(_GLIBC, _OLDEST_GLIBC - 1, -1)]
    platforms = (f"--platform={tag}" for tag in (*tags, f"manylinux2014_{machine}"))
    return ("--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}", *platforms)


def _pip(name: str, target: Path, *arguments: str) -> None:
    log = cache() / "wheels" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    with log.open("w") as output:
        command = [*_PIP, *arguments]
        done = subprocess.run(command, stdout=output, stderr=output, env=environment, check=False)
    if done.returncode:
        shutil.rmtree(target, ignore_errors=True)
        raise ClusterError(f"pip failed; {log_tail(log)}")
