"""Parses and formats the lines of an index server's log."""

import json
from typing import Any

from wheelyard_operator.kubectl.terminal import printable

_HEAD = ("time", "level", "logger", "message")


def parse_line(text: str) -> dict[str, Any]:
    """Return the fields of a line; a line that is not a JSON object is a message."""
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    return fields if isinstance(fields, dict) else {"message": text}


def format_line(fields: dict[str, Any]) -> str:
    """Return time, level, logger and message, then the other fields as `key=value`."""
    time = str(fields.get("time", ""))[:19].replace("T", " ")
    head = [time, str(fields.get("level", "")), str(fields.get("logger", "")), str(fields.get("message", ""))]
    rest = [f"{key}={_value(value)}" for key, value in fields.items() if key not in {*_HEAD, "exception"}]
    lines = [" ".join(part for part in [*head, *rest] if part)]
    lines += [f"    {line}" for line in str(fields.get("exception", "")).splitlines()]
    return "\n".join(printable(line) for line in lines)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or " " in text else text
