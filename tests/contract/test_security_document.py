"""docs/security.md names a test for each threat: all of them exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.findall(r"`((?:tests/)?[\w/]+\.py)::(\w+)`", (ROOT / "docs/security.md").read_text())
WEB = "tests/unit/wheelyard_server/"


def test_the_document_names_tests() -> None:
    assert len(NAMED) > 40


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_the_document_names_exists(path: str, name: str) -> None:
    file = ROOT / (path if path.startswith("tests/") else WEB + path)
    tests = [
        each.name
        for each in ast.walk(ast.parse(file.read_text()))
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert name in tests
