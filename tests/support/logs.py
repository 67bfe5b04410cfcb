"""What `wheelyard serve` would write to its log."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager


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
