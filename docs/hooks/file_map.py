"""The file map: what each module is for, from the first line of its docstring. Run it to print the map."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("indexserver/wheelyard_server", "operator/wheelyard_operator", "release/artifacts")
MARKER = "<!-- file map -->"


class UndescribedModuleError(ValueError):
    """A module has no docstring, or one whose first line is no sentence."""


def modules(package: Path) -> Iterator[Path]:
    """Yield the modules of a package and of those in it, each package before its modules."""
    yield package / "__init__.py"
    yield from sorted(each for each in package.glob("*.py") if each.name != "__init__.py")
    for below in sorted(package.iterdir()):
        if (below / "__init__.py").exists():
            yield from modules(below)


def purpose(module: Path) -> str:
    """Return the first line of a module's docstring, or raise `UndescribedModuleError`."""
    line = (ast.get_docstring(ast.parse(module.read_text())) or "").partition("\n")[0]
    if not line.endswith((".", ":")):
        message = (
            f"{module.relative_to(ROOT)}: say in the first line of its docstring, in a sentence, what it is for"
        )
        raise UndescribedModuleError(message)
    return line.rstrip(":.") + "."


def table() -> str:
    """Return the map in Markdown: a heading and a table for each folder."""
    lines: list[str] = []
    for package in PACKAGES:
        for module in modules(ROOT / package):
            if module.name == "__init__.py":
                lines += ["", f"#### `{module.parent.relative_to(ROOT)}/`", "", purpose(module), ""]
                lines += ["| module | what it is for |", "| --- | --- |"]
            else:
                lines.append(f"| `{module.stem}` | {purpose(module).replace('|', chr(92) + '|')} |")
    return "\n".join([*_without_empty_tables(lines), ""])


def _without_empty_tables(lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        is_head = line.startswith(("| module", "| ---"))
        rest = (each for each in lines[number:] if not each.startswith(("| module", "| ---")))
        if not is_head or next(rest, "").startswith("| "):
            yield line


def with_map(markdown: str) -> str:
    """Return a page with the map in the place of its marker."""
    return markdown.replace(MARKER, table()) if MARKER in markdown else markdown


if __name__ == "__main__":
    sys.stdout.write(table())
