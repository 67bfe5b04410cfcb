"""The page that describes every value of the Helm chart, from values.yaml and the comments in it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_MARKER = "<!-- values -->\n"
_KEY = re.compile(r"^( *)([A-Za-z0-9_.-]+):(?: |$)")


@dataclass(frozen=True)
class Value:
    """A value, such as `aws.region`, what it is unless it is set, and the comment above it."""

    path: str
    default: Any
    description: str


class UndescribedValueError(ValueError):
    """A value has no comment above it."""


def values(text: str) -> Iterator[Value]:
    """Return the values of a values.yaml in their order; raise `UndescribedValueError` at one without a comment.

    A mapping whose keys are described is no value itself; one without such keys is.
    """
    described = dict(_comments(text))
    for path, default in _leaves(yaml.safe_load(text), "", described):
        if not described.get(path):
            raise UndescribedValueError(f"values.yaml: write a comment above {path}, which says what it is for")
        yield Value(path, default, described[path])


def page(text: str) -> str:
    """Return the page."""
    lines = ["# Helm values", "", "Every value of `charts/wheelyard`, and what it is unless you set it.", ""]
    part = ""
    for value in values(text):
        first = value.path.partition(".")[0]
        if first != part:
            lines += [f"## {first}", ""]
            part = first
        if value.path != first:
            lines += [f"### `{value.path}`", ""]
        lines += [value.description, "", *_default(value.default), ""]
    return "\n".join(lines)


def table(text: str) -> str:
    """Return the values as a table, for the chart's README."""
    rows = [f"| `{each.path}` | `{json.dumps(each.default)}` | {each.description} |" for each in values(text)]
    return "\n".join(["| value | default | what |", "| --- | --- | --- |", *rows, ""])


def readme(chart: Path) -> str:
    """Return a chart's README with the table of its values as it should be."""
    written, marker, _ = (chart / "README.md").read_text().partition(_MARKER)
    return written + marker + "\n" + table((chart / "values.yaml").read_text())


def _default(default: Any) -> list[str]:
    if isinstance(default, dict) and default:
        return ["```yaml", *yaml.safe_dump(default, sort_keys=False).splitlines(), "```"]
    return [f"Default: `{json.dumps(default)}`"]


def _leaves(tree: Any, path: str, described: dict[str, str]) -> Iterator[tuple[str, Any]]:
    for name, below in tree.items():
        here = f"{path}.{name}" if path else name
        parts = isinstance(below, dict) and below and any(described.get(f"{here}.{each}") for each in below)
        if parts or (isinstance(below, dict) and below and not described.get(here)):
            yield from _leaves(below, here, described)
        else:
            yield here, below


def _comments(text: str) -> Iterator[tuple[str, str]]:
    """Return each key's path with the comment right above it."""
    parents: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped.lstrip("#").removeprefix(" -- ").strip())
            continue
        if found := _KEY.match(line):
            indent = len(found[1])
            parents = [each for each in parents if each[0] < indent]
            parents.append((indent, found[2]))
            yield ".".join(name for _, name in parents), " ".join(comment)
        comment = []


if __name__ == "__main__":
    CHART = Path(__file__).parents[2] / "charts/wheelyard"
    (CHART / "README.md").write_text(readme(CHART))
