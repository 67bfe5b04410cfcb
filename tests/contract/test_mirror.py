"""Where each module is tested: in the test module of its name, or where tests/unit/README.md says."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from support.mainjob import ROOT

PACKAGES = {"wheelyard_server": ROOT / "indexserver", "wheelyard_operator": ROOT / "operator"}
TESTS = ROOT / "tests"
README = TESTS / "unit/README.md"
ROW = re.compile(r"^\| `(?P<module>[\w/]+)` \| (?P<tests>.*) \|$", re.MULTILINE)


def has_code(module: Path) -> bool:
    """Return whether a module has more than a docstring."""
    return len(ast.parse(module.read_text()).body) > 1


def modules() -> Iterator[str]:
    """Yield the modules as paths without suffix, such as wheelyard_server/web/error_statuses."""
    for root in PACKAGES.values():
        for each in sorted(root.rglob("*.py")):
            if has_code(each):
                yield str(each.relative_to(root).with_suffix("")).removesuffix("/__init__")


def mirror(module: str) -> Path:
    """Return where a module's own tests are, if it has any."""
    folder, _, name = module.rpartition("/")
    return TESTS / "unit" / folder / f"test_{name.strip('_')}.py"


MODULES = tuple(modules())
ELSEWHERE = {row["module"]: re.findall(r"`([^`]+)`", row["tests"]) for row in ROW.finditer(README.read_text())}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_tested_where_its_name_says_or_the_table(module: str) -> None:
    if mirror(module).exists():
        assert module not in ELSEWHERE, f"it has {mirror(module).relative_to(ROOT)}: take it out of the table"
    else:
        assert module in ELSEWHERE, f"write {mirror(module).relative_to(ROOT)}, or put it into {README}"


def test_a_test_module_that_is_no_mirror_says_what_it_is_about() -> None:
    mirrors = {mirror(module) for module in MODULES}
    others = [each for each in (TESTS / "unit").rglob("test_*.py") if each not in mirrors]
    assert [each for each in others if not ast.get_docstring(ast.parse(each.read_text()))] == []


@pytest.mark.parametrize("module", ELSEWHERE)
def test_the_table_has_modules_that_exist_and_tests_that_reach_them(module: str) -> None:
    assert module in MODULES
    assert ELSEWHERE[module]
    for test in ELSEWHERE[module]:
        assert (TESTS / test).exists(), f"there is no tests/{test}"
        assert module in reached(TESTS / test), f"tests/{test} does not import it, directly or indirectly"


@cache
def reached(test: Path) -> set[str]:
    """Return the modules of the product that a test module imports, itself or by others, or runs as a program."""
    fixtures = [each / "conftest.py" for each in test.parents if (each / "conftest.py").is_file()]
    todo = [test, *fixtures]
    found = set(todo)
    while todo:
        for each in imported(todo.pop()) - found:
            found.add(each)
            todo.append(each)
    return {name for each in found for root in PACKAGES.values() if (name := _name(each, root))}


def _name(module: Path, root: Path) -> str:
    if not module.is_relative_to(root):
        return ""
    return str(module.relative_to(root).with_suffix("")).removesuffix("/__init__")


@cache
def imported(module: Path) -> set[Path]:
    """Return the files of the repository that a module imports, and what programs it runs by name."""
    text = module.read_text()
    names = {match.replace("-", "_") for match in re.findall(r'"-m", "(wheelyard_\w+)"', text)}
    programs = {f"{name}.__main__" for name in names}
    tree = ast.parse(text)
    direct = {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
    of_packages = {
        f"{node.module}.{each.name}" if not node.level else _absolute(module, node, each.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    every = {*direct, *of_packages, *(name.rpartition(".")[0] for name in of_packages), *programs}
    return {file for name in every for file in _files(name)}


def _absolute(module: Path, node: ast.ImportFrom, name: str) -> str:
    folder = module.parents[node.level - 1]
    for root in (*PACKAGES.values(), TESTS):
        if folder.is_relative_to(root):
            parts = [*folder.relative_to(root).parts, *([node.module] if node.module else []), name]
            return ".".join(parts)
    return ""


def _files(name: str) -> Iterator[Path]:
    for root in (*PACKAGES.values(), TESTS):
        path = root / name.replace(".", "/")
        yield from (each for each in (path.with_suffix(".py"), path / "__init__.py") if name and each.is_file())
