"""The answers of the management API as text for people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from packaging.version import InvalidVersion, Version

MAX_VERSIONS = 20
"""A project may have thousands; `--json` prints all of them."""


def as_text(answer: Any) -> str:
    """Return an answer as text: a line for each value, a table for lists of objects."""
    lines = []
    for key, value in answer.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines += ["  ".join(_cells(row)) for row in value]
        elif isinstance(value, dict):
            lines.append(f"{key}: {' '.join(f'{name} {each}' for name, each in value.items())}")
        elif isinstance(value, list):
            lines.append(f"{key}: {' '.join(map(str, value)) or '-'}")
        else:
            lines.append(f"{key}: {'-' if value in (None, '') else value}")
    return "\n".join(lines)


def table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as a table with a head, "-" for values that are missing."""
    cells = [[each.upper() for each in columns], *([_printable(row[each]) for each in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def counted(number: int, one: str, many: str) -> str:
    """Return a number with the words for one thing, or for more or none."""
    return f"{number} {one if number == 1 else many}"


def _printable(value: Any) -> str:
    """Return a value for a cell. Authors of foreign texts must not control the terminal."""
    return "".join(each if each.isprintable() else "?" for each in str(value)) if value else "-"


def project_as_text(project: Any) -> str:
    """Return a project without its files, of which there may be thousands, and with its newest versions first."""
    versions = newest_first(project["versions"])
    more = len(versions) - MAX_VERSIONS
    shown = [*versions[:MAX_VERSIONS], f"and {more} more (--json)"] if more > 0 else versions
    parts = {name: project[name] for name in ("name", "upstream", "status", "statusReason")}
    return as_text({**parts, "versions": shown})


def newest_first(versions: Iterable[str]) -> list[str]:
    """Return versions in the order of PEP 440, the newest first. Those of upstreams that break it come last."""
    return sorted(versions, key=_order, reverse=True)


def _order(version: str) -> tuple[bool, Version, str]:
    try:
        return True, Version(version), version
    except (InvalidVersion, ValueError):
        # Python raises ValueError for numbers with thousands of digits.
        return False, Version("0"), version


def _cells(row: dict[str, Any]) -> list[str]:
    """Return the values that a row has. A flag that is set is its name, such as `newer`."""
    present = {key: value for key, value in row.items() if not (value is None or value is False or value == [])}
    return [key if value is True else str(value) for key, value in present.items()]
