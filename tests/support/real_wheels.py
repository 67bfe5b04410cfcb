"""Real wheels, by a list with digests: each is taken, with the findings that the list names.

`make real-wheels` goes through all of them, one after the other (1.6 GB, removed as it goes); tests
take a sample.
"""

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from wheelyard_server.catalog.inspection import ArchiveLimits, inspect
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.names import distribution_identity, parse_filename
from wheelyard_server.settings import Accept

LIST = Path(__file__).parents[1] / "integration/distributions/real_wheels.txt"


class RealWheel(NamedTuple):
    """A line of the list."""

    filename: str
    size: int
    sha256: str
    rules: tuple[str, ...]
    """The rules of its findings."""


def listed() -> Iterator[RealWheel]:
    """Yield all wheels of the list."""
    for line in LIST.read_text().splitlines():
        if not line.startswith("#"):
            filename, size, sha256, *rules = line.split(" ")
            yield RealWheel(filename, int(size), sha256, tuple(rules[0].split(",")) if rules else ())


def fetch(wheel: RealWheel, folder: Path) -> Path:
    """Return the wheel's path in a folder; fetch it with pip if it is not there."""
    path = folder / wheel.filename
    if not path.exists():
        arguments = ("download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:")
        parsed = parse_filename(wheel.filename)
        wanted = f"{parsed.project}=={parsed.version}"
        pip = [sys.executable, "-m", "pip", *arguments, *_target(wheel.filename), "--dest", str(folder), wanted]
        subprocess.run(pip, check=True)
    return path


def _target(filename: str) -> list[str]:
    """Return the options that make pip choose this very wheel, whatever Python runs it."""
    identity = distribution_identity(filename)
    assert identity is not None
    pythons, abis, platforms = (part.split(".") for part in identity.tags)
    # py3 means any Python 3, py32 and cp311 say which.
    version = max(pythons)[2:]
    options = ["--python-version", version if len(version) > 1 else "3.11", "--implementation", "cp"]
    for option, values in (("--abi", abis), ("--platform", platforms)):
        options += [word for value in values if value not in {"none", "any"} for word in (option, value)]
    return options


def problem(wheel: RealWheel, path: Path) -> str:
    """Return what is not as the list has it; "" if all is."""
    if hashlib.sha256(path.read_bytes()).hexdigest() != wheel.sha256:
        return "has another digest than in the list"
    try:
        with path.open("rb") as file:
            found = inspect(file, parse_filename(wheel.filename), ArchiveLimits(), Accept.INSTALLABLE).findings
    except InvalidUploadError as error:
        return f"is refused: {error}"
    rules = tuple(each.rule for each in found)
    return "" if rules == wheel.rules else f"has the findings {', '.join(rules) or 'none'}"


def main() -> int:
    """Check the whole list, and the wheels of a folder if one is given; return the exit status."""
    problems = 0
    with tempfile.TemporaryDirectory() as temporary:
        for wheel in listed():
            folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary)
            found = problem(wheel, fetch(wheel, folder))
            if found:
                problems += 1
                sys.stdout.write(f"{wheel.filename} {found}\n")
            if folder == Path(temporary):
                (folder / wheel.filename).unlink()
    sys.stdout.write(f"{len(list(listed()))} wheels, {problems} problems\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
