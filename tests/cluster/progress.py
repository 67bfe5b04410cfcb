"""What a person sees while they wait, and the one error that ends a command."""

import sys
import time
from pathlib import Path

_STARTED = time.monotonic()


class ClusterError(Exception):
    """Something is missing or failed; the message says what, and what to do."""


def say(message: str) -> None:
    """Write one progress line, with the seconds since the program started, to standard error."""
    sys.stderr.write(f"[{time.monotonic() - _STARTED:3.0f}s] {message}\n")
    sys.stderr.flush()


def log_tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log, and its path, ready to be put into an error."""
    text = log.read_text(errors="replace").splitlines() if log.exists() else ["(no such log)"]
    return "\n".join([f"the last lines of {log}:", *(f"    {line[:400]}" for line in text[-lines:])])
