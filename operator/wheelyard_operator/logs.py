"""Writes log lines, as text or as JSON.

A line about a resource has its kind, namespace and name.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from wheelyard_operator.resource import Key
from wheelyard_operator.settings import JSON

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_about: ContextVar[Key | None] = ContextVar("about", default=None)


def set_up(log_format: str) -> None:
    """Send all lines to stderr in this format, kopf's too."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format == JSON else logging.Formatter(_FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # It would log every event that became a key.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)


@contextmanager
def about(key: Key) -> Iterator[None]:
    """Add this resource to every line that is logged in this thread or task."""
    token = _about.set(key)
    try:
        yield
    finally:
        _about.reset(token)


class JsonFormatter(logging.Formatter):
    """One JSON object per line, in ASCII, in the same form as the index servers' lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object; `time` is RFC 3339, in UTC."""
        written = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": written.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_resource(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _resource(record: logging.LogRecord) -> Mapping[str, Any]:
    """Return kind, namespace and name: those of kopf's line, or of the current reconciliation."""
    reference: Mapping[str, Any] | None = getattr(record, "k8s_ref", None)
    if reference is not None:
        return {field: reference[field] for field in ("kind", "namespace", "name") if reference.get(field)}
    key = _about.get()
    return key._asdict() if key is not None else {}
