"""What `wheelyard serve` would write to its log."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def collected(formatter: logging.Formatter) -> Iterator[io.StringIO]:
    """Collect all lines of all loggers, debugging included."""
    lines, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(lines), root.level
    handler.setFormatter(formatter)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(handler)
    root.setLevel(level)


def audit_lines(log: str) -> list[dict[str, Any]]:
    """Return what a log in JSON has of the audit."""
    lines = (json.loads(line) for line in log.splitlines() if line.startswith("{"))
    return [line for line in lines if line["logger"] == "audit"]
