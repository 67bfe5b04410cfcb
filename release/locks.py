"""`python -m locks`: write every lock file of the project; `--upgrade` takes the newest versions.

Without `--upgrade` a lock keeps its versions as far as its requirements allow. Each lock holds for
all Pythons and platforms that the project supports (`uv pip compile --universal`).
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).parent / "uv"
OLDEST_PYTHON = "3.11"
DEVELOPMENT = "requirements-dev.txt"
IMAGE = "requirements.txt"
_WHEELS_ONLY = ("--only-binary", ":all:")
# Its packages are programs: what else they require is for other uses of them.
_PROGRAMS = "tests/cluster/locks/programs.in"
# A test resolves this application again and compares: its lock is data, and nothing is installed
# from it.
_DATA = "tests/integration/distributions/application.in"


@dataclass(frozen=True)
class Lock:
    """A lock file, and what it is made from; both are paths from the project's root."""

    source: str
    target: str
    options: tuple[str, ...] = ("--generate-hashes",)


def locks() -> Iterator[Lock]:
    """Return all lock files; the image's follows that of development, which it is a part of."""
    hashes = "--generate-hashes"
    yield Lock("pyproject.toml", DEVELOPMENT, (hashes, "--all-extras", "--group", "dev"))
    image = ("--extra", "operator", "--extra", "tracing", "--extra", "web", "--constraint", DEVELOPMENT)
    yield Lock("pyproject.toml", IMAGE, (hashes, *image, *_WHEELS_ONLY))
    for source in sorted(ROOT.glob("tests/*/locks/*.in")):
        path = source.relative_to(ROOT)
        alone = ("--no-deps", *_WHEELS_ONLY) if str(path) == _PROGRAMS else ()
        yield Lock(str(path), str(path.with_suffix(".txt")), (hashes, *alone))
    yield Lock(_DATA, str(Path(_DATA).with_suffix(".txt")), ())


def write(lock: Lock, *options: str) -> None:
    """Write a lock file."""
    header = ("--quiet", "--no-emit-index-url", "--custom-compile-command", "make lock")
    python = ("--universal", "--python-version", OLDEST_PYTHON)
    command = [str(UV), "pip", "compile", *header, *python, *lock.options, *options]
    subprocess.run([*command, lock.source, "--output-file", lock.target], cwd=ROOT, check=True)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m locks", description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    arguments = parser.parse_args()
    for lock in locks():
        sys.stdout.write(f"{lock.target}\n")
        write(lock, *(["--upgrade"] if arguments.upgrade else []))


if __name__ == "__main__":
    main()
