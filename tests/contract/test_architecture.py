"""Pages name modules, tests and methods that exist, so that a rename does not leave them behind."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from file_map import MARKER, PACKAGES
from support.documents import ROOT

PAGES = [
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "tests").rglob("README.md")),
]
ROOTS = [
    ROOT,
    *(ROOT / each for each in PACKAGES),
    *((ROOT / each).parent for each in PACKAGES),
    *(
        ROOT / "tests" / each
        for each in (".", "cluster", "unit", "unit/wheelyard_server", "unit/wheelyard_operator")
    ),
]
_PATH = re.compile(r"`(?:\.\.\./)?([\w./-]+\.py)(?:::\w+)?`")
_METHOD = re.compile(r"`([A-Z][A-Za-z0-9]+)\.([a-z_]\w*)(?:\([^`]*\))?`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_files_that_exist(page: Path) -> None:
    named = set(_PATH.findall(page.read_text()))
    assert [each for each in sorted(named) if not exists(each)] == []


def exists(name: str) -> bool:
    return any((root / name).exists() for root in ROOTS) or ("/" not in name and name in names_of_files())


@cache
def names_of_files() -> set[str]:
    return {each.name for each in [*(ROOT / "tests").rglob("*.py"), *(ROOT / "docs/hooks").glob("*.py")]}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_methods_that_exist(page: Path) -> None:
    """Only classes of ours count: names such as `Deployment.spec` are other people's."""
    named = set(_METHOD.findall(page.read_text()))
    assert [(kind, name) for kind, name in sorted(named) if kind in members() and name not in members()[kind]] == []


@cache
def members() -> dict[str, set[str]]:
    """Return what each class of both programs has: methods and fields by name."""
    found: dict[str, set[str]] = defaultdict(set)
    for package in PACKAGES:
        for module in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(module.read_text())):
                if isinstance(node, ast.ClassDef):
                    found[node.name] |= {name for part in node.body for name in _names(part)}
    return found


def _names(part: ast.stmt) -> list[str]:
    match part:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return [name]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            return [each.id for each in targets if isinstance(each, ast.Name)]
    return []


def test_the_site_has_the_file_map() -> None:
    assert (ROOT / "docs/architecture.md").read_text().count(MARKER) == 1


def test_every_decision_is_in_the_list_and_unused_numbers_are_named() -> None:
    readme = (ROOT / "docs/adr/README.md").read_text()
    used = {each.name for each in (ROOT / "docs/adr").glob("0*.md")}
    assert used == set(re.findall(r"\]\((0\d{3}-[\w.-]+)\)", readme))
    numbers = {int(each[:4]) for each in used}
    unused = set(range(1, max(numbers) + 1)) - numbers
    assert unused == {int(each) for each in re.findall(r"\b0\d{3}\b", readme.partition("| | decision")[0])}
