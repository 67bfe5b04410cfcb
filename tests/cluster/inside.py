"""`python -m cluster.inside COMMAND...`: run a command of this working tree in a root made from the image's base.

The command sees the working tree and the cache under their own paths, the network of the host, and
the Python that the image has.
"""

import os
import subprocess
import sys
from pathlib import Path

from . import buildah, images
from .paths import REPOSITORY, cache
from .progress import ClusterError

# What programs of the host need to reach package indexes; a company's own authority is among the
# certificates.
_CERTIFICATES = Path("/etc/ssl/certs")
_PASSED = ("PIP_", "UV_", "SSL_CERT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SOURCE_DATE_EPOCH", "CI")


def run(command: list[str]) -> int:
    """Run a command and return its exit status."""
    environment = [f"{name}={value}" for name, value in os.environ.items() if name.startswith(_PASSED)]
    environment.append(f"WHEELYARD_CACHE={cache()}")
    with buildah.container(images.of_tests()) as name:
        return buildah.run_in(name, ["env", *environment, *command], _shared(), REPOSITORY)


def _shared() -> list[Path]:
    """Return the folders that the command sees; the history of a git worktree is outside of it."""
    git = ["git", "rev-parse", "--path-format=absolute", "--git-common-dir"]
    done = subprocess.run(git, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    history = [Path(done.stdout.strip())] if done.returncode == 0 else []
    outside = [each for each in history if not each.is_relative_to(REPOSITORY)]
    return [REPOSITORY, cache(), _CERTIFICATES, *outside]


def main() -> int:
    """Run the command line."""
    try:
        return run(sys.argv[1:])
    except ClusterError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
