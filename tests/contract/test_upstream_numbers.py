"""Where the bugs of other mirrors (T1 to T44) and our promises about upstreams (U1 to U14) are tested.

The list is in tests/unit/README.md. A test has its numbers in its name or in its docstring.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from support.mainjob import ROOT

TESTS = ROOT / "tests"
README = TESTS / "unit/README.md"
NUMBERS = (*(f"T{number}" for number in range(1, 45)), *(f"U{number}" for number in range(1, 15)))
LATER = {"T31", "T39"}
"""Numbers of policies on all paths, and of retention. Their rows may have tests, but need none."""
ROW = re.compile(r"^\| (?P<number>[TU]\d+) \| (?P<theme>[^|]+) \| (?P<tests>[^|]*) \|$", re.MULTILINE)
ROWS = {row["number"]: re.findall(r"`([^`]+)`", row["tests"]) for row in ROW.finditer(README.read_text())}


def test_every_number_has_its_row() -> None:
    assert list(ROWS) == list(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_is_tested_where_its_row_says(number: str) -> None:
    assert ROWS[number] or number in LATER, f"{number} has no test: name one in {README.relative_to(ROOT)}"
    for test in ROWS[number]:
        assert number in numbers_of(TESTS / test), f"no test in tests/{test} has {number} in its name or docstring"


@cache
def numbers_of(module: Path) -> frozenset[str]:
    """Return the numbers that the tests of a module are about."""
    return frozenset(number for text in _texts(module) for number in _numbers(text))


def _texts(module: Path) -> Iterator[str]:
    tree = ast.parse(module.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield f"{node.name.upper()} {ast.get_docstring(node) or ''}"
        elif isinstance(node, ast.ClassDef):
            yield ast.get_docstring(node) or ""
    yield ast.get_docstring(tree) or ""


def _numbers(text: str) -> Iterator[str]:
    """Yield the numbers of a text: `T3`, and all of `T30 to T34`."""
    for found in re.finditer(r"(?<![A-Z0-9])([TU])(\d+)(?: to [TU](\d+))?(?!\d)", text):
        for number in range(int(found[2]), int(found[3] or found[2]) + 1):
            yield f"{found[1]}{number}"
