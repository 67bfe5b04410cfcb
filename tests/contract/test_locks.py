"""Lock files are written by `make lock`, and each requirement in them has hashes."""

import re
from pathlib import Path

import pytest

import locks

REPOSITORY = Path(__file__).parents[2]
ALL = list(locks.locks())


def locked(path: str) -> dict[str, list[str]]:
    """Return the requirements of a lock file, each with its hashes."""
    text = re.sub(r"\\\n", " ", (REPOSITORY / path).read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    return {
        line.partition(" --hash")[0].strip(): re.findall(r"--hash=(sha256:[0-9a-f]{64})", line) for line in lines
    }


@pytest.mark.parametrize(
    "lock", [each for each in ALL if "--generate-hashes" in each.options], ids=lambda each: each.target
)
def test_every_requirement_has_hashes(lock: locks.Lock) -> None:
    found = locked(lock.target)
    assert found
    assert [requirement for requirement, hashes in found.items() if not hashes] == []


def test_every_lock_file_is_written_by_make_lock() -> None:
    there = {str(each.relative_to(REPOSITORY)) for each in REPOSITORY.glob("tests/*/locks/*.txt")}
    assert there <= {each.target for each in ALL}


def test_the_image_installs_what_the_tests_run() -> None:
    image, development = locked(locks.IMAGE), locked(locks.DEVELOPMENT)
    assert image.keys() <= development.keys()
    assert all(set(image[each]) <= set(development[each]) for each in image)
